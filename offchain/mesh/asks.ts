import { type Bytes, equal } from "../core/bytes.ts";
import { decodeEntries } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import type { Answer, Question } from "../core/events.ts";
import { decodePage, encodeCursor, LIMIT_MEMORY_PAGE_BYTES } from "../core/memory-page.ts";
import { decodeAttestReply, encodeProposal } from "../core/proposal.ts";
import { decodeSegment, type Segment } from "../core/segment.ts";
import { decodeTreePage } from "../core/stated-tree.ts";
import { TREE } from "../core/tree.ts";
import { framed, LANE_OF, LIMIT_FETCH, type Method, parse, plain, WIRE_TREES } from "./frames.ts";
import {
  AttestRequest,
  AttestResponse,
  CutReply,
  CutRequest,
  FetchRequest,
  MemoryReply,
  MemoryRequest,
  TreeReply,
  TreeRequest,
} from "./generated/mesh.ts";
import { readSegment } from "./receive.ts";
import type { CallLimits, Clock, Link } from "./transport.ts";
import type { FaultKind, Lane, PeerHandlers } from "./types.ts";

const ATTEST_MS = 5_000;
const CUT_MS = 10_000;
const MEMORY_MS = 10_000;
const TREE_MS = 10_000;
const FETCH_IDLE_MS = 10_000;
/** Segments that came wait this long for others, to be handed over with them; not when they are this many bytes. */
const PART_MS = 20;
const PART_BYTES = 256 * 1024;

type Fetch = Extract<Question, { type: "fetch" }>;
type Memory = Extract<Question, { type: "memory" }>;
type Tree = Extract<Question, { type: "tree" }>;
type Sized = { segment: Segment; size: number };

export type AskPorts = {
  clock: Clock;
  linkTo(peer: Bytes): Link | undefined;
  answered: PeerHandlers["answered"];
  count(peer: Bytes, lane: Lane, bytes: number): void;
  fault(kind: FaultKind, from: Bytes, error: unknown): void;
};

/** Our open questions to peers. Each has exactly one final answer, unless it is forgotten. */
export class Asks {
  readonly #ports: AskPorts;
  readonly #open = new Map<number, Asking>();

  constructor(ports: AskPorts) {
    this.#ports = ports;
  }

  ask(id: number, to: Bytes, question: Question): void {
    this.forget(id);
    const asking: Asking = new Asking(this.#ports, to, (answer, final) => {
      if (this.#open.get(id) !== asking) return; // forgotten, maybe by whoever heard the part before
      if (final) this.#open.delete(id);
      return this.#say(id, to, answer);
    });
    this.#open.set(id, asking);
    asking.begin(question);
  }

  forget(id: number): void {
    this.#open.get(id)?.stop();
    this.#open.delete(id);
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.forget(id);
  }

  #say(id: number, to: Bytes, answer: Answer): void | Promise<void> {
    const failed = (error: unknown) => this.#ports.fault("handler", to, error);
    try {
      const taken = this.#ports.answered(id, answer);
      if (taken instanceof Promise) return taken.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

type Say = (answer: Answer, final: boolean) => void | Promise<void>;

class Asking {
  readonly #ports: AskPorts;
  readonly #to: Bytes;
  readonly #say: Say;
  #part: Sized[] = [];
  #partBytes = 0;
  #cancel: () => void = () => {};
  #cancelFlush: (() => void) | undefined;

  constructor(ports: AskPorts, to: Bytes, say: Say) {
    this.#ports = ports;
    this.#to = to;
    this.#say = say;
  }

  begin(question: Question): void {
    try {
      if (question.type === "fetch") this.#fetch(question, question.from);
      else if (question.type === "cut") this.#cut(question.number);
      else if (question.type === "memory") this.#memory(question);
      else if (question.type === "tree") this.#tree(question);
      else this.#attest(framed(AttestRequest, { proposal: encodeProposal(question.proposal) }));
    } catch (error) {
      this.#cancel = this.#ports.clock.after(0, () => this.#fail(asWeftError(error)));
    }
  }

  stop(): void {
    this.#cancel();
    this.#cancelFlush?.();
  }

  #attest(request: Buffer): void {
    this.#once("attest", request, ATTEST_MS, (frame) => ({
      type: "attest",
      reply: decodeAttestReply(plain(parse(AttestResponse, frame).reply)),
    }));
  }

  #cut(number: number): void {
    this.#once("cut", framed(CutRequest, { number }), CUT_MS, (frame) => {
      const { found, entries } = parse(CutReply, frame);
      return { type: "cut", entries: found ? decodeEntries(plain(entries), 2 ** TREE.cut.depth) : undefined };
    });
  }

  #memory({ number, from }: Memory): void {
    const request = framed(MemoryRequest, { number, from: encodeCursor(from) });
    this.#once("memory", request, MEMORY_MS, (frame) => {
      const { found, page } = parse(MemoryReply, frame);
      if (page.length > LIMIT_MEMORY_PAGE_BYTES)
        throw new WeftError("malformed", "more than a page of a memory", { field: "page" });
      return { type: "memory", page: found ? decodePage(plain(page)) : undefined, size: page.length };
    });
  }

  #tree({ number, hash, tree, first }: Tree): void {
    const request = framed(TreeRequest, { number, checkpoint: hash, tree: WIRE_TREES[tree], first });
    this.#once("tree", request, TREE_MS, (frame) => {
      const { found, leaves, more } = parse(TreeReply, frame);
      return { type: "tree", page: found ? decodeTreePage(tree, plain(leaves), more) : undefined };
    });
  }

  /** A call that is answered by one frame. */
  #once(method: Method, request: Buffer, timeoutMs: number, read: (frame: Buffer) => Answer): void {
    let answer: Answer | undefined;
    this.#call(
      method,
      request,
      { timeoutMs },
      (frame) => {
        if (answer) throw new WeftError("malformed", "a second answer to one question", { field: method });
        answer = read(frame);
      },
      () => {
        if (answer) this.#say(answer, true);
        else this.#fail(this.#malformed(new WeftError("malformed", "the peer answered nothing", { field: method })));
      },
    );
  }

  /** From here on, in as many calls as it takes. */
  #fetch(question: Fetch, from: number): void {
    const { track, to } = question;
    const toSequence = Math.min(to, from + LIMIT_FETCH - 1);
    let next = from;
    const request = framed(FetchRequest, {
      operator: track.operator,
      incarnation: track.incarnation,
      fromSequence: from,
      toSequence,
    });
    this.#call(
      "fetch",
      request,
      { idleMs: FETCH_IDLE_MS },
      (frame) => {
        const bytes = readSegment(frame);
        const segment = decodeSegment(bytes);
        const { operator, incarnation, sequence } = segment.header;
        // A peer that holds no more of a track's beginning sends what it has.
        if (next === question.from && sequence > next && sequence <= toSequence) next = sequence;
        const isNext = sequence === next && equal(operator, track.operator) && equal(incarnation, track.incarnation);
        if (!isNext || next > toSequence)
          throw new WeftError("malformed", "not the segment that was asked for", { field: "segment" });
        next++;
        return this.#collect({ segment, size: bytes.length });
      },
      () => {
        if (next > toSequence && toSequence < to) this.#fetch(question, next);
        else this.#flush(true);
      },
    );
  }

  #call(
    method: Method,
    request: Buffer,
    limits: CallLimits,
    read: (frame: Buffer) => void | Promise<void>,
    done: () => void,
  ): void {
    const { linkTo, count } = this.#ports;
    const link = linkTo(this.#to);
    if (!link) throw new WeftError("unknown_peer", "the registry does not list this operator", { field: "peer" });
    this.#cancel = link.call(method, request, limits, {
      frame: (frame) => {
        count(this.#to, LANE_OF[method], frame.length);
        try {
          return read(frame);
        } catch (error) {
          throw this.#malformed(error);
        }
      },
      over: (error) => {
        if (error) this.#fail(error);
        else this.#guard(done);
      },
    });
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(asWeftError(error));
    }
  }

  #collect(one: Sized): void | Promise<void> {
    this.#part.push(one);
    this.#partBytes += one.size;
    if (this.#partBytes >= PART_BYTES) return this.#flush(false);
    this.#cancelFlush ??= this.#ports.clock.after(PART_MS, () => void this.#flush(false));
  }

  #flush(last: boolean): void | Promise<void> {
    const segments = this.#part;
    this.#part = [];
    this.#partBytes = 0;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    if (last || segments.length > 0) return this.#say({ type: "segments", segments, last }, last);
  }

  /** What came before it counts. */
  #fail(error: WeftError): void {
    this.#flush(false);
    this.#say({ type: "failed", error }, true);
  }

  #malformed(error: unknown): WeftError {
    this.#ports.fault("malformed", this.#to, error);
    return asWeftError(error);
  }
}

const asWeftError = (error: unknown): WeftError =>
  error instanceof WeftError ? error : new WeftError("internal", "the question could not be asked", { cause: error });

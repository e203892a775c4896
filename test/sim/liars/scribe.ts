import type { Bytes } from "../../../offchain/core/bytes.ts";
import { Context } from "../../../offchain/core/context.ts";
import type { Hashing, Signer } from "../../../offchain/core/ports.ts";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import { type Segment, sealSegment, type TrackKey, trackId, turnId } from "../../../offchain/core/segment.ts";
import {
  type CloseReason,
  encodeSnapshot,
  type Learn,
  type Place,
  SALT_BYTES,
  type Snapshot,
  type TokenKind,
  type Tokens,
  type TurnClose,
  type TurnOpen,
} from "../../../offchain/core/snapshot.ts";
import { MODEL_ID, rowsOf } from "../model.ts";
import type { Random } from "../random.ts";

export type Ink = { hashing: Hashing; separator: Bytes; signer: Signer; random: Random };
export type Sealed = Segment & { hash: Bytes };

/** Writes a track by hand: by the rules as long as nobody asks for something else. */
export class Scribe {
  readonly ink: Ink;
  readonly track: TrackKey;
  readonly id: Bytes;
  readonly written: Sealed[] = [];
  /** The track can never go on: somebody holds a segment of it that breaks a rule. */
  broken = false;
  #pending: Bytes[] = [];
  #latest?: ScribedTurn;

  constructor(ink: Ink, track: TrackKey) {
    this.ink = ink;
    this.track = track;
    this.id = trackId(ink.hashing, track);
  }

  get sequence(): number {
    return this.written.length;
  }

  get head(): Bytes {
    return this.written.at(-1)?.hash ?? this.id;
  }

  /** Where the next snapshot will stand. */
  get next(): Place {
    return { sequence: this.sequence + 1, index: this.#pending.length };
  }

  add(snapshot: Snapshot): Place {
    return this.addBody(encodeSnapshot(snapshot));
  }

  /** Any bytes for a snapshot. */
  addBody(body: Bytes): Place {
    const place = this.next;
    this.#pending.push(body);
    return place;
  }

  /** Signs what was added as the next segment, or as another one for the place `at`. */
  seal(at: { sequence: number; previous: Bytes } = { sequence: this.sequence + 1, previous: this.head }): Sealed {
    const { hashing, separator, signer, random } = this.ink;
    const snapshots = this.#pending.map((body) => ({ salt: random.bytes(SALT_BYTES), body }));
    this.#pending = [];
    const sealed = sealSegment(hashing, separator, signer, this.track, at, snapshots);
    if (at.sequence === this.sequence + 1) this.written.push(sealed);
    return sealed;
  }

  /** A request that nobody made. */
  request(given: readonly number[], changes: Partial<Request> = {}): Request {
    const { hashing, random } = this.ink;
    return {
      requester: random.bytes(32),
      nonce: random.bytes(32),
      model: MODEL_ID,
      before: { root: Context.empty(hashing).root, length: 0 },
      after: { root: Context.of(hashing, given).root, length: given.length },
      parameters: { temperature: 0, stop: [] },
      maxLength: 64,
      ...changes,
    };
  }

  open(request: Request, changes: Partial<TurnOpen> = {}): ScribedTurn {
    const place = this.next;
    const start = { length: 0, peaks: [] };
    this.add({ type: "open", requestId: requestId(this.ink.hashing, request), request, start, ...changes });
    const { length, peaks } = changes.start ?? start;
    this.#latest = new ScribedTurn(this, request, place, contextOf(this.ink.hashing, length, peaks));
    return this.#latest;
  }

  /** The turn that was written last, to go on with. */
  again(): ScribedTurn {
    if (!this.#latest) throw new TypeError("no turn was written yet");
    return this.#latest;
  }

  /** A whole turn that keeps every rule, of tokens that no model said. Not sealed. */
  turn(written = 3): ScribedTurn {
    const given = this.tokens(2);
    return this.open(this.request(given)).tokens("given", given).tokens("written", this.tokens(written));
  }

  tokens(count: number): number[] {
    return Array.from({ length: count }, () => this.ink.random.int(1, 200));
  }
}

export class ScribedTurn {
  readonly id: Bytes;
  readonly request: Request;
  readonly context: Context;
  readonly opened: Place;
  latest: Place;
  /** What the rows of each `Tokens` snapshot are, by its place. */
  readonly rows: { place: Place; rows: Bytes }[] = [];
  readonly #scribe: Scribe;
  readonly #start: number;

  constructor(scribe: Scribe, request: Request, opened: Place, context: Context) {
    this.#scribe = scribe;
    this.request = request;
    this.opened = opened;
    this.latest = opened;
    this.context = context;
    this.#start = context.length;
    this.id = turnId(scribe.ink.hashing, scribe.id, opened);
  }

  tokens(kind: TokenKind, ids: readonly number[], changes: Partial<Tokens> = {}, rows?: Bytes): this {
    const first = this.context.length;
    const { root } = this.context.append(ids);
    const said = rows ?? rowsOf([...new Array(first).fill(0), ...ids], first, ids.length);
    const rowsDigest = this.#scribe.ink.hashing.sha256(said);
    const body = { turn: this.id, previous: this.latest, first, kind, root, rowsDigest, ids, ...changes };
    this.latest = this.#scribe.add({ type: "tokens", ...body });
    this.rows.push({ place: this.latest, rows: said });
    return this;
  }

  learn(first: number, count: number, changes: Partial<Learn> = {}): this {
    const { length, root } = this.context;
    const memory = { columns: 256, orders: [1, 2], salt: MODEL_ID, writers: [] };
    const stated = { memory, start: this.#start, first, count, length, root, ...changes };
    const body = { turn: this.id, previous: this.latest, ...stated };
    this.latest = this.#scribe.add({ type: "learn", ...body });
    return this;
  }

  close(reason: CloseReason = "end", changes: Partial<TurnClose> = {}): this {
    const { length, root } = this.context;
    const id = requestId(this.#scribe.ink.hashing, this.request);
    const body = { turn: this.id, previous: this.latest, requestId: id, length, root, reason, ...changes };
    this.latest = this.#scribe.add({ type: "close", ...body });
    return this;
  }
}

/** Also of peaks that are none: then from the beginning. */
function contextOf(h: Hashing, length: number, peaks: readonly Bytes[]): Context {
  try {
    return Context.fromPeaks(h, length, peaks);
  } catch {
    return Context.empty(h);
  }
}

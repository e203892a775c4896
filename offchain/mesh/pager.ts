import { encodeBeat, LIMIT_BEAT_HEADS } from "../core/beat.ts";
import { type Bytes, equal } from "../core/bytes.ts";
import { type Advance, trackName } from "../core/cut.ts";
import { type Evidence, encodeEvidence } from "../core/evidence.ts";
import type { Flow } from "./flow.ts";
import { PagerMessage } from "./generated/mesh.ts";
import type { BeatState } from "./types.ts";
import { framed, hex } from "./wire.ts";

const SOONEST_MS = 20;
const LATEST_MS = 250;
const LIMIT_EVIDENCE = 255;

type Subscriber = {
  flow: Flow;
  /** What the beats of this stream have said: the base of the next delta. */
  heads: Map<string, Bytes>;
  accused: Set<string>;
  evidence: Buffer[];
  due: boolean;
};

type Named = { state: BeatState; heads: readonly [string, Advance][]; accused: readonly [string, Bytes][] };

/**
 * Beats and evidence to all subscribers. A beat that cannot leave yet is not queued: the delta is made when there is room,
 * from the newest state. Evidence is never dropped, and whoever subscribes gets all of it.
 */
export class Pager {
  readonly #stateOf: () => BeatState;
  readonly #fault: (error: unknown) => void;
  readonly #subscribers = new Set<Subscriber>();
  readonly #evidence = new Map<string, Buffer>();
  #state: Named | undefined;
  #lastBeat = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #hurried = false;
  #stopped = true;

  /** @param fault is told when there is no state to be had, or none that fits a beat. */
  constructor(stateOf: () => BeatState, fault: (error: unknown) => void) {
    this.#stateOf = stateOf;
    this.#fault = fault;
  }

  start(): void {
    this.#stopped = false;
    this.#arm(LATEST_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#subscribers.clear();
  }

  subscribe(flow: Flow): void {
    const evidence = [...this.#evidence.values()];
    const subscriber: Subscriber = { flow, heads: new Map(), accused: new Set(), evidence, due: true };
    this.#subscribers.add(subscriber);
    flow.closed.addEventListener("abort", () => this.#subscribers.delete(subscriber), { once: true });
    flow.onRoom = () => this.#pump(subscriber);
    this.#refresh();
    this.#pump(subscriber);
  }

  /** Something became durable: a beat at once, but not more often than every 20 ms. */
  changed(): void {
    if (this.#stopped || this.#hurried) return;
    this.#hurried = true;
    const wait = this.#lastBeat + SOONEST_MS - performance.now();
    clearTimeout(this.#timer);
    if (wait > 0) this.#arm(wait);
    else this.#soon = setImmediate(() => this.#beat());
  }

  publishEvidence(evidence: Evidence): void {
    const accused = hex(evidence.a.header.operator);
    if (this.#evidence.has(accused)) return; // one contradiction convicts, another says nothing new
    const frame = framed(PagerMessage, { message: { $case: "evidence", value: encodeEvidence(evidence) } });
    this.#evidence.set(accused, frame);
    for (const subscriber of this.#subscribers) {
      subscriber.evidence.push(frame);
      this.#pump(subscriber);
    }
    this.changed();
  }

  #arm(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#beat(), wait);
  }

  #beat(): void {
    this.#hurried = false;
    this.#lastBeat = performance.now();
    this.#arm(LATEST_MS);
    if (this.#subscribers.size === 0 || !this.#refresh()) return;
    for (const subscriber of this.#subscribers) {
      subscriber.due = true;
      this.#pump(subscriber);
    }
  }

  #refresh(): boolean {
    try {
      const state = this.#stateOf();
      this.#state = {
        state,
        heads: state.heads.map((head) => [trackName(head), head]),
        accused: state.evidence.map((operator) => [hex(operator), operator]),
      };
      return true;
    } catch (error) {
      this.#fault(error);
      return false;
    }
  }

  #pump(subscriber: Subscriber): void {
    const { flow } = subscriber;
    while (flow.room && subscriber.evidence.length > 0) flow.send(subscriber.evidence.shift()!);
    try {
      while (flow.room && subscriber.due && this.#state) flow.send(delta(subscriber, this.#state));
    } catch (error) {
      subscriber.due = false;
      this.#fault(error);
    }
  }
}

/** The next beat to one subscriber. It stays due when not all changes fit into one message. */
function delta(subscriber: Subscriber, { state, heads, accused }: Named): Buffer {
  const movedHeads = heads.filter(([name, { head }]) => {
    const said = subscriber.heads.get(name);
    return !said || !equal(said, head);
  });
  const newAccused = accused.filter(([name]) => !subscriber.accused.has(name));
  const sentHeads = movedHeads.slice(0, LIMIT_BEAT_HEADS);
  const sentAccused = newAccused.slice(0, LIMIT_EVIDENCE);
  for (const [name, { head }] of sentHeads) subscriber.heads.set(name, head);
  for (const [name] of sentAccused) subscriber.accused.add(name);
  subscriber.due = sentHeads.length < movedHeads.length || sentAccused.length < newAccused.length;
  const beat = {
    ...state,
    heads: sentHeads.map(([, head]) => head),
    evidence: sentAccused.map(([, operator]) => operator),
  };
  return framed(PagerMessage, { message: { $case: "beat", value: encodeBeat(beat) } });
}

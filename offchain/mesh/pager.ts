import { encodeBeat, LIMIT_BEAT_HEADS } from "../core/beat.ts";
import type { Bytes } from "../core/bytes.ts";
import { type Evidence, encodeEvidence } from "../core/evidence.ts";
import { framed, hex } from "./frames.ts";
import { PagerMessage } from "./generated/mesh.ts";
import type { Clock, Outlet } from "./transport.ts";
import type { BeatState } from "./types.ts";

const SOONEST_MS = 20;
const LATEST_MS = 250;
/** What beats may take of the connections: in a large mesh each names many heads, so that they come less often. */
const BYTES_PER_MS = 4_000;
const LIMIT_EVIDENCE = 255;
/** So often everything is said anew: nobody is wrong about a peer for longer than that. */
const WHOLE_MS = 30_000;

type Subscriber = {
  out: Outlet;
  /** Until which change of a head the beats of this stream have told: the base of the next delta. */
  told: number;
  accused: Set<string>;
  evidence: Buffer[];
  due: boolean;
  /** When it is next told everything. */
  wholeAt: number;
};

type Named = { state: BeatState; accused: readonly [string, Bytes][] };

/**
 * Beats and evidence to all subscribers. A beat that cannot leave yet is not queued: the delta is made when there is room,
 * from the newest state. Evidence is never dropped, and whoever subscribes gets all of it.
 */
export class Pager {
  readonly #clock: Clock;
  readonly #stateOf: () => BeatState;
  readonly #fault: (error: unknown) => void;
  readonly #subscribers = new Set<Subscriber>();
  readonly #evidence = new Map<string, Buffer>();
  #state: Named | undefined;
  #lastBeat = Number.NEGATIVE_INFINITY;
  /** Sent since then. */
  #bytes = 0;
  #cancel: () => void = () => {};
  #hurried = false;
  #stopped = true;

  /** @param fault is told when there is no state to be had, or none that fits a beat. */
  constructor(clock: Clock, stateOf: () => BeatState, fault: (error: unknown) => void) {
    this.#clock = clock;
    this.#stateOf = stateOf;
    this.#fault = fault;
  }

  start(): void {
    this.#stopped = false;
    this.#arm(LATEST_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#subscribers.clear();
  }

  subscribe(out: Outlet): void {
    const evidence = [...this.#evidence.values()];
    const subscriber: Subscriber = { out, told: 0, accused: new Set(), evidence, due: true, wholeAt: 0 };
    this.#subscribers.add(subscriber);
    out.closed.addEventListener("abort", () => this.#subscribers.delete(subscriber), { once: true });
    out.onRoom = () => this.#pump(subscriber);
    this.#refresh();
    this.#pump(subscriber);
  }

  /** Something became durable: a beat at once, but not more often than every 20 ms, nor than beats of this size may come. */
  changed(): void {
    if (this.#stopped || this.#hurried) return;
    this.#hurried = true;
    const apart = Math.min(LATEST_MS, Math.max(SOONEST_MS, Math.ceil(this.#bytes / BYTES_PER_MS)));
    this.#arm(Math.max(0, this.#lastBeat + apart - this.#clock.now()));
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
    this.#cancel();
    this.#cancel = this.#clock.after(wait, () => this.#beat());
  }

  #beat(): void {
    this.#hurried = false;
    this.#lastBeat = this.#clock.now();
    this.#bytes = 0;
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
      this.#state = { state, accused: state.evidence.map((operator) => [hex(operator), operator]) };
      return true;
    } catch (error) {
      this.#fault(error);
      return false;
    }
  }

  #next(subscriber: Subscriber, state: Named): Buffer {
    const now = this.#clock.now();
    const whole = now >= subscriber.wholeAt;
    if (whole) {
      if (subscriber.wholeAt > 0) subscriber.evidence.push(...this.#evidence.values());
      subscriber.wholeAt = now + WHOLE_MS;
      subscriber.told = 0;
      subscriber.accused.clear();
    }
    return delta(subscriber, state, whole);
  }

  #pump(subscriber: Subscriber): void {
    const { out } = subscriber;
    while (out.room && subscriber.evidence.length > 0) out.send(subscriber.evidence.shift()!);
    try {
      while (out.room && subscriber.due && this.#state) {
        const beat = this.#next(subscriber, this.#state);
        this.#bytes += beat.length;
        out.send(beat);
      }
    } catch (error) {
      subscriber.due = false;
      this.#fault(error);
    }
  }
}

/** The next beat to one subscriber. It stays due when not all changes fit into one message. */
function delta(subscriber: Subscriber, { state, accused }: Named, whole: boolean): Buffer {
  const { heads, at, more } = state.heads.since(subscriber.told, LIMIT_BEAT_HEADS);
  const newAccused = accused.filter(([name]) => !subscriber.accused.has(name));
  const sentAccused = newAccused.slice(0, LIMIT_EVIDENCE);
  subscriber.told = at;
  for (const [name] of sentAccused) subscriber.accused.add(name);
  subscriber.due = more || sentAccused.length < newAccused.length;
  const beat = { ...state, whole, heads, evidence: sentAccused.map(([, operator]) => operator) };
  return framed(PagerMessage, { message: { $case: "beat", value: encodeBeat(beat) } });
}

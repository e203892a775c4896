import { type Bytes, equal, fromHex, toHex } from "./bytes.ts";
import type { CutEntry } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { Effect, Question } from "./events.ts";
import type { MemoryCursor } from "./memory-page.ts";
import type { Held } from "./range.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import type { TreeRequest } from "./stated-tree.ts";

/** Segments asked for at once. */
export const FETCH_SPAN = 1024;
/** A fetch is given up after this, however busily its peer drips. */
const FETCH_MS = 15_000;
const CUT_MS = 5_000;
/** Questions to one peer at a time. */
const MOST_PER_PEER = 16;

/** What a question is for. */
export type Errand = { id: number; peer: Bytes; until: number } & (
  | { kind: "segments"; track: TrackKey; from: number; to: number }
  /** What a quorum attested to: taken by its hashes, whatever has become of its author since. */
  | { kind: "committed"; entry: CutEntry; from: number; to: number; got: Held[] }
  /** What stands before our base, up to what we hold: believed because it leads to our head. */
  | { kind: "history"; track: TrackKey; from: number; to: number; got: Held[] }
  | { kind: "cut"; number: number }
  /** The last cut that everybody still owes: how far everything is over. */
  | { kind: "over"; number: number }
  | { kind: "memory"; number: number; from: MemoryCursor }
  | ({ kind: "tree" } & TreeRequest)
);

type Errandless = Errand extends infer E ? (E extends unknown ? Omit<E, "id" | "until"> : never) : never;

/** Who was asked for what: one question per track at a time, few to one peer, none waited for for long. */
export class Errands {
  readonly #replica: Replica;
  readonly #nextId: () => number;
  readonly #errands = new Map<number, Errand>();
  /** By track, `cut`, `memory` or tree. */
  readonly #busy = new Map<string, Errand>();
  readonly #up = new Set<string>();
  /** How often was asked, by track, `cut`, `memory` or tree. */
  readonly #attempts = new Map<string, number>();

  constructor(replica: Replica, nextId: () => number) {
    this.#replica = replica;
    this.#nextId = nextId;
  }

  /** Peers that can be asked, in hexadecimal. */
  get up(): ReadonlySet<string> {
    return this.#up;
  }

  peer(peer: Bytes, up: boolean): Effect[] {
    const name = toHex(peer);
    if (up) {
      this.#up.add(name);
      return [];
    }
    this.#up.delete(name);
    return [...this.#errands.values()]
      .filter((errand) => equal(errand.peer, peer))
      .flatMap((errand) => this.giveUp(errand));
  }

  /** The question with this id, unless its answer is not waited for any more. */
  get(id: number): Errand | undefined {
    return this.#errands.get(id);
  }

  /** @param name of a track, `cut`, `memory` or a tree */
  isBusy(name: string): boolean {
    return this.#busy.has(name);
  }

  /** Asks, unless something is being asked for under this name, or the peer is away or has been asked enough. */
  send(errand: Errandless, name: string, now: number): Effect[] {
    if (this.#busy.has(name) || !this.#up.has(toHex(errand.peer))) return [];
    // Also when the peer has enough to do: next time it is another's turn.
    this.#attempts.set(name, this.#turn(name) + 1);
    let asked = 0;
    for (const one of this.#errands.values()) if (equal(one.peer, errand.peer)) asked += 1;
    if (asked >= MOST_PER_PEER) return [];
    const id = this.#nextId();
    const sent = { ...errand, id, until: now + (errand.kind === "cut" ? CUT_MS : FETCH_MS) } as Errand;
    this.#errands.set(id, sent);
    this.#busy.set(name, sent);
    return [{ type: "ask", id, to: sent.peer, question: questionOf(sent) }];
  }

  done(errand: Errand): void {
    this.#errands.delete(errand.id);
    for (const [name, one] of this.#busy) if (one === errand) this.#busy.delete(name);
  }

  giveUp(errand: Errand): Effect[] {
    this.done(errand);
    return [{ type: "forget", id: errand.id }];
  }

  /** Gives up what took too long. */
  tick(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const errand of [...this.#errands.values()])
      if (now >= errand.until) {
        effects.push(...this.giveUp(errand));
        const error = new WeftError("deadline", "the peer took too long to send what it was asked for");
        effects.push({ type: "fault", kind: "fetch", operator: errand.peer, error });
      }
    return effects;
  }

  /** Of a track, the peers that are up and say that they hold it so far; each question another one comes first. */
  holders(name: string, sequence: number): Bytes[] {
    const holds = (peer: string) => (this.#replica.peers.get(peer)?.heads.get(name)?.sequence ?? 0) >= sequence;
    return this.#inTurn([...this.#up].filter(holds), name);
  }

  /** The peers that are up; for each question under this name another one comes first. */
  anybody(name: string): Bytes[] {
    return this.#inTurn([...this.#up], name);
  }

  #inTurn(peers: string[], name: string): Bytes[] {
    const first = peers.length === 0 ? 0 : this.#turn(name) % peers.length;
    const sorted = peers.sort();
    return [...sorted.slice(first), ...sorted.slice(0, first)].map((peer) => fromHex(peer));
  }

  /** Not all tracks are asked of the same peer first. */
  #turn(name: string): number {
    return this.#attempts.get(name) ?? (Number.parseInt(name.slice(-4), 16) || 0);
  }
}

function questionOf(errand: Errand): Question {
  const { kind } = errand;
  if (kind === "cut" || kind === "over") return { type: "cut", number: errand.number };
  if (kind === "memory") return { type: "memory", number: errand.number, from: errand.from };
  if (kind === "tree") {
    const { number, hash, tree, first } = errand;
    return { type: "tree", number, hash, tree, first };
  }
  return { type: "fetch", track: keyOf(errand), from: errand.from, to: errand.to };
}

export function keyOf(errand: Exclude<Errand, { kind: "cut" | "over" | "memory" | "tree" }>): TrackKey {
  const { operator, incarnation } = errand.kind === "committed" ? errand.entry : errand.track;
  return { operator, incarnation };
}

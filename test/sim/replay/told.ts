import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import type { MemoryDefinition } from "../../../offchain/core/memory-definition.ts";
import type { Hashing } from "../../../offchain/core/ports.ts";
import { type Segment, type TrackKey, trackId, turnId } from "../../../offchain/core/segment.ts";
import { decodeSnapshot, type Learn, type Snapshot, type TokenKind } from "../../../offchain/core/snapshot.ts";

/** What a segment teaches, and what is wrong with that. */
export type Taught = {
  author: Bytes;
  memory: MemoryDefinition;
  /** Positions that are learnt, ascending, each with the tokens of the turn up to it, by position. */
  positions: readonly number[];
  start: number;
  ids: ReadonlyMap<number, number>;
  /** Names an invariant, and says what does not hold. */
  fault?: readonly [invariant: string, what: string];
};

type Heard = { track: TrackKey; sequence: number; previous: string; snapshots: readonly Snapshot[] };

/** Everything that anybody honest ever stored, by header hash: forks of a track stand side by side. */
export class Told {
  readonly #h: Hashing;
  readonly #heard = new Map<string, Heard>();

  constructor(h: Hashing) {
    this.#h = h;
  }

  hear({ header, snapshots }: Segment, hash: Bytes): void {
    const name = toHex(hash);
    if (this.#heard.has(name)) return;
    const { operator, incarnation, sequence, previous } = header;
    const read = snapshots.map(({ body }) => decodeSnapshot(body));
    this.#heard.set(name, { track: { operator, incarnation }, sequence, previous: toHex(previous), snapshots: read });
  }

  /** Hashes of the segments of a track after `from`, up to this head, ascending; undefined when one was never heard. */
  path(head: Bytes, from: number): string[] | undefined {
    const path: string[] = [];
    for (let at: string = toHex(head); ; ) {
      const heard = this.#heard.get(at);
      if (!heard) return undefined;
      if (heard.sequence <= from) return path.reverse();
      path.push(at);
      if (heard.sequence === from + 1) return path.reverse();
      at = heard.previous;
    }
  }

  /** @param hash in hexadecimal, of a segment that was heard */
  taught(hash: string): Taught | undefined {
    const { track, snapshots } = this.#heard.get(hash) as Heard;
    const index = snapshots.findIndex(({ type }) => type === "learn");
    if (index < 0) return undefined;
    const learn = snapshots[index] as Learn;
    const positions = Array.from({ length: learn.count }, (_, i) => learn.first + i);
    const before = this.#before(hash, index, learn);
    const { memory, start } = learn;
    const taught = { author: track.operator, memory, positions, start, ids: before?.ids ?? new Map() };
    if (!before) return { ...taught, fault: ["S3", "teaches what a turn says that its track did not open"] };
    if (index < snapshots.length - 1) return { ...taught, fault: ["S2", "teaches, and goes on in the same segment"] };
    if (positions.some((position) => before.kinds.get(position) !== "written"))
      return { ...taught, fault: ["S2", "teaches what its turn has not written before"] };
    if (positions.some((position) => before.learnt.has(position)))
      return { ...taught, fault: ["S2", "teaches the same position again"] };
    return taught;
  }

  /** What the turn had said before a snapshot of it; undefined when the track never opened it. */
  #before(hash: string, index: number, { turn }: Learn) {
    const [ids, kinds, learnt] = [new Map<number, number>(), new Map<number, TokenKind>(), new Set<number>()];
    const name = toHex(turn);
    for (let at = hash, until = index; ; ) {
      const heard = this.#heard.get(at);
      if (!heard) return undefined;
      for (const said of heard.snapshots.slice(0, until)) {
        if (said.type === "open" || toHex(said.turn) !== name) continue;
        if (said.type === "tokens")
          for (const [i, id] of said.ids.entries()) {
            ids.set(said.first + i, id);
            kinds.set(said.first + i, said.kind);
          }
        else if (said.type === "learn") for (let i = 0; i < said.count; i++) learnt.add(said.first + i);
      }
      if (this.#opens(heard, until, name)) return { ids, kinds, learnt };
      at = heard.previous;
      until = Number.POSITIVE_INFINITY;
    }
  }

  #opens({ track, sequence, snapshots }: Heard, until: number, name: string): boolean {
    return snapshots
      .slice(0, until)
      .some(
        ({ type }, index) =>
          type === "open" && toHex(turnId(this.#h, trackId(this.#h, track), { sequence, index })) === name,
      );
  }
}

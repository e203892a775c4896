import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import type { Committed } from "../../../offchain/core/checkpoints.ts";
import type { Consensus } from "../../../offchain/core/consensus.ts";
import type { Memories } from "../../../offchain/core/memories.ts";
import type { Hashing } from "../../../offchain/core/ports.ts";
import type { Protocol } from "../../../offchain/core/protocol.ts";
import type { Request } from "../../../offchain/core/request.ts";
import type { Segment } from "../../../offchain/core/segment.ts";
import { tokenAt, uniform } from "../model.ts";
import { FullReplay, isTrue, rowAt, rowsAt, type Stand } from "../replay/full-replay.ts";
import { mixedBy } from "../replay/reader.ts";
import type { Seen } from "./seen.ts";
import { type NodeView, Violation } from "./types.ts";

/** Long-term memories, held against a full replay of everything that was committed. */
export class Memory {
  readonly #seen: Seen;
  readonly #replay: FullReplay;
  readonly #h: Hashing;
  /** Checkpoints whose views were looked at, by who holds them. */
  readonly #looked = new WeakMap<Protocol, Set<string>>();
  /** Positions that committed checkpoints have learnt, whether they stand or fell, and tokens drawn from a memory. */
  learnt = 0;
  read = 0;
  /** Committed checkpoints that honest workers attested to nothing of, and whose memory is wrong. */
  readonly wrong = new Set<string>();

  constructor(seen: Seen, h: Hashing) {
    this.#seen = seen;
    this.#h = h;
    this.#replay = new FullReplay(h);
  }

  hear(segment: Segment, hash: Bytes): void {
    this.#replay.hear(segment, hash);
  }

  /** A worker has heard of the chain: what it takes for the memory of the latest checkpoint is what it must be. */
  follows({ name, protocol, honest }: NodeView): void {
    if (!protocol) return;
    const { latest } = protocol.consensus;
    const stand = this.#standAt(protocol.consensus, latest);
    const looked = this.#looked.get(protocol) ?? new Set<string>();
    this.#looked.set(protocol, looked);
    if (!stand || !honest || looked.has(toHex(latest.hash))) return;
    const view = protocol.consensus.memoriesAt(latest.checkpoint.number);
    if (!view) return;
    looked.add(toHex(latest.hash));
    const rows = new Map([...stand.added].map(([memory, added]) => [memory, added.keys()]));
    this.#equal("S1", name, latest, stand, view, rows);
  }

  /** What follows from the segments of a checkpoint, and of those before it; undefined as long as nobody has shown their cuts. */
  #standAt(consensus: Consensus, { checkpoint, hash, cut, parent }: Committed): Stand | undefined {
    const known = this.#replay.at(hash);
    if (known || !cut) return known;
    if (checkpoint.number === 0) return this.#replay.begin(hash, cut);
    const extended = consensus.committed(parent);
    const before = extended && this.#standAt(consensus, extended);
    const stand = before && this.#replay.extend(before, hash, cut);
    if (stand) this.#judge(stand, { checkpoint, hash });
    return stand;
  }

  #judge(stand: Stand, { checkpoint, hash }: Pick<Committed, "checkpoint" | "hash">): void {
    const honest = this.#seen.attested.get(toHex(hash))?.size ?? 0;
    for (const { fault, positions } of stand.taught) {
      this.learnt += positions.length;
      this.#seen.hold(fault?.[0] ?? "S2", !fault, () => `a segment of checkpoint ${checkpoint.number} ${fault?.[1]}`);
    }
    const holds = isTrue(stand, checkpoint);
    if (!holds) this.wrong.add(toHex(hash));
    this.#seen.hold(
      "S1",
      holds || honest === 0,
      () => `${honest} honest workers attested to ${checkpoint.number}, whose memory is not that of its segments`,
    );
  }

  /** A view has in these rows what the full replay has. */
  #equal(
    invariant: string,
    who: string,
    { checkpoint: { number } }: Committed,
    stand: Stand,
    view: Memories,
    rows: ReadonlyMap<string, Iterable<string>>,
  ): void {
    for (const [id, names] of rows) {
      const definition = stand.definitions.get(id);
      const memory = [...view.entries()].map(([, one]) => one).find((one) => one && toHex(one.id) === id);
      for (const name of names) {
        const [order, row] = name.split(" ").map(Number);
        const own = memory?.row(order, row);
        const counts = rowAt(stand, id, name);
        const said = [...(own?.cells() ?? [])];
        const total = said.reduce((sum, [, count]) => sum + count, 0);
        this.#seen.hold(
          invariant,
          definition !== undefined &&
            said.length === counts.size &&
            said.every(([column, count]) => counts.get(column) === count) &&
            own?.total === total &&
            own.distinct === counts.size,
          () =>
            `${who} has other counts in row ${name} of a memory at checkpoint ${number} than its segments add up to`,
        );
      }
    }
  }

  /** S8: what a worker knows of the memories, however it came by it, is what the full replay gives; and it knows it. */
  replays({ name, protocol }: NodeView): void {
    if (!protocol) return;
    const { consensus } = protocol;
    const { latest } = consensus;
    const stand = this.#standAt(consensus, latest);
    const view = consensus.memoriesAt(latest.checkpoint.number);
    if (!stand || this.wrong.size > 0) return;
    if (!view) throw new Violation("S8", `${name} does not know the memories of the latest checkpoint`);
    const rows = rowsAt(stand);
    this.#equal("S8", name, latest, stand, view, rows);
    const places = [...stand.places.values()].filter((id) => rows.has(id));
    const held = [...view.entries()].length;
    this.#seen.hold(
      "S8",
      held === places.length,
      () => `${name} has ${held} memories, and ${places.length} were taught`,
    );
  }

  /** An honest author drew a token: from the memory of the very checkpoint that the request names, and from no other. */
  drew({ name, protocol }: NodeView, id: Bytes, request: Request, context: readonly number[], token: number): void {
    const expected = this.answer(id, request, context);
    if (!protocol || expected === undefined) return;
    this.read += 1;
    this.#seen.hold(
      "S8",
      token === expected,
      () =>
        `${name} reads another memory at checkpoint ${request.memory?.checkpoint.number} than its segments add up to`,
    );
  }

  /** The next token of an answer that reads a memory; undefined where the checkpoint that it names is not known to anybody. */
  answer(id: Bytes, { memory }: Request, context: readonly number[]): number | undefined {
    const stand = memory && this.#replay.at(memory.checkpoint.hash);
    if (!stand) return undefined;
    return tokenAt(this.#h, id, context.length, mixedBy(stand, memory, uniform(), context));
  }
}

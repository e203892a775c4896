import fc from "fast-check";
import type { Bytes } from "../../offchain/core/bytes.ts";
import { equal, toHex } from "../../offchain/core/bytes.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import type { Replica } from "../../offchain/core/replica.ts";
import {
  equivocation,
  foundingEvents,
  hashOf,
  type Keys,
  operatorAt,
  requestOf,
  type Sealed,
  TrackWriter,
} from "../helpers/core.ts";

export const MEMBERS = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
export const EVENTS = foundingEvents(MEMBERS);
/** Signs for two stories where `World` has evidence. */
export const LIAR = MEMBERS[3];

/** One way a track goes on: open a turn, write in one that is open, or close one. */
type Move = { kind: "open" | "write" | "close"; pick: number; count: number };

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom("open", "write", "write", "close"),
  pick: fc.nat(),
  count: fc.integer({ min: 1, max: 4 }),
});
const segmentMoves = fc.array(move, { minLength: 1, maxLength: 3 });
export const trackMoves = fc.array(segmentMoves, { minLength: 1, maxLength: 5 });

const GIVEN = [1, 2];

/** An honest track: whatever the moves are, what comes out keeps the rules. */
export function writeTrack(keys: Keys, label: string, moves: readonly (readonly Move[])[]): Sealed[] {
  const writer = new TrackWriter(keys, label);
  const open: ReturnType<TrackWriter["open"]>[] = [];
  let nonce = 0;
  const begin = () => {
    const request = requestOf(GIVEN, { nonce: hashOf(`${label} ${nonce++}`), maxLength: 1000 });
    open.push(writer.open(request).tokens("given", GIVEN));
  };
  return moves.map((batch) => {
    for (const { kind, pick, count } of batch) {
      const at = open.length === 0 ? 0 : pick % open.length;
      const turn = open[at];
      if (!turn || kind === "open") begin();
      else if (kind === "close" && turn.context.length > GIVEN.length) open.splice(at, 1)[0]?.close();
      else
        turn.tokens(
          "written",
          Array.from({ length: count }, (_, i) => (pick + i) % 512),
        );
    }
    return writer.seal();
  });
}

export type World = { segments: Sealed[]; tracks: Sealed[][]; evidence?: Evidence };

/** Three honest operators with one or two tracks each and, sometimes, one that contradicts itself. */
export const world: fc.Arbitrary<World> = fc
  .record({
    tracks: fc.array(fc.tuple(fc.nat({ max: 2 }), trackMoves), { minLength: 1, maxLength: 5 }),
    liar: fc.boolean(),
    shared: fc.nat({ max: 2 }),
  })
  .map(({ tracks, liar, shared }) => {
    const honest = tracks.map(([member, moves], i) => writeTrack(MEMBERS[member]!, `track ${i}`, moves));
    const { common, a, b } = equivocation(LIAR, "liar", shared, 2);
    if (!liar) return { segments: honest.flat(), tracks: honest };
    return { segments: [...honest.flat(), ...common, ...a, ...b], tracks: honest, evidence: { a: a[0]!, b: b[0]! } };
  });

/** Delivers in this order, again and again, until nothing more is learnt: gaps wait for their turn. */
export function deliver(replica: Replica, segments: readonly Sealed[], batch = 1): void {
  for (let learnt = true; learnt; ) {
    learnt = false;
    for (let at = 0; at < segments.length; at += batch)
      for (const segment of segments.slice(at, at + batch))
        for (const effect of replica.step({ type: "segment", segment }))
          if (effect.type === "persist" || effect.type === "persist-evidence") learnt = true;
  }
}

export const honestHeads = (replica: Replica) =>
  replica.heads
    .all()
    .filter(({ operator }) => !replica.evidence.has(toHex(operator)))
    .map(
      ({ operator, incarnation, sequence, head }) => [operator, incarnation].map(toHex).join() + sequence + toHex(head),
    )
    .sort();

export const isOf = (keys: Keys, operator: Bytes): boolean => equal(keys.operator, operator);

/** Fixed, so that a failure is the same for everybody; a failing run prints seed and path. */
export const SEED = Number(process.env["WEFT_SEED"] ?? 20260101);
export const runs = (numRuns: number) => ({ seed: SEED, numRuns });

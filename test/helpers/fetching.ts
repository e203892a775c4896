import { Budgets } from "../../offchain/core/budgets.ts";
import { type Bytes, toHex } from "../../offchain/core/bytes.ts";
import { trackName } from "../../offchain/core/cut.ts";
import type { Effect, SizedSegment } from "../../offchain/core/events.ts";
import { Fetching } from "../../offchain/core/fetching.ts";
import { Following } from "../../offchain/core/following.ts";
import type { RegistryEvent } from "../../offchain/core/registry.ts";
import type { ReplicaEvent } from "../../offchain/core/replica.ts";
import { Retention } from "../../offchain/core/retention.ts";
import type { Segment, TrackKey } from "../../offchain/core/segment.ts";
import { beatOf, hashOf, type Keys } from "./core.ts";
import { nodeOf } from "./mesh.ts";

/** Seconds from commit to final. */
export const WINDOW = 60;
/** Seconds from commit until nobody may ask any more. */
export const RETENTION = 90;

/** One worker that asks its peers. */
export function fetchingAt(self: Keys, events: readonly RegistryEvent[]) {
  const { replica, consensus } = nodeOf(self, events);
  const following = new Following(replica, consensus, WINDOW);
  const retention = new Retention(replica, consensus, following, RETENTION);
  const budgets = new Budgets();
  let ids = 0;
  /** Sequences of what was taken. */
  const taken: number[] = [];
  const step = (event: ReplicaEvent) => {
    const effects = replica.step(event);
    for (const effect of effects) if (effect.type === "persist") taken.push(effect.segment.header.sequence);
    return [];
  };
  const take = (from: Bytes, { segment }: SizedSegment) => step({ type: "segment", segment, from });
  const around = { replica, consensus, following, retention, budgets };
  const fetching = new Fetching({ ...around, nextId: () => ++ids, step, take });
  /** A peer is up, and its beat says that it holds so much of these tracks. */
  const hear = (peer: Keys, heads: readonly (TrackKey & { sequence: number })[], now: number) => {
    const said = heads.map((head) => ({ ...head, head: hashOf(`head ${head.sequence}`) }));
    replica.step({ type: "beat", from: peer.operator, beat: beatOf(replica, { heads: said }), now });
    fetching.peer(peer.operator, true);
    fetching.heard(heads, now);
  };
  /** A peer's whole answer to a question. */
  const answer = (id: number, segments: readonly Segment[], now: number) => {
    const sized = segments.map((segment) => ({ segment, size: 100 }));
    return fetching.answered(id, { type: "segments", segments: sized, last: true }, now);
  };
  return { replica, consensus, following, retention, budgets, fetching, hear, answer, taken };
}

/** The segments that are asked for. */
export function asked(effects: readonly Effect[]) {
  return effects.flatMap((effect) => {
    if (effect.type !== "ask" || effect.question.type !== "fetch") return [];
    const { track, from, to } = effect.question;
    return [{ id: effect.id, peer: toHex(effect.to), track: trackName(track), from, to }];
  });
}

/** What is to be stored, by kind; and the kinds of faults. */
export function kindsOf(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.type === "store") return [effect.record.type];
    return effect.type === "fault" ? [effect.kind] : [];
  });
}

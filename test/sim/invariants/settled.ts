import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import { Protocol } from "../../../offchain/core/protocol.ts";
import { Replica } from "../../../offchain/core/replica.ts";
import { LIMIT_NEW_TRACKS } from "../../../offchain/core/room.ts";
import type { Segment } from "../../../offchain/core/segment.ts";
import { Track } from "../../../offchain/core/track.ts";
import type { Random } from "../random.ts";
import type { Seen } from "./seen.ts";
import { type NodeView, Violation } from "./types.ts";
import { uncommitted } from "./uncommitted.ts";

/** What must hold once everything has healed and what was sent could arrive. */

type Alive = NodeView & { protocol: Protocol };
const isAlive = (node: NodeView): node is Alive => node.honest && node.protocol !== undefined;

/**
 * Tracks of operators that nobody has evidence against and that are not out: those of which all hold the same. Of an operator
 * that begins more tracks than anybody keeps, each keeps others, until checkpoints have them.
 */
function headsOf({ protocol }: Alive, floods: (operator: Bytes) => boolean): string[] {
  const { replica } = protocol;
  return replica.heads
    .all()
    .filter(
      ({ operator, sequence }) =>
        sequence > 0 &&
        !floods(operator) &&
        !replica.evidence.has(toHex(operator)) &&
        !replica.registry.isEnded(operator),
    )
    .map((head) => `${trackName(head)} ${head.sequence} ${toHex(head.head)}`)
    .sort();
}

/** Long enough for several checkpoints. */
const COVERED_MS = 20_000;

/** L4, L7: what more than 2/3 of the stake has held for long is in a checkpoint. Liars may go on writing to the end. */
export function backlogCovered({ name, protocol, options }: NodeView, now: number): void {
  if (!protocol) return;
  const { replica, consensus } = protocol;
  const { cut } = consensus.latest;
  const fresh = uncommitted(replica, [cut]);
  for (const [track, log] of replica.heldSince) {
    const key = replica.tracks.get(track)?.key;
    if (!key || replica.evidence.has(toHex(key.operator)) || replica.registry.isEnded(key.operator)) continue;
    // Who begins more tracks than a checkpoint admits waits.
    if (cut?.slot(key) === undefined && (fresh.get(toHex(key.operator)) ?? 0) > options.newTracksPerOperator) continue;
    const covered = cut?.entry(key)?.sequence ?? 0;
    const overdue = log.find(({ sequence, at }) => sequence > covered && now - at > COVERED_MS);
    if (overdue)
      throw new Violation(
        "L7",
        `${name} has known for long that more than 2/3 hold ${overdue.sequence} of ${track}, of which checkpoints have ${covered}`,
      );
  }
}

/** L7: what was in a checkpoint that fell, and was written by somebody honest, is in one that stands. */
export function fallenCovered(seen: Seen, { name, protocol }: NodeView): void {
  if (!protocol) return;
  const { consensus, replica } = protocol;
  const { cut } = consensus.latest;
  if (!cut) return;
  const stands = new Set(consensus.standing);
  for (let number = 1; number < consensus.next; number++) {
    if (stands.has(number)) continue;
    for (const entry of consensus.committed(number)?.cut?.entries ?? []) {
      if (!seen.isHonest(entry.operator) || replica.registry.isEnded(entry.operator)) continue;
      const covered = cut.entry(entry)?.sequence ?? 0;
      seen.hold(
        "L7",
        covered >= entry.sequence,
        () =>
          `${name} knows of ${entry.sequence} segments of ${trackName(entry)} in ${number}, which fell, and of ${covered} in what stands`,
      );
    }
  }
}

/** L6: a conviction is no more than a lock until somebody has the stake burnt. */
export function stakesBurnt(operators: ReadonlyMap<string, { status: string; stake: bigint }>): void {
  for (const [operator, { status, stake }] of operators)
    if (status === "convicted" && stake > 0n)
      throw new Violation("L6", `${operator.slice(0, 8)} is convicted, and its ${stake} of stake is still there`);
}

/** L2, L3: whatever one honest worker holds, all hold. S1: then all have derived the same. */
export function converged(nodes: readonly NodeView[]): void {
  const alive = nodes.filter(isAlive);
  const [first, ...rest] = alive;
  if (!first) return;
  const fresh = new Map<string, number>();
  for (const { replica, consensus } of alive.map(({ protocol }) => protocol))
    for (const [operator, count] of uncommitted(replica, [consensus.latest.cut]))
      fresh.set(operator, Math.max(count, fresh.get(operator) ?? 0));
  const floods = (operator: Bytes) => (fresh.get(toHex(operator)) ?? 0) >= LIMIT_NEW_TRACKS / 2;
  const isFlooded = [...fresh.values()].some((count) => count >= LIMIT_NEW_TRACKS / 2);
  const heads = headsOf(first, floods);
  for (const node of rest) {
    const other = headsOf(node, floods);
    const missing = [
      ...heads.filter((head) => !other.includes(head)),
      ...other.filter((head) => !heads.includes(head)),
    ];
    if (missing.length > 0)
      throw new Violation(
        "L3",
        `${first.name} and ${node.name} do not hold the same: ${missing.slice(0, 2).join("; ")}`,
      );
    const [a, b] = [first.protocol.replica, node.protocol.replica];
    const evidence = (replica: Replica) => [...replica.evidence.keys()].sort().join();
    if (evidence(a) !== evidence(b))
      throw new Violation("L3", `${first.name} and ${node.name} do not know of the same liars`);
    if (!equal(a.registry.hash, b.registry.hash) || a.checkpoint !== b.checkpoint)
      throw new Violation("L3", `${first.name} and ${node.name} do not follow the same chain`);
    const [ours, theirs] = [a.digest(), b.digest()];
    const known = ours.some(Boolean) && theirs.some(Boolean);
    if (known && !isFlooded && !equal(ours, theirs))
      throw new Violation("S1", `${first.name} and ${node.name} hold the same and derive another state from it`);
  }
}

type Kept = { segments: { segment: Segment; hash: Bytes }[]; bases: Track[] };

/** Everything of one worker's disk, track by track. */
function keptBy({ disk, protocol }: Alive, from: (track: Track) => number): Kept {
  const { replica } = protocol;
  const segments: Kept["segments"] = [];
  const bases: Kept["bases"] = [];
  for (const track of replica.tracks.values()) {
    const base = Math.max(track.base.sequence, from(track));
    if (base > 0)
      bases.push(new Track(replica.crypto, track.key, { sequence: base, head: track.hashAt(base) as Bytes }));
    for (let at = base + 1; at <= track.sequence; at++) {
      const held = disk.segment(track.key, at);
      if (!held) throw new Violation("S7", `segment ${at} of ${track.name} is in memory and not on disk`);
      segments.push(held);
    }
  }
  return { segments, bases };
}

/** What a replica without any history makes of these, in whatever order they come. */
function replayed(node: Alive, { segments, bases }: Kept, chance: Random): Replica {
  const { crypto, separator, self, registryGenesis } = node.options;
  const { replica } = node.protocol;
  const fresh = new Replica({ crypto, separator, self, registryGenesis });
  for (const track of bases) fresh.replace(track);
  // Each track in its order, all of them shuffled into one another, and some of it twice.
  const queues = new Map<string, Kept["segments"]>();
  for (const one of segments) {
    const name = trackName(one.segment.header);
    queues.set(name, [...(queues.get(name) ?? []), one]);
  }
  const left = [...queues.values()];
  while (left.length > 0) {
    const at = chance.int(0, left.length - 1);
    const queue = left[at] as Kept["segments"];
    const { segment, hash } = queue.shift() as Kept["segments"][number];
    fresh.step({ type: "restore", segment, hash });
    if (chance.chance(0.1)) fresh.step({ type: "restore", segment, hash });
    if (queue.length === 0) left.splice(at, 1);
  }
  const events = node.disk.chain().events.flatMap((one) => (one.kind === "registry" ? [one.event] : []));
  for (const event of events.slice(0, replica.registry.position)) fresh.step({ type: "registry", event });
  for (const evidence of replica.evidence.values()) fresh.step({ type: "evidence", evidence });
  const { consensus, following } = node.protocol;
  fresh.checkpoint = consensus.latest.checkpoint.number;
  fresh.setCommitted(consensus.latest.cut, following.anchor);
  return fresh;
}

/** S1: the order in which things were heard leaves no trace. */
export function orderIsForgotten(node: NodeView, chance: Random): void {
  if (!isAlive(node)) return;
  const everything = keptBy(node, () => 0);
  if (!equal(replayed(node, everything, chance).digest(), node.protocol.replica.digest()))
    throw new Violation("S1", `what ${node.name} holds gives another state when it comes in another order`);
}

/** S8: beginning at the final checkpoint that everybody keeps, what came after it gives the same state as all of it. */
export function suffixIsEnough(node: NodeView, chance: Random): void {
  if (!isAlive(node)) return;
  const { following, replica } = node.protocol;
  const cut = following.anchor?.cut;
  if (!cut) return;
  // A turn that goes on there is needed from its beginning, and so is one that goes on at that beginning.
  const from = (track: Track) => {
    let base = Math.min(cut.entry(track.key)?.sequence ?? 0, track.sequence);
    for (;;) {
      const open = [...track.turns.values()].filter(
        (turn) => turn.opened.sequence <= base && (!turn.close || turn.latest.sequence > base),
      );
      const lower = Math.min(base, ...open.map((turn) => turn.opened.sequence - 1));
      if (lower === base) return base;
      base = lower;
    }
  };
  if (!equal(replayed(node, keptBy(node, from), chance).digest(), replica.digest()))
    throw new Violation(
      "S8",
      `${node.name}'s checkpoint and what came after it give another state than everything does`,
    );
}

/** S11: what follows from the chain does not depend on the forks that were followed on the way. */
export function chainReplays({ name, protocol, disk, options }: NodeView): void {
  if (!protocol) return;
  const again = new Protocol(options, 0);
  again.following.take({ type: "events", ...disk.chain() });
  const said = ({ replica, consensus, following }: Protocol) =>
    JSON.stringify([
      replica.registry.position,
      toHex(replica.registry.hash),
      consensus.standing,
      consensus.next,
      toHex(consensus.latest.hash),
      following.final,
      following.reachable().map(({ operator, signer, endpoint }) => [toHex(operator), toHex(signer), endpoint]),
    ]);
  if (said(again) !== said(protocol)) throw new Violation("S11", `${name} follows another chain than its log tells`);
}

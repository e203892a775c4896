import { toHex } from "../../../offchain/core/bytes.ts";
import { KEPT_CUTS } from "../../../offchain/core/checkpoints.ts";
import { type CutEntry, trackName } from "../../../offchain/core/cut.ts";
import type { Protocol } from "../../../offchain/core/protocol.ts";
import { LIMIT_NEW_TRACKS } from "../../../offchain/core/room.ts";
import type { Track } from "../../../offchain/core/track.ts";
import type { SimWorker } from "../worker.ts";
import type { Seen } from "./seen.ts";
import { uncommitted } from "./uncommitted.ts";

/** What is kept as long as anybody may ask for it (S7), and not for longer (L8). */

/** Of the retention time, how much later a thing may go: only some checkpoints are marked for it. Then seconds for blocks to come. */
const LATE = 1 / 8;
const LATE_SECONDS = 10;
const NONE = new Uint8Array();
/** Who has just begun asks for cuts and segments first. */
const BEGUN_MS = LATE_SECONDS * 1000;

/** S7: what a member attested to is served, by the very handler that its peers ask, until its retention time is over. */
export function served(seen: Seen, { name, protocol, life, disk, options, operator }: SimWorker): void {
  if (!protocol || !life || disk.restored) return;
  const { consensus, following } = protocol;
  for (const number of consensus.standing.slice(1).reverse()) {
    const own = consensus.committed(number);
    const parent = own && consensus.committed(own.parent)?.cut;
    const at = following.active(following.committedAt(number) ?? 0);
    if (!parent || !own?.cut || at + options.retentionSeconds <= following.active()) return;
    if (!seen.attested.get(toHex(own.hash))?.has(name)) continue;
    for (const entry of own.cut.entries) {
      const from = (parent.entry(entry)?.sequence ?? 0) + 1;
      const got = [...life.handlers.fetch(entry, from, entry.sequence, operator)].length;
      seen.hold("S7", got === entry.sequence - from + 1, () => {
        return `${name} serves ${got} of the segments ${from} to ${entry.sequence} of ${trackName(entry)}, to which it attested in ${number}`;
      });
    }
  }
}

/** L8: what is over its time is gone from memory and disk, and nothing grows without a bound. */
export function bounded(seen: Seen, worker: SimWorker, now: number): void {
  const { name, protocol, disk, options, startedAt } = worker;
  if (!protocol) return;
  const since = shownSince(seen, protocol);
  if (now - startedAt < BEGUN_MS) return;
  const { replica, consensus, following } = protocol;
  const { retentionSeconds } = options;
  const over = following.active() - retentionSeconds * (1 + LATE) - LATE_SECONDS;
  const isOver = (number: number) => following.active(following.committedAt(number) ?? 0) <= over;
  // Who has just been shown a cut asks for memories first, where it does not have them.
  const isShown = (number: number) => {
    const at = since.get(toHex(consensus.committed(number)?.hash ?? NONE)) ?? Infinity;
    return at <= following.active() - (consensus.memoriesAt(number) ? 0 : LATE_SECONDS);
  };
  const ripe =
    consensus.standing.findLast((number) => number <= following.final && isOver(number) && isShown(number)) ?? 0;
  const hold = (holds: boolean, what: () => string) => seen.hold("L8", holds, () => `${name} ${what()}`);
  const cut = consensus.committed(ripe)?.cut;
  if (ripe > 0 && cut) {
    seen.count("L8 pruned");
    const needed = neededBy(protocol, cut.entries);
    for (const entry of cut.entries) {
      const track = replica.track(entry);
      if (track)
        hold(isPruned(track, entry, needed), () => `still holds ${track.name} from ${track.base.sequence + 1} on`);
    }
    // The latest are kept for reorganisations, whatever their age.
    const oldest = Math.min(ripe, consensus.latest.checkpoint.number - KEPT_CUTS);
    const old = disk.checkpoints().filter(({ number }) => number < oldest).length;
    hold(old === 0, () => `still has ${old} cuts on disk of before ${oldest}`);
  }
  for (const track of replica.tracks.values())
    hold(disk.base(track.key) >= track.base.sequence, () => `has forgotten ${track.name} in memory and not on disk`);
  const cuts = Array.from({ length: consensus.latest.checkpoint.number }, (_, i) => consensus.committed(i)?.cut);
  const kept = consensus.standing.slice(-KEPT_CUTS - 1);
  const fell = consensus.next - kept[0] - kept.length; // since the earliest of those
  const count = cuts.filter(Boolean).length;
  hold(count <= KEPT_CUTS + 1 + fell, () => `has ${count} cuts in memory, and ${fell} checkpoints fell lately`);
  // Which are committed is not known before somebody has shown the cut.
  if (consensus.latest.cut) {
    // No checkpoint ever had them: those of one that fell were taken when they were.
    const cutsEver = Array.from({ length: consensus.next }, (_, number) => consensus.committed(number)?.cut);
    const fresh = uncommitted(replica, cutsEver);
    fresh.delete(toHex(replica.self));
    const most = Math.max(0, ...fresh.values());
    // Half as many that are invalid from the beginning, and half as many that members proposed.
    hold(most <= 2 * LIMIT_NEW_TRACKS, () => `keeps ${most} uncommitted tracks of one operator`);
  }
  const { length } = replica.registry.operators;
  const { size } = replica.evidence;
  hold(length === 0 || size <= length, () => `holds evidence against ${size} operators`);
}

/** Since when each cut that a process has in memory is there, in active seconds of the chain. */
function shownSince(seen: Seen, protocol: Protocol): ReadonlyMap<string, number> {
  const { consensus, following } = protocol;
  const before = seen.shown.get(protocol);
  const now = following.active();
  const since = new Map<string, number>();
  for (const number of consensus.standing.slice(-KEPT_CUTS - 1)) {
    const own = consensus.committed(number);
    if (own?.cut) since.set(toHex(own.hash), Math.min(before?.get(toHex(own.hash)) ?? now, now));
  }
  seen.shown.set(protocol, since);
  return since;
}

/** Turns that turns which may still go on, or are not over, go on from. */
function neededBy({ replica }: Protocol, entries: readonly CutEntry[]): ReadonlySet<string> {
  const ripe = new Map(entries.map((entry) => [trackName(entry), entry.sequence]));
  const needed = new Set<string>();
  for (const track of replica.tracks.values())
    for (const turn of track.turns.values())
      if (!turn.close || turn.latest.sequence > (ripe.get(track.name) ?? 0))
        for (const one of replica.ancestry(turn)) needed.add(toHex(one.id));
  return needed;
}

/** Nothing up to the entry, unless a turn that is open, goes on after it or is needed begins there. */
function isPruned(track: Track, { sequence }: CutEntry, needed: ReadonlySet<string>): boolean {
  if (track.base.sequence >= Math.min(sequence, track.sequence)) return true;
  for (const [id, turn] of track.turns)
    if (turn.opened.sequence <= sequence && (turn.latest.sequence > sequence || needed.has(id))) return true;
  return false;
}

import { type Bytes, equal, toHex } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import { type Cut, type CutEntry, trackName } from "./cut.ts";
import { type Errand, type Errands, FETCH_SPAN } from "./errands.ts";
import { WeftError } from "./errors.ts";
import type { Effect } from "./events.ts";
import type { Following } from "./following.ts";
import { Overdue } from "./overdue.ts";
import { areSigned, isChain } from "./range.ts";
import type { RefusedSegments } from "./refused.ts";
import type { Replica, ReplicaEvent } from "./replica.ts";
import type { Retention } from "./retention.ts";
import { headerHash, type Segment, type TrackKey } from "./segment.ts";
import { isAuthorsFault, Track } from "./track.ts";

/** Segments of one repair: more than a checkpoint covers. */
const LIMIT_REPAIR = 65_536;

/** What is to be done so that we hold what the chain took. */
export type Repair =
  | { type: "fetch"; entry: CutEntry; from: number }
  /** Ours is another fork behind `to`. */
  | { type: "rewind"; track: TrackKey; to: number };

/** What we lack of the latest committed cut, and the forks of ours that it did not take. */
export function repairs(consensus: Consensus, replica: Replica): Repair[] {
  const out: Repair[] = [];
  for (const [name, entry] of consensus.latest.cut?.byName() ?? []) {
    const track = replica.tracks.get(name);
    const ours = track?.hashAt(entry.sequence);
    if (!track || track.sequence < entry.sequence) {
      const have = track?.sequence ?? 0;
      out.push({ type: "fetch", entry: nextEntry(consensus, entry, have), from: have + 1 });
    } else if (entry.sequence >= track.base.sequence && (!ours || !equal(ours, entry.head)))
      out.push({ type: "rewind", track: track.key, to: agreed(consensus, track) });
  }
  return out;
}

/** The nearest committed entry of a track beyond what is held: a repair is no larger than one checkpoint, where cuts are known. */
function nextEntry(consensus: Consensus, entry: CutEntry, have: number): CutEntry {
  let best = entry;
  const { standing } = consensus;
  for (let i = standing.length - 2; i > 0; i--) {
    const before = consensus.committed(standing[i])?.cut?.entry(entry);
    if (!before || before.sequence <= have) break;
    best = before;
  }
  return best;
}

/** How far a track of ours is what checkpoints committed, by the cuts that are known; its base at least. */
function agreed(consensus: Consensus, track: Track): number {
  const { standing } = consensus;
  for (let i = standing.length - 1; i > 0; i--) {
    const cut = consensus.committed(standing[i])?.cut;
    if (!cut) break;
    const entry = cut.entry(track.key);
    const ours = entry && track.hashAt(entry.sequence);
    if (entry && ours && equal(ours, entry.head)) return entry.sequence;
  }
  return track.base.sequence;
}

type Committed = Errand & { kind: "committed" };

export type RepairingOptions = {
  replica: Replica;
  consensus: Consensus;
  following: Following;
  retention: Pick<Retention, "unshown" | "show" | "isOver">;
  errands: Errands;
  /** What is committed, and breaks a rule. */
  refused: RefusedSegments;
  /** Steps the replica, and turns its effects into the protocol's. */
  step(event: ReplicaEvent, now: number): Effect[];
};

/** Makes our tracks those that the chain took, and begins them where everything is final when there is nothing before it. */
export class Repairing {
  readonly #o: RepairingOptions;
  /** Tracks of which a committed range did not fit ours. */
  readonly #misfits = new Set<string>();
  /** Peers that could not serve the beginning of a committed range, by track. */
  readonly #unserved = new Map<string, Set<string>>();
  /** Tracks of which somebody was asked last who does not say that it holds them. */
  readonly #strayed = new Set<string>();
  #joined = false;
  /** A cut of which nothing was lacking, and how often tracks had been replaced by then: what they grow by is no lack. */
  #whole?: { cut: Cut; replaced: number };
  readonly #overdue: Overdue;

  constructor(options: RepairingOptions) {
    this.#o = options;
    this.#overdue = new Overdue(options.consensus);
  }

  tick(now: number): Effect[] {
    const { consensus, errands, replica } = this.#o;
    const begun = this.#join();
    if (begun.length > 0) return begun;
    const effects: Effect[] = [];
    const wanted = this.#wanted();
    const lacking = wanted.flatMap((one) => (one.type === "fetch" ? [{ ...one.entry, sequence: one.from }] : []));
    for (const at of this.#overdue.look(lacking, errands.up.size > 0, now))
      effects.push({ type: "challenge", wanted: "segment", at });
    for (const repair of wanted) {
      if (repair.type === "rewind") effects.push(...this.#rewind(repair.track, repair.to));
      else {
        const name = trackName(repair.entry);
        if (errands.isBusy(name)) continue;
        const peer = this.#server(name, repair.entry.sequence);
        if (!peer) continue;
        const track = replica.track(repair.entry);
        // After a range that did not fit ours: from where checkpoints and we still agree.
        const from = this.#misfits.has(name) && track ? agreed(consensus, track) + 1 : repair.from;
        const to = Math.min(repair.entry.sequence, from + FETCH_SPAN - 1);
        effects.push(...errands.send({ kind: "committed", peer, entry: repair.entry, from, to, got: [] }, name, now));
      }
    }
    return effects;
  }

  /**
   * Who says that it holds a track so far. When none of these has the beginning, every other time somebody who has not been
   * asked for it: two who lack the same would else wait for one another.
   */
  #server(name: string, sequence: number): Bytes | undefined {
    const { errands } = this.#o;
    const isNew = (peer: Bytes) => !this.#unserved.get(name)?.has(toHex(peer));
    const holders = errands.holders(name, sequence);
    if (holders.length === 0 || holders.some(isNew)) return holders[0];
    const other = errands.anybody(name).find(isNew);
    if (!other || this.#strayed.delete(name)) return holders[0];
    this.#strayed.add(name);
    return other;
  }

  /** What was refused is not fetched again, as long as it is the same that is committed, unless there was no room for it. */
  #wanted(): Repair[] {
    const { consensus, replica, refused } = this.#o;
    const { cut } = consensus.latest;
    if (cut && this.#whole?.cut === cut && this.#whole.replaced === replica.replaced) return [];
    const wanted = repairs(consensus, replica);
    this.#whole = cut && wanted.length === 0 ? { cut, replaced: replica.replaced } : undefined;
    if (cut) refused.retain(wanted.flatMap((one) => (one.type === "fetch" ? [one.entry] : [])));
    let { room } = refused;
    const isOpen = (entry: CutEntry) => !refused.leadsTo(entry) || (refused.isLacking(entry) && room-- > 0);
    return wanted.filter((one) => one.type === "rewind" || isOpen(one.entry));
  }

  /** A segment was shown on the chain. If it is a committed head, and breaks a rule, nothing else that leads there is lacking. */
  shown(segment: Segment): void {
    const { consensus, replica, refused } = this.#o;
    const { stoppedBy } = replica.track(segment.header) ?? {};
    const hash = headerHash(replica.crypto, replica.separator, segment.header);
    if (!stoppedBy || !equal(stoppedBy.hash, hash)) return;
    const isHead = (one: Repair) =>
      one.type === "fetch" && one.from === segment.header.sequence && equal(one.entry.head, hash);
    if (repairs(consensus, replica).some(isHead)) refused.keep([{ segment, hash }]);
  }

  #rewind(track: TrackKey, to: number): Effect[] {
    this.#o.replica.rewind(track, to);
    return [{ type: "store", record: { type: "rewind", track, to } }, { type: "announce" }];
  }

  /** Who holds nothing of what is committed begins where everything is final. */
  #join(): Effect[] {
    const { consensus, replica, following } = this.#o;
    const entries = consensus.latest.cut?.entries ?? [];
    if (this.#joined || entries.length === 0) return [];
    this.#joined = true;
    const holds = entries.some((entry) => (replica.track(entry)?.sequence ?? 0) > 0);
    if (holds || following.final === 0) return [];
    const { anchor } = following;
    if (!anchor) {
      this.#joined = false; // it is being asked for
      return [];
    }
    return anchor.cut.entries.flatMap((entry) => this.#begin(entry));
  }

  #begin({ operator, incarnation, sequence, head }: CutEntry): Effect[] {
    const { replica } = this.#o;
    const key = { operator, incarnation };
    if (sequence === 0) return [];
    replica.replace(new Track(replica.crypto, key, { sequence, head }));
    return [{ type: "store", record: { type: "base", base: { ...key, sequence, head } } }, { type: "announce" }];
  }

  /** The end of an answer came. Only the committed head says that a range is true: nothing of it is taken before. */
  take(errand: Committed, now: number): Effect[] {
    return isWhole(errand) ? this.#takeWhole(errand, now) : this.#goOn(errand, now);
  }

  #goOn({ peer, entry, from, to, got }: Committed, now: number): Effect[] {
    const next = Math.min(entry.sequence, to + FETCH_SPAN);
    const { operator, incarnation } = entry;
    const name = trackName(entry);
    const effects = this.#o.errands.send({ kind: "committed", peer, entry, from, to: next, got }, name, now);
    // The question is only for what is not here yet.
    return effects.map((effect) =>
      effect.type === "ask"
        ? { ...effect, question: { type: "fetch", track: { operator, incarnation }, from: to + 1, to: next } }
        : effect,
    );
  }

  /**
   * A peer has no beginning of a range. When nobody has it any more, the track begins here where everything is final, once
   * the time of what we hold of it is over by what we have read of the chain ourselves: peers may be ahead of us, or lie.
   */
  unserved(peer: Bytes, track: TrackKey, from: number, now: number): Effect[] {
    const { errands, following, replica, retention } = this.#o;
    const name = trackName(track);
    const unserved = this.#unserved.get(name) ?? new Set();
    this.#unserved.set(name, unserved.add(toHex(peer)));
    const settled = following.anchor?.cut.entry(track);
    if (!settled || settled.sequence < from || ![...errands.up].every((up) => unserved.has(up))) return [];
    const held = replica.tracks.get(name);
    if (held && !retention.isOver(held, settled.sequence)) {
      const { unshown } = retention;
      return unshown === undefined ? [] : errands.send({ kind: "over", peer, number: unshown }, "over", now);
    }
    this.#unserved.delete(name);
    this.#strayed.delete(name);
    // On disk too: what stands beyond the base would be in the way of what comes there.
    const fork = held && held.sequence > settled.sequence ? this.#rewind(track, settled.sequence) : [];
    return [...fork, ...this.#begin(settled)];
  }

  /** A peer showed the cut that tells what is over. */
  over({ peer, number }: Errand & { kind: "over" }, entries: readonly CutEntry[]): Effect[] {
    try {
      this.#o.retention.show(number, entries);
      return [];
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return [{ type: "fault", kind: "cut", operator: peer, error }];
    }
  }

  #takeWhole({ entry, from, to, got, peer }: Committed, now: number): Effect[] {
    const { replica, refused, step } = this.#o;
    const name = trackName(entry);
    const fault = (why: string): Effect[] => [
      { type: "fault", kind: "repair", operator: peer, error: new WeftError("bad_root", why) },
    ];
    if (got.length === 0 || got[0].segment.header.sequence !== from) return this.unserved(peer, entry, from, now);
    this.#unserved.delete(name);
    const track = replica.track(entry);
    const before = track?.hashAt(from - 1) ?? (from === 1 ? got[0].segment.header.previous : undefined);
    if (!isChain(got) || got.length !== to - from + 1) return fault("the segments do not follow one another");
    if (!areSigned(replica, got)) return fault("a segment is not signed by its operator");
    if (to !== entry.sequence || !equal(got[got.length - 1].hash, entry.head))
      return fault("the segments do not lead to the committed head");
    if (!before || !equal(got[0].segment.header.previous, before)) {
      this.#misfits.add(name);
      return [];
    }
    this.#misfits.delete(name);
    const effects: Effect[] = [];
    if (track && track.sequence >= from) effects.push(...this.#rewind(entry, from - 1));
    for (const [i, { segment, hash }] of got.entries()) {
      const taken = step({ type: "restore", segment, hash }, now);
      effects.push(...taken);
      if (!taken.some(breaksRule)) continue;
      refused.keep(got.slice(i));
      break;
    }
    return effects;
  }
}

const breaksRule = (effect: Effect) =>
  effect.type === "fault" && effect.kind === "invalid_segment" && isAuthorsFault(effect.error);

function isWhole({ entry, to, got }: Committed): boolean {
  return to === entry.sequence || got.at(-1)?.segment.header.sequence !== to || got.length >= LIMIT_REPAIR;
}

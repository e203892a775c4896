import { type Bytes, equal, fromHex, toHex } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import type { Credits } from "./credits.ts";
import { type CutEntry, trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { Answer, Effect } from "./events.ts";
import type { Following } from "./following.ts";
import type { Replica, ReplicaEvent } from "./replica.ts";
import { headerHash, type Segment, type TrackKey } from "./segment.ts";
import { Track } from "./track.ts";

/** How long a track may lag behind what a peer's beats say before it is fetched. */
const LAG_MS = 400;
/** Segments asked for at once. */
const FETCH_SPAN = 1024;
/** A fetch is given up after this, however busily its peer drips. */
const FETCH_MS = 15_000;
const CUT_MS = 5_000;
/** Segments of one repair: more than a checkpoint covers. */
const LIMIT_REPAIR = 65_536;
/** Questions to one peer at a time. */
const MOST_PER_PEER = 16;
/** Segments before a base that are asked for when a turn was opened there; doubled until it is found. */
const HISTORY_SPAN = 64;
const HISTORY_LATEST_MS = 60_000;

type Held = { segment: Segment; hash: Bytes };

/** What a question is for. */
type Errand = { id: number; peer: Bytes; until: number } & (
  | { kind: "segments"; track: TrackKey; from: number; to: number }
  /** What a quorum attested to: taken by its hashes, whatever has become of its author since. */
  | { kind: "committed"; entry: CutEntry; from: number; to: number; got: Held[] }
  /** What stands before our base, up to what we hold: believed because it leads to our head. */
  | { kind: "history"; track: TrackKey; from: number; to: number; got: Held[] }
  | { kind: "cut"; number: number }
);

type Errandless = Errand extends infer E ? (E extends unknown ? Omit<E, "id" | "until"> : never) : never;

export type FetchingOptions = {
  replica: Replica;
  consensus: Consensus;
  following: Following;
  credits: Credits;
  nextId(): number;
  /** Steps the replica, and turns its effects into the protocol's. */
  step(event: ReplicaEvent, now: number): Effect[];
};

/** Asks peers for what is missing: one question per track at a time, another peer each time, none waited for for long. */
export class Fetching {
  readonly #o: FetchingOptions;
  readonly #errands = new Map<number, Errand>();
  /** By track, or by `cut`. */
  readonly #busy = new Map<string, Errand>();
  readonly #up = new Set<string>();
  /** Tracks that some peer held more of than we, and since when we have held no more than `sequence`. */
  readonly #behind = new Map<string, { key: TrackKey; sequence: number; since: number }>();
  /** Peers that hold another header at a place that we hold. */
  readonly #forks = new Map<string, { key: TrackKey; peer: Bytes; sequence: number }>();
  readonly #history = new Map<string, { key: TrackKey; span: number; notBefore: number; failures: number }>();
  /** Peers that could not serve the beginning of a committed range, by track. */
  readonly #unserved = new Map<string, Set<string>>();
  #attempts = 0;
  #joined = false;

  constructor(options: FetchingOptions) {
    this.#o = options;
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
      .flatMap((errand) => this.#giveUp(errand));
  }

  /** A beat named these heads. */
  heard(heads: readonly (TrackKey & { sequence: number })[], now: number): void {
    for (const { operator, incarnation, sequence } of heads) {
      const name = trackName({ operator, incarnation });
      const have = this.#o.replica.tracks.get(name)?.sequence ?? 0;
      if (have < sequence && !this.#behind.has(name))
        this.#behind.set(name, { key: { operator, incarnation }, sequence: have, since: now });
    }
  }

  /** Segments are missing between what we hold and what this peer sent. */
  gap(peer: Bytes, key: TrackKey, from: number, to: number, now: number): Effect[] {
    const have = this.#o.replica.track(key)?.sequence ?? 0;
    if (from <= have) {
      this.#forks.set(trackName(key), { key, peer, sequence: from });
      return this.#chaseForks(now);
    }
    this.heard([{ ...key, sequence: to }], now);
    return this.#fetch(peer, key, from, to, now);
  }

  /** A segment is of a turn that was opened before our base. */
  needsHistory(key: TrackKey, now: number): Effect[] {
    const name = trackName(key);
    if (!this.#history.has(name)) this.#history.set(name, { key, span: HISTORY_SPAN, notBefore: now, failures: 0 });
    return this.#fetchHistory(name, now);
  }

  #isOver(operator: Bytes): boolean {
    const { replica } = this.#o;
    return replica.evidence.has(toHex(operator)) || replica.registry.isEnded(operator);
  }

  #send(errand: Errandless, name: string, now: number): Effect[] {
    const peer = toHex(errand.peer);
    if (this.#busy.has(name) || !this.#up.has(peer)) return [];
    let asked = 0;
    for (const one of this.#errands.values()) if (equal(one.peer, errand.peer)) asked += 1;
    if (asked >= MOST_PER_PEER) return [];
    const id = this.#o.nextId();
    const sent = { ...errand, id, until: now + (errand.kind === "cut" ? CUT_MS : FETCH_MS) } as Errand;
    this.#errands.set(id, sent);
    this.#busy.set(name, sent);
    const question =
      sent.kind === "cut"
        ? ({ type: "cut", number: sent.number } as const)
        : ({ type: "fetch", track: keyOf(sent), from: sent.from, to: sent.to } as const);
    return [{ type: "ask", id, to: sent.peer, question }];
  }

  #fetch(peer: Bytes, key: TrackKey, from: number, to: number, now: number): Effect[] {
    if (!this.#o.credits.has(key.operator, now)) return [];
    const most = Math.min(to, from + FETCH_SPAN - 1);
    return this.#send({ kind: "segments", peer, track: key, from, to: most }, trackName(key), now);
  }

  #done(errand: Errand): void {
    this.#errands.delete(errand.id);
    for (const [name, one] of this.#busy) if (one === errand) this.#busy.delete(name);
  }

  #giveUp(errand: Errand): Effect[] {
    this.#done(errand);
    return [{ type: "forget", id: errand.id }];
  }

  /** Peers that are up and say that they hold a track so far, another one first each time. */
  #holders(name: string, sequence: number): Bytes[] {
    const { replica } = this.#o;
    const held = [...replica.peers]
      .filter(([peer, view]) => this.#up.has(peer) && (view.heads.get(name)?.sequence ?? 0) >= sequence)
      .map(([peer]) => peer)
      .sort();
    this.#attempts += 1;
    const first = held.length === 0 ? 0 : this.#attempts % held.length;
    return [...held.slice(first), ...held.slice(0, first)].map((peer) => fromHex(peer));
  }

  tick(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const errand of [...this.#errands.values()])
      if (now >= errand.until) {
        effects.push(...this.#giveUp(errand));
        const error = new WeftError("deadline", "the peer took too long to send what it was asked for");
        effects.push({ type: "fault", kind: "fetch", operator: errand.peer, error });
      }
    effects.push(...this.#chaseForks(now), ...this.#catchUp(now), ...this.#repair(now), ...this.#seekCut(now));
    for (const name of [...this.#history.keys()]) effects.push(...this.#fetchHistory(name, now));
    return effects;
  }

  #chaseForks(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const [name, { key, peer, sequence }] of this.#forks) {
      const track = this.#o.replica.tracks.get(name);
      if (!track || this.#isOver(key.operator) || sequence > track.sequence || sequence <= track.base.sequence)
        this.#forks.delete(name);
      else if (this.#busy.has(name)) continue;
      else {
        effects.push(...this.#fetch(peer, key, sequence, sequence, now));
        this.#forks.delete(name);
      }
    }
    return effects;
  }

  #catchUp(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const [name, lag] of this.#behind) {
      const have = this.#o.replica.tracks.get(name)?.sequence ?? 0;
      const holders = this.#holders(name, have + 1);
      if (holders.length === 0 || this.#isOver(lag.key.operator)) {
        this.#behind.delete(name);
        continue;
      }
      if (lag.sequence !== have) {
        lag.sequence = have;
        lag.since = now;
      } else if (now - lag.since > LAG_MS) {
        lag.since = now;
        const peer = holders[0];
        const head = this.#o.replica.peers.get(toHex(peer))?.heads.get(name)?.sequence ?? have + 1;
        effects.push(...this.#fetch(peer, lag.key, have + 1, head, now));
      }
    }
    return effects;
  }

  #seekCut(now: number): Effect[] {
    const { following } = this.#o;
    const [number] = following.unknownCuts();
    if (number === undefined || this.#up.size === 0) return [];
    const peers = [...this.#up].sort();
    this.#attempts += 1;
    const peer = fromHex(peers[this.#attempts % peers.length]);
    return this.#send({ kind: "cut", peer, number }, "cut", now);
  }

  /** Makes our tracks those that the chain took. */
  #repair(now: number): Effect[] {
    const { consensus, replica } = this.#o;
    const begun = this.#join();
    if (begun.length > 0) return begun;
    const effects: Effect[] = [];
    for (const repair of consensus.repairs()) {
      if (repair.type === "rewind") effects.push(...this.#rewind(repair.track, repair.to));
      else {
        const name = trackName(repair.entry);
        if (this.#busy.has(name)) continue;
        const [peer] = this.#holders(name, repair.entry.sequence);
        if (!peer) continue;
        const track = replica.track(repair.entry);
        // After a range that did not fit ours: from where checkpoints and we still agree.
        const from = this.#misfits.has(name) && track ? consensus.agreed(track) + 1 : repair.from;
        const to = Math.min(repair.entry.sequence, from + FETCH_SPAN - 1);
        effects.push(...this.#send({ kind: "committed", peer, entry: repair.entry, from, to, got: [] }, name, now));
      }
    }
    return effects;
  }

  readonly #misfits = new Set<string>();

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
    const cut = consensus.committed(following.final)?.cut;
    if (!cut) {
      this.#joined = false; // it is being asked for
      return [];
    }
    return cut.entries.flatMap((entry) => this.#begin(entry));
  }

  #begin({ operator, incarnation, sequence, head }: CutEntry): Effect[] {
    const { replica } = this.#o;
    const key = { operator, incarnation };
    if (sequence === 0) return [];
    replica.replace(new Track(replica.crypto, key, { sequence, head }));
    return [{ type: "store", record: { type: "base", base: { ...key, sequence, head } } }, { type: "announce" }];
  }

  #fetchHistory(name: string, now: number): Effect[] {
    const { replica } = this.#o;
    const wanted = this.#history.get(name);
    const track = replica.tracks.get(name);
    if (!wanted || !track || track.base.sequence === 0) {
      this.#history.delete(name);
      return [];
    }
    if (this.#busy.has(name) || now < wanted.notBefore) return [];
    const [peer] = this.#holders(name, track.sequence);
    if (!peer) return [];
    // A turn that never was is looked for ever more rarely.
    wanted.failures += 1;
    wanted.notBefore = now + Math.min(HISTORY_LATEST_MS, LAG_MS * 2 ** wanted.failures);
    const from = Math.max(1, track.base.sequence - wanted.span + 1);
    return this.#send({ kind: "history", peer, track: track.key, from, to: track.sequence, got: [] }, name, now);
  }

  answered(id: number, answer: Answer, now: number): Effect[] {
    const errand = this.#errands.get(id);
    if (!errand) return [];
    if (answer.type === "failed") {
      this.#done(errand);
      return [{ type: "fault", kind: "fetch", operator: errand.peer, error: answer.error }];
    }
    if (errand.kind === "cut") {
      this.#done(errand);
      return answer.type === "cut" && answer.entries ? this.#learnCut(errand, answer.entries) : [];
    }
    if (answer.type !== "segments") return this.#wrong(errand, "another answer than was asked for");
    const { track, from, to } = { track: keyOf(errand), ...errand };
    for (const { segment } of answer.segments)
      if (
        trackName(segment.header) !== trackName(track) ||
        segment.header.sequence < from ||
        segment.header.sequence > to
      )
        return this.#wrong(errand, "segments that were not asked for");
    if (errand.kind === "segments") {
      if (answer.last) this.#done(errand);
      const [first] = answer.segments;
      if (first && first.segment.header.sequence > (this.#o.replica.track(track)?.sequence ?? 0) + 1) {
        const forgotten = this.#unservedBy(errand.peer, track, from);
        return answer.last ? forgotten : [...this.#giveUp(errand), ...forgotten];
      }
      return answer.segments.flatMap(({ segment, size }) => {
        this.#o.credits.take(segment.header.operator, size, now);
        return this.#o.step({ type: "segment", segment, from: errand.peer }, now);
      });
    }
    const { crypto, separator } = this.#o.replica;
    for (const { segment } of answer.segments)
      errand.got.push({ segment, hash: headerHash(crypto, separator, segment.header) });
    if (!answer.last) return [];
    this.#done(errand);
    if (errand.kind === "history") return this.#takeHistory(errand, now);
    return this.#isWhole(errand) ? this.#takeCommitted(errand, now) : this.#goOn(errand, now);
  }

  /** Only the committed head says that a range is true: nothing of it is taken before. */
  #isWhole({ entry, to, got }: Errand & { kind: "committed" }): boolean {
    return to === entry.sequence || got.at(-1)?.segment.header.sequence !== to || got.length >= LIMIT_REPAIR;
  }

  #goOn({ peer, entry, from, to, got }: Errand & { kind: "committed" }, now: number): Effect[] {
    const next = Math.min(entry.sequence, to + FETCH_SPAN);
    const { operator, incarnation } = entry;
    const name = trackName(entry);
    const effects = this.#send({ kind: "committed", peer, entry, from, to: next, got }, name, now);
    // The question is only for what is not here yet.
    return effects.map((effect) =>
      effect.type === "ask"
        ? { ...effect, question: { type: "fetch", track: { operator, incarnation }, from: to + 1, to: next } }
        : effect,
    );
  }

  #wrong(errand: Errand, what: string): Effect[] {
    const error = new WeftError("malformed", `the peer sent ${what}`);
    return [...this.#giveUp(errand), { type: "fault", kind: "fetch", operator: errand.peer, error }];
  }

  #learnCut({ number, peer }: Errand & { kind: "cut" }, entries: readonly CutEntry[]): Effect[] {
    const { consensus, following } = this.#o;
    if (!consensus.committed(number) || consensus.committed(number)?.cut) return [];
    try {
      return following.learnCut(number, entries);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return [{ type: "fault", kind: "cut", operator: peer, error }];
    }
  }

  /** Hashes do not cover signatures: what is stored must still prove who wrote it. */
  #areSigned(segments: readonly Held[]): boolean {
    const { crypto, registry } = this.#o.replica;
    return segments.every(({ segment: { header, signature }, hash }) => {
      const signer = crypto.recover(hash, signature);
      const owner = signer && registry.operatorOf(signer);
      return owner !== undefined && equal(owner, header.operator);
    });
  }

  /** When nobody has a track's beginning any more, it begins here where everything is final. */
  #unservedBy(peer: Bytes, track: TrackKey, from: number): Effect[] {
    const { consensus, following } = this.#o;
    const name = trackName(track);
    const unserved = this.#unserved.get(name) ?? new Set();
    this.#unserved.set(name, unserved.add(toHex(peer)));
    const settled = consensus.committed(following.final)?.cut?.entry(track);
    if (!settled || settled.sequence < from || ![...this.#up].every((up) => unserved.has(up))) return [];
    this.#unserved.delete(name);
    return this.#begin(settled);
  }

  #takeCommitted({ entry, from, to, got, peer }: Errand & { kind: "committed" }, now: number): Effect[] {
    const { replica, step } = this.#o;
    const name = trackName(entry);
    const fault = (why: string): Effect[] => [
      { type: "fault", kind: "repair", operator: peer, error: new WeftError("bad_root", why) },
    ];
    if (got.length === 0 || got[0].segment.header.sequence !== from) return this.#unservedBy(peer, entry, from);
    this.#unserved.delete(name);
    const track = replica.track(entry);
    const before = track?.hashAt(from - 1) ?? (from === 1 ? got[0].segment.header.previous : undefined);
    if (!isChain(got) || got.length !== to - from + 1) return fault("the segments do not follow one another");
    if (!this.#areSigned(got)) return fault("a segment is not signed by its operator");
    if (to !== entry.sequence || !equal(got[got.length - 1].hash, entry.head))
      return fault("the segments do not lead to the committed head");
    if (!before || !equal(got[0].segment.header.previous, before)) {
      this.#misfits.add(name);
      return [];
    }
    this.#misfits.delete(name);
    const effects: Effect[] = [];
    if (track && track.sequence >= from) effects.push(...this.#rewind(entry, from - 1));
    for (const { segment, hash } of got) effects.push(...step({ type: "restore", segment, hash }, now));
    return effects;
  }

  #takeHistory({ track: key, from, to, got, peer }: Errand & { kind: "history" }, now: number): Effect[] {
    const { replica } = this.#o;
    const name = trackName(key);
    const track = replica.tracks.get(name);
    const wanted = this.#history.get(name);
    if (!track || !wanted || track.sequence < to || track.base.sequence === 0) return [];
    const last = got.at(-1);
    const leads =
      last && isChain(got) && last.segment.header.sequence === to && equal(last.hash, track.hashAt(to) as Bytes);
    if (!leads || !this.#areSigned(got)) {
      const error = new WeftError("bad_root", "the segments do not lead to our head, or are not signed");
      return [{ type: "fault", kind: "history", operator: peer, error }];
    }
    const first = got[0].segment.header;
    if (first.sequence > track.base.sequence) return []; // this peer has no more than we
    const longer = new Track(replica.crypto, key, { sequence: first.sequence - 1, head: first.previous });
    try {
      for (const { segment, hash } of got) longer.apply(longer.examine(segment, hash));
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (error.code !== "needs_history") {
        this.#history.delete(name);
        return [{ type: "fault", kind: "history", operator: peer, error }];
      }
      // Begins in the middle of another turn still: farther back, as far as it takes.
      if (first.sequence === from) wanted.span *= 2;
      wanted.notBefore = now;
      return this.#fetchHistory(name, now);
    }
    const before = track.base.sequence;
    replica.replace(longer);
    this.#history.delete(name);
    const { operator, incarnation } = key;
    return [
      { type: "store", record: { type: "base", base: { operator, incarnation, ...longer.base } } },
      ...got
        .filter(({ segment }) => segment.header.sequence <= before)
        .map(({ segment, hash }): Effect => ({ type: "store", record: { type: "segment", segment, hash } })),
      { type: "announce" },
    ];
  }
}

function keyOf(errand: Exclude<Errand, { kind: "cut" }>): TrackKey {
  const { operator, incarnation } = errand.kind === "committed" ? errand.entry : errand.track;
  return { operator, incarnation };
}

function isChain(segments: readonly Held[]): boolean {
  return segments.every(
    ({ segment: { header } }, i) =>
      i === 0 ||
      (equal(header.previous, segments[i - 1].hash) && header.sequence === segments[i - 1].segment.header.sequence + 1),
  );
}

import { Budgets } from "./budgets.ts";
import { type Bytes, compare, equal, fromHex, toHex } from "./bytes.ts";
import { Consensus } from "./consensus.ts";
import { Cut } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { ChainUpdate, Disk, Effect, ProtocolEvent, SizedSegment } from "./events.ts";
import { Fetching } from "./fetching.ts";
import { Following } from "./following.ts";
import type { Crypto, Signer } from "./ports.ts";
import type { AttestReply, Proposal } from "./proposal.ts";
import { Replica, type Effect as ReplicaEffect, type ReplicaEvent } from "./replica.ts";
import { Retention } from "./retention.ts";
import { Rounds } from "./rounds.ts";
import type { Segment, TrackKey } from "./segment.ts";
import { Track } from "./track.ts";

export type ProtocolOptions = {
  crypto: Crypto;
  /** EIP-712 domain separator of the ledger. */
  separator: Bytes;
  /** The operator whose worker this is, and its hot key. */
  self: Bytes;
  signer: Signer;
  /** The running hash that the registry starts from. */
  registryGenesis: Bytes;
  /** The most segments that one checkpoint covers. */
  capacity: number;
  newTracksPerOperator: number;
  checkpointIntervalShortestMs: number;
  checkpointIntervalLongestMs: number;
  /** Uncommitted segments that make a checkpoint due at the shortest interval. */
  pace: number;
  /** How far the memories may move, of 2^16, before one is due at the shortest interval, too. */
  drift: number;
  /** How long a segment that > 2/3 hold may be left out of proposals before we refuse. */
  censorshipMs: number;
  challengeWindowSeconds: number;
  /** From commit, after which nobody may ask for a segment any more. */
  retentionSeconds: number;
};

/** Tracks that one proposal makes us ask for; what else is missing comes with the next one. */
const MOST_FETCHES = 64;

/**
 * The protocol of one worker: DESIGN §3–§7 as a deterministic function of what happens to it. No I/O, no clock, no
 * randomness. A token's way: own pen or a peer's lane → `replica` (is it true to its track?) → disk → beats → `consensus`
 * (what do > 2/3 hold?) → `rounds` (who attests?) → chain → `following` (what is committed, what is final?).
 */
export class Protocol {
  readonly replica: Replica;
  readonly consensus: Consensus;
  readonly following: Following;
  readonly #rounds: Rounds;
  readonly #fetching: Fetching;
  readonly #retention: Retention;
  readonly #newTracks: number;
  readonly #budgets = new Budgets();
  readonly #up = new Map<string, Bytes>();
  #relays = "";
  #ids = 0;

  constructor(options: ProtocolOptions, now: number) {
    const { crypto, separator, self, registryGenesis, signer } = options;
    this.replica = new Replica({ crypto, separator, self, registryGenesis });
    this.consensus = new Consensus(this.replica, options);
    this.following = new Following(this.replica, this.consensus, options.challengeWindowSeconds);
    this.#retention = new Retention(this.replica, this.consensus, this.following, options.retentionSeconds);
    this.#newTracks = options.newTracksPerOperator;
    const nextId = () => ++this.#ids;
    const step = (event: ReplicaEvent, at: number) => this.#replicaStep(event, at);
    const { replica, consensus, following } = this;
    this.#fetching = new Fetching({
      replica,
      consensus,
      following,
      retention: this.#retention,
      budgets: this.#budgets,
      nextId,
      step,
      take: (from, sized, at) => this.#take(from, sized, at),
    });
    this.#rounds = new Rounds(
      {
        replica,
        consensus,
        signer,
        shortestMs: options.checkpointIntervalShortestMs,
        longestMs: options.checkpointIntervalLongestMs,
        pace: options.pace,
        drift: options.drift,
        nextId,
        step,
      },
      now,
    );
  }

  /** What the disk says: everything that this worker ever said rests on it. To be called once, before any `step`. */
  recall(disk: Disk): Effect[] {
    const { replica, consensus, following } = this;
    let cut = Cut.empty(replica.crypto);
    for (const { number, hash, entries } of disk.checkpoints()) {
      following.recall(number, hash);
      cut = Cut.of(replica.crypto, entries, cut);
      consensus.remember(number, hash, cut);
    }
    for (const { operator, incarnation, sequence, head } of disk.bases())
      replica.replace(new Track(replica.crypto, { operator, incarnation }, { sequence, head }));
    const effects = following.take({ type: "events", ...disk.chain() });
    this.#retention.recall((number) => disk.cut(number));
    for (const { segment, hash } of disk.segments()) replica.step({ type: "restore", segment, hash });
    effects.push(...following.memoryBase.recall(disk), ...following.keepMemories());
    for (const evidence of disk.evidence()) {
      replica.step({ type: "evidence", evidence });
      effects.push({ type: "spread", evidence }, ...this.#pursue());
    }
    return [...effects, ...this.#retention.advance()];
  }

  step(event: ProtocolEvent, now: number): Effect[] {
    switch (event.type) {
      case "tick":
        return [...this.#fetching.tick(now), ...this.#rounds.tick(now, event.load)];
      case "segments":
        return storeFirst(event.segments.flatMap((sized) => this.#segment(event.from, sized, now)));
      case "own":
        return this.#own(event.segment, now);
      case "evidence":
        return this.#replicaStep({ type: "evidence", evidence: event.evidence }, now);
      case "beat":
        this.#rounds.heard(event.from, now);
        this.#fetching.heard(event.beat.heads, now);
        return this.#replicaStep({ type: "beat", from: event.from, beat: event.beat, now }, now);
      case "peer":
        return this.#peer(event.peer, event.up);
      case "asked":
        return this.#asked(event.from, event.ticket, event.proposal, now);
      case "answered":
        if (this.#rounds.has(event.id)) return this.#rounds.answered(event.id, replyOf(event.answer), now);
        return storeFirst(this.#fetching.answered(event.id, event.answer, now));
      case "chain":
        return this.#chain(event.update, now);
      case "shown":
        return storeFirst(this.#fetching.shown(event.at, event.shown, now));
      case "commit":
        return this.#rounds.outcome(event.outcome, now);
    }
  }

  /** What the next beat says. @param load turns being written here */
  state(load: number) {
    const { replica } = this;
    return {
      registryPosition: replica.registry.position,
      registryMark: replica.registry.hash.subarray(0, 8),
      checkpoint: replica.checkpoint,
      anchor: replica.drift.anchor,
      ...replica.drift.say(),
      moved: this.consensus.live().moved,
      load,
      heads: replica.heads,
      evidence: [...replica.evidence.keys()].map((operator) => fromHex(operator)),
    };
  }

  #segment(from: Bytes, sized: SizedSegment, now: number): Effect[] {
    const { header } = sized.segment;
    const { authors, senders } = this.#budgets;
    const isHeard = senders.has(from, now);
    if (isHeard && authors.has(header.operator, now)) return this.#take(from, sized, now);
    this.#fetching.heard([header], now);
    return [overBudget(isHeard ? header.operator : from)];
  }

  /** What is true of it becomes ours, and somebody pays. */
  #take(from: Bytes, { segment, size }: SizedSegment, now: number): Effect[] {
    const effects = this.replica.step({ type: "segment", segment, from });
    this.#budgets.charge(from, segment.header.operator, size, effects, now);
    return this.#outwards(effects, now);
  }

  /**
   * Nothing here waits: what the pen has sealed is stored, then shown, whatever the chain says of us just now; others judge
   * it. @throws WeftError when it does not follow what was sealed before
   */
  #own(segment: Segment & { hash: Bytes }, now: number): Effect[] {
    const effects = this.#replicaStep({ type: "restore", segment, hash: segment.hash }, now);
    const fault = effects.find((effect) => effect.type === "fault");
    if (fault) throw fault.error;
    return effects;
  }

  #replicaStep(event: ReplicaEvent, now: number): Effect[] {
    return this.#outwards(this.replica.step(event), now);
  }

  #outwards(effects: readonly ReplicaEffect[], now: number): Effect[] {
    return effects.flatMap((effect) => this.#outward(effect, now));
  }

  #outward(effect: ReplicaEffect, now: number): Effect[] {
    switch (effect.type) {
      case "persist": {
        const { segment, hash } = effect;
        return [
          { type: "store", record: { type: "segment", segment, hash } },
          { type: "held", segment },
        ];
      }
      case "persist-evidence":
        return [{ type: "store", record: { type: "evidence", operator: effect.operator, evidence: effect.evidence } }];
      case "accuse":
        return [{ type: "spread", evidence: effect.evidence }, ...this.#pursue()];
      case "fetch":
        return this.#fetching.gap(effect.peer, effect.track, effect.from, effect.to, now);
      case "history":
        return this.#fetching.needsHistory(effect.track, now);
      case "announce":
      case "fault":
        return [effect];
    }
  }

  /** To court with whoever the registry knows and has not convicted: also when a reorganisation took that back. */
  #pursue(): Effect[] {
    const { evidence, registry } = this.replica;
    return [...evidence.values()]
      .filter(({ a }) => {
        const standing = registry.operator(a.header.operator)?.standing;
        return standing !== undefined && standing !== "convicted";
      })
      .map((one) => ({ type: "accuse", evidence: one }));
  }

  #peer(peer: Bytes, up: boolean): Effect[] {
    if (up) this.#up.set(toHex(peer), peer);
    else this.#up.delete(toHex(peer));
    this.#rounds.peer(peer, up);
    return [...this.#fetching.peer(peer, up), ...this.#relay()];
  }

  /** Whom we do not hear ourselves, somebody else lets us hear: each by one peer, not the same for all. */
  #relay(): Effect[] {
    const { replica } = this;
    const peers = [...this.#up.values()].sort(compare);
    const by = peers.map((peer) => ({ peer, of: [] as Bytes[] }));
    if (peers.length > 0)
      for (const { operator } of this.following.reachable()) {
        if (equal(operator, replica.self) || this.#up.has(toHex(operator))) continue;
        const spread = replica.crypto.keccak256(replica.self, operator);
        by[(spread[0] * 256 + spread[1]) % peers.length].of.push(operator);
      }
    const wanted = by.filter(({ of }) => of.length > 0);
    const name = wanted.map(({ peer, of }) => [peer, ...of].map(toHex).join()).join(";");
    if (name === this.#relays) return [];
    this.#relays = name;
    return [{ type: "relay", by: wanted }];
  }

  #asked(from: Bytes, ticket: number, proposal: Proposal, now: number): Effect[] {
    const { effects, reply } = this.#rounds.answer(ticket, proposal, now);
    if (reply.type !== "missing") return effects;
    const { registry, room } = this.replica;
    const isKnown = ({ operator }: TrackKey) => registry.operator(operator) !== undefined;
    // What the proposer, a member, holds itself is to be had from it.
    if (registry.stakeOfOperator(from) > 0n) room.call(from, reply.tracks.filter(isKnown), this.#newTracks);
    for (const { operator, incarnation, sequence } of proposal.advances.slice(0, MOST_FETCHES)) {
      const track = { operator, incarnation };
      const have = this.replica.track(track)?.sequence ?? 0;
      if (have < sequence && isKnown(track)) effects.push(...this.#fetching.gap(from, track, have + 1, sequence, now));
    }
    return effects;
  }

  #chain(update: ChainUpdate, now: number): Effect[] {
    const { number } = this.consensus.latest.checkpoint;
    const effects = this.following.take(update);
    if (update.type === "reorg") this.#fetching.reread();
    if (update.type === "reorg" || this.consensus.latest.checkpoint.number !== number)
      effects.push(...this.#rounds.moved(now));
    if (update.events.length > 0 || update.type === "reorg") effects.push(...this.#pursue(), ...this.#relay());
    return [...effects, ...this.#retention.advance()];
  }
}

function replyOf(answer: Extract<ProtocolEvent, { type: "answered" }>["answer"]): AttestReply | WeftError {
  if (answer.type === "attest") return answer.reply;
  return answer.type === "failed" ? answer.error : new WeftError("malformed", "another answer than was asked for");
}

/** @param operator an author whose tracks, or a sender whose segments that told nothing, have cost all that they may */
function overBudget(operator: Bytes): Effect {
  const error = new WeftError("over_budget", "an operator sent more than its share; the rest is fetched later");
  return { type: "fault", kind: "over_budget", operator, error };
}

/** One write to disk for a whole batch; nothing is said before it. */
function storeFirst(effects: Effect[]): Effect[] {
  return [...effects.filter(({ type }) => type === "store"), ...effects.filter(({ type }) => type !== "store")];
}

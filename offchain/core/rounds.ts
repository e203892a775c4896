import { type Bytes, compare, equal, toHex } from "./bytes.ts";
import type { Built, Consensus } from "./consensus.ts";
import { trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { CommitResult, Effect } from "./events.ts";
import type { Signer } from "./ports.ts";
import type { AttestReply, Proposal } from "./proposal.ts";
import type { Registry } from "./registry.ts";
import type { Replica, ReplicaEvent } from "./replica.ts";

export type RoundsOptions = {
  replica: Replica;
  consensus: Consensus;
  signer: Signer;
  /** Checkpoints come no faster than `shortestMs`, and nothing waits for longer than `longestMs` to be proposed. */
  shortestMs: number;
  longestMs: number;
  /** Segments whose arrival makes a checkpoint due before the longest interval. */
  pace: number;
  /** How far the memories may move, from 0 to 2^16, before it is due just so. */
  drift: number;
  nextId(): number;
  step(event: ReplicaEvent, now: number): Effect[];
};

/** How long each proposer is waited for before the next in the rotation may try. */
const PROPOSER_PATIENCE_MS = 3_000;
const ATTEST_TIMEOUT_MS = 3_000;
/** A peer without a beat for so long is not heard. */
const UNHEARD_MS = 1_000;
/** After a commit that the chain did not take, how long another try waits. */
const RETRY_MS = 2_000;
/** A pause of the contracts takes longer than a chain out of breath. */
const PAUSED_MS = 30_000;
/** How long a commit may take to be seen on the chain, before the same number is proposed again. */
const SETTLE_MS = 30_000;
/** After a quorum is heard again, how long what was written meanwhile is let come in. */
const GATHER_MS = 1_000;
/** After a proposal that too few could sign: what they lacked is being fetched. */
const PROPOSE_AGAIN_MS = 500;
/** How long what a peer said it lacks is believed. */
const LACKING_MS = 5_000;

/** A proposal of ours, being attested. */
type Round = {
  proposal: Proposal;
  built: Built;
  registry: Registry;
  asked: Map<number, Bytes>;
  until: number;
  signatures: Map<string, { signer: Bytes; signature: Bytes }>;
  stake: bigint;
};

/** Proposes when it is its turn, counts attestations, has the chain told. No writer waits for any of it. */
export class Rounds {
  readonly #o: RoundsOptions;
  readonly #up = new Map<string, Bytes>();
  readonly #heardAt = new Map<string, number>();
  #lastCommitAt: number;
  /** Since when there has been something that no checkpoint has. */
  #waitingSince?: number;
  #dueSince?: number;
  #healedAt = Number.NEGATIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;
  #round?: Round;
  /** Tracks that peers said they lack, by operator, and when they said so. */
  readonly #lacking = new Map<string, Map<string, number>>();
  /** When a peer last refused, by operator. */
  readonly #refusedAt = new Map<string, number>();

  constructor(options: RoundsOptions, now: number) {
    this.#o = options;
    this.#lastCommitAt = now;
  }

  peer(peer: Bytes, up: boolean): void {
    if (up) this.#up.set(toHex(peer), peer);
    else this.#up.delete(toHex(peer));
  }

  /** The chain took a checkpoint, whoever proposed it, or took some back. */
  moved(now: number): Effect[] {
    this.#lastCommitAt = now;
    this.#waitingSince = undefined;
    this.#dueSince = undefined;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    return this.#end();
  }

  /** A beat of this peer came in. */
  heard(peer: Bytes, now: number): void {
    const healing = !this.#hearsQuorum(now);
    this.#heardAt.set(toHex(peer), now);
    if (healing && this.#hearsQuorum(now)) this.#healedAt = now;
  }

  #hearsQuorum(now: number): boolean {
    const { registry, self } = this.#o.replica;
    let stake = registry.stakeOfOperator(self);
    for (const peer of this.#heardAt.keys()) if (this.#isHeard(peer, now)) stake += registry.stakeOfNamed(peer);
    return registry.isQuorum(stake);
  }

  /** @param operator in hexadecimal */
  #isHeard(operator: string, now: number): boolean {
    const at = this.#heardAt.get(operator);
    return at !== undefined && now - at < UNHEARD_MS;
  }

  tick(now: number, load: number): Effect[] {
    const { consensus, replica } = this.#o;
    if (this.#round) return now < this.#round.until ? [] : this.#end();
    if (replica.registry.set.length === 0 || now < this.#notBefore) return [];
    const { backlog } = consensus;
    this.#waitingSince = backlog === 0 ? undefined : (this.#waitingSince ?? now);
    // A checkpoint of the backlog's first few segments would only make the rest wait for the next one.
    if (now - this.#healedAt < GATHER_MS) return [];
    if (this.#waitingSince === undefined || !this.#isDue(this.#waitingSince, backlog, load, now)) return [];
    this.#dueSince ??= now;
    const rank = this.#rank(now);
    if (rank === undefined || now - this.#dueSince < rank * PROPOSER_PATIENCE_MS) return [];
    return this.#propose(now);
  }

  /**
   * Once the shortest interval is over, when much was said or learnt, or when nobody says anything more. In between nothing waits
   * for longer than the longest; that is not counted from the last commit, or the first words after a silence had a
   * checkpoint to themselves.
   */
  #isDue(waitingSince: number, backlog: number, load: number, now: number): boolean {
    const { consensus, replica, shortestMs, longestMs, pace, drift } = this.#o;
    const writes = [...replica.peers].some(([peer, { beat }]) => beat && beat.load > 0 && this.#isHeard(peer, now));
    const quiet = load === 0 && !writes;
    const hurries = quiet || backlog >= pace || consensus.live().moved > drift;
    return hurries ? now - this.#lastCommitAt >= shortestMs : now - waitingSince >= longestMs;
  }

  /** Our distance from the operator whose turn it is, past those of whom nothing is heard. */
  #rank(now: number): number | undefined {
    const { replica, consensus, signer } = this.#o;
    const { registry } = replica;
    const first = consensus.next % Math.max(1, registry.set.length);
    const rotation = [...registry.set.slice(first), ...registry.set.slice(0, first)].filter(({ signer: key }) => {
      const operator = registry.operatorOf(key);
      return equal(key, signer.address) || (operator !== undefined && this.#isHeard(toHex(operator), now));
    });
    const rank = rotation.findIndex(({ signer: key }) => equal(key, signer.address));
    return rank < 0 ? undefined : rank;
  }

  #propose(now: number): Effect[] {
    const { consensus, nextId, signer, replica } = this.#o;
    const { registry } = replica;
    const made = consensus.propose(this.#withheld(now));
    if (!made) return [];
    const verdict = consensus.judge(made.proposal, now);
    if (verdict.type !== "sign") return [];
    const { proposal, built } = made;
    const asked = new Map([...this.#up.values()].map((peer) => [nextId(), peer]));
    this.#round = {
      proposal,
      built,
      registry,
      asked,
      until: now + ATTEST_TIMEOUT_MS,
      signatures: new Map(),
      stake: 0n,
    };
    const questions = [...asked].map(
      ([id, to]): Effect => ({ type: "ask", id, to, question: { type: "attest", proposal } }),
    );
    return [attested(built), ...questions, ...this.#count(signer.sign(built.hash), now)];
  }

  /**
   * Tracks without which those who lack least are a quorum: each may be held by enough, and yet not all by the same. Of an
   * operator with more new tracks than everybody has room for, each holds others: where one is lacked, all of them wait.
   */
  #withheld(now: number): ReadonlySet<string> {
    const without = new Set<string>();
    const { registry, self, tracks } = this.#o.replica;
    const lacking = new Map([...this.#up.keys()].map((peer) => [peer, this.#lackedBy(peer, now)]));
    // Who refuses signs nothing, however little it lacks.
    const isLast = (peer: string) =>
      Number(now - (this.#refusedAt.get(peer) ?? Number.NEGATIVE_INFINITY) <= LACKING_MS);
    const peers = [...lacking].sort(
      ([a, some], [b, others]) => isLast(a) - isLast(b) || some.length - others.length || (a < b ? -1 : 1),
    );
    let stake = registry.stakeOfOperator(self);
    for (const [peer, names] of peers) {
      if (registry.isQuorum(stake)) break;
      stake += registry.stakeOfNamed(peer);
      for (const name of names) without.add(name);
    }
    if (without.size === 0) return without;
    const { cut } = this.#o.consensus.latest;
    const fresh = [...tracks.values()].filter(({ name }) => !cut?.named(name));
    const owners = new Set(fresh.filter(({ name }) => without.has(name)).map(({ owner }) => owner));
    for (const { name, owner } of fresh) if (owners.has(owner)) without.add(name);
    return without;
  }

  /** What a peer lately said it lacks: by now it may have fetched what it said before. */
  #lackedBy(peer: string, now: number): readonly string[] {
    const said = this.#lacking.get(peer) ?? new Map<string, number>();
    for (const [name, at] of said) if (now - at > LACKING_MS) said.delete(name);
    return [...said.keys()];
  }

  /** Somebody asks us to attest. On disk before the signature leaves: what we attested to is never forgotten. */
  answer(ticket: number, proposal: Proposal, now: number): { effects: Effect[]; reply: AttestReply } {
    const verdict = this.#o.consensus.judge(proposal, now);
    if (verdict.type !== "sign") return { effects: [{ type: "reply", ticket, reply: verdict }], reply: verdict };
    const reply: AttestReply = { type: "attested", signature: this.#o.signer.sign(verdict.built.hash) };
    return { effects: [attested(verdict.built), { type: "reply", ticket, reply }], reply };
  }

  /** Is this the answer to a proposal of ours? */
  has(id: number): boolean {
    return this.#round?.asked.has(id) ?? false;
  }

  answered(id: number, answer: AttestReply | WeftError, now: number): Effect[] {
    const round = this.#round;
    const peer = round?.asked.get(id);
    if (!round || !peer) return [];
    round.asked.delete(id);
    const effects: Effect[] = [];
    if (!("type" in answer)) effects.push({ type: "fault", kind: "attest", operator: peer, error: answer });
    else if (answer.type === "attested") effects.push(...this.#count(answer.signature, now));
    else if (answer.type === "evidence")
      effects.push(...this.#o.step({ type: "evidence", evidence: answer.evidence }, now));
    else if (answer.type === "refused") {
      this.#refusedAt.set(toHex(peer), now);
      effects.push(refused(peer, answer));
    } else {
      const said = this.#lacking.get(toHex(peer)) ?? new Map<string, number>();
      for (const track of answer.tracks) said.set(trackName(track), now);
      this.#lacking.set(toHex(peer), said);
    }
    if (this.#round === round && round.asked.size === 0) {
      this.#notBefore = now + PROPOSE_AGAIN_MS;
      effects.push(...this.#end());
    }
    return effects;
  }

  #count(signature: Bytes, now: number): Effect[] {
    const { replica } = this.#o;
    const round = this.#round as Round;
    const { registry } = round;
    const signer = replica.crypto.recover(round.built.hash, signature);
    const name = signer && toHex(signer);
    if (!signer || !name || round.signatures.has(name) || registry.stakeOf(signer) === 0n) return [];
    round.signatures.set(name, { signer, signature });
    round.stake += registry.stakeOf(signer);
    if (!registry.isQuorum(round.stake)) return [];
    const sorted = [...round.signatures.values()].sort((a, b) => compare(a.signer, b.signer));
    // Nobody is asked again until the chain has answered, or has had its time.
    this.#notBefore = now + SETTLE_MS;
    const { checkpoint } = round.built;
    const signatures = sorted.map((signed) => signed.signature);
    return [{ type: "commit", checkpoint, set: registry.set, signatures }, ...this.#end()];
  }

  /** The chain's answer to our commit. */
  outcome(outcome: CommitResult, now: number): Effect[] {
    // Only a reorganisation takes that back.
    if (outcome.type === "retired") this.#notBefore = Number.POSITIVE_INFINITY;
    else if (outcome.type === "paused") this.#notBefore = now + PAUSED_MS;
    else if (outcome.type !== "committed") this.#notBefore = now + RETRY_MS;
    return [];
  }

  #end(): Effect[] {
    const round = this.#round;
    this.#round = undefined;
    return [...(round?.asked.keys() ?? [])].map((id) => ({ type: "forget", id }));
  }
}

function attested({ checkpoint, hash }: Built): Effect {
  return { type: "store", record: { type: "attested", number: checkpoint.number, hash } };
}

function refused(peer: Bytes, { code, message }: AttestReply & { type: "refused" }): Effect {
  const error = new WeftError(code, message);
  return { type: "fault", kind: `refused_${code}`, operator: peer, error };
}

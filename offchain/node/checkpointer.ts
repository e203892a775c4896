import type { Chain } from "../chain/chain.ts";
import { type Bytes, compare, equal, fromHex, toHex } from "../core/bytes.ts";
import type { Built, Consensus } from "../core/consensus.ts";
import { codeOf } from "../core/errors.ts";
import type { Signer } from "../core/ports.ts";
import type { AttestReply, Proposal } from "../core/proposal.ts";
import { encodeSet } from "../core/registry.ts";
import type { Replica } from "../core/replica.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Store } from "../store/store.ts";
import type { Failpoint } from "./failpoints.ts";
import type { Replicator } from "./replicator.ts";

export type CheckpointerOptions = {
  replica: Replica;
  consensus: Consensus;
  replicator: Replicator;
  store: Store;
  signer: Signer;
  chain: Chain;
  mesh: Mesh;
  /** Turns being written here. */
  load(): number;
  shortestMs: number;
  longestMs: number;
  now(): number;
  failpoint: Failpoint;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
  onCommitted(number: number, segments: number, gas: bigint): void;
};

/** How long each proposer is waited for before the next in the rotation may try. */
const PROPOSER_PATIENCE_MS = 3_000;
const ATTEST_TIMEOUT_MS = 3_000;
/** A peer without a beat for so long is not heard. */
const UNHEARD_MS = 1_000;
/** After a commit that the chain did not take, how long another try waits. */
const RETRY_MS = 2_000;
/** Tracks that one proposal makes us ask for; what else is missing comes with the next one. */
const MOST_FETCHES = 64;
/** After a quorum is heard again, how long what was written meanwhile is let come in. */
const GATHER_MS = 1_000;

/** Proposes when it is its turn, attests to what is true, commits what a quorum signed. No writer waits for any of it. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #lastCommitAt: number;
  #dueSince?: number;
  #proposing = false;
  readonly #heardAt = new Map<string, number>();
  #healedAt = Number.NEGATIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#lastCommitAt = options.now();
  }

  /** The chain took a checkpoint, whoever proposed it. */
  committed(): void {
    this.#lastCommitAt = this.#options.now();
    this.#dueSince = undefined;
  }

  /** A beat of this peer came in. */
  heard(peer: Bytes): void {
    const healing = !this.#hearsQuorum();
    this.#heardAt.set(toHex(peer), this.#options.now());
    if (healing && this.#hearsQuorum()) this.#healedAt = this.#options.now();
  }

  #hearsQuorum(): boolean {
    const { registry, self } = this.#options.replica;
    let stake = registry.stakeOfOperator(self);
    for (const peer of this.#heardAt.keys()) {
      const operator = fromHex(peer, 20);
      if (this.#isHeard(operator)) stake += registry.stakeOfOperator(operator);
    }
    return registry.isQuorum(stake);
  }

  tick(): void {
    const { consensus, replica, now } = this.#options;
    if (this.#proposing || consensus.backlog === 0) return;
    // A checkpoint of the backlog's first few segments would only make the rest wait for the next one.
    if (now() - this.#healedAt < GATHER_MS || now() < this.#notBefore) return;
    const waited = now() - this.#lastCommitAt;
    if (waited < (this.#isQuiet() ? this.#options.shortestMs : this.#options.longestMs)) return;
    this.#dueSince ??= now();
    const rank = this.#rank();
    if (rank === undefined || now() - this.#dueSince < rank * PROPOSER_PATIENCE_MS) return;
    if (replica.registry.set.length === 0) return;
    this.#proposing = true;
    this.#propose()
      .catch((error) => this.#options.onFault("propose", undefined, error))
      .finally(() => {
        this.#proposing = false;
      });
  }

  /** Nobody is writing, as far as the beats say: a good moment to settle. */
  #isQuiet(): boolean {
    const { replica, load } = this.#options;
    return load() === 0 && [...replica.peers.values()].every((view) => (view.beat?.load ?? 0) === 0);
  }

  /** Our distance from the operator whose turn it is, past those of whom nothing is heard. */
  #rank(): number | undefined {
    const { replica, consensus, signer } = this.#options;
    const { registry } = replica;
    const first = (consensus.latest.checkpoint.number + 1) % Math.max(1, registry.set.length);
    const rotation = [...registry.set.slice(first), ...registry.set.slice(0, first)].filter(({ signer: key }) => {
      const operator = registry.operatorOf(key);
      return equal(key, signer.address) || (operator !== undefined && this.#isHeard(operator));
    });
    const rank = rotation.findIndex(({ signer: key }) => equal(key, signer.address));
    return rank < 0 ? undefined : rank;
  }

  #isHeard(operator: Bytes): boolean {
    const at = this.#heardAt.get(toHex(operator));
    return at !== undefined && this.#options.now() - at < UNHEARD_MS;
  }

  async #propose(): Promise<void> {
    const { consensus, replica, mesh, chain, failpoint } = this.#options;
    const made = consensus.propose();
    if (!made) return;
    const { registry } = replica;
    const signatures = new Map<string, { signer: Bytes; signature: Bytes }>();
    let stake = 0n;
    const count = (signature: Bytes) => {
      const signer = replica.crypto.recover(made.built.hash, signature);
      const name = signer && toHex(signer);
      if (!signer || !name || signatures.has(name) || registry.stakeOf(signer) === 0n) return;
      signatures.set(name, { signer, signature });
      stake += registry.stakeOf(signer);
    };
    const own = this.#answer(made.proposal);
    if (own.type !== "attested") return;
    count(own.signature);
    const asked = mesh
      .peers()
      .filter(({ up }) => up)
      .map(({ operator }) => this.#ask(operator, made.proposal, count));
    await firstOf(asked, () => registry.isQuorum(stake));
    if (!registry.isQuorum(stake)) return;
    failpoint("chain.before-commit");
    const sorted = [...signatures.values()].sort((a, b) => compare(a.signer, b.signer));
    const outcome = await chain.commit(
      made.built.checkpoint,
      encodeSet(registry.set),
      sorted.map(({ signature }) => signature),
    );
    failpoint("chain.after-commit");
    if (outcome.type === "committed")
      this.#options.onCommitted(made.built.checkpoint.number, made.built.checkpoint.segmentCount, outcome.gas);
    else {
      this.#notBefore = this.#options.now() + RETRY_MS;
      if (outcome.type !== "lost") this.#options.onFault("commit", undefined, new Error(outcome.reason));
    }
  }

  async #ask(peer: Bytes, proposal: Proposal, count: (signature: Bytes) => void): Promise<void> {
    const { mesh, replicator, replica, onFault } = this.#options;
    try {
      const reply = await mesh.attest(peer, proposal, ATTEST_TIMEOUT_MS);
      if (reply.type === "attested") count(reply.signature);
      else if (reply.type === "evidence")
        replicator.apply(replica.step({ type: "evidence", evidence: reply.evidence }));
      else if (reply.type === "refused") onFault(`refused_${reply.code}`, peer, reply.message);
    } catch (error) {
      onFault(`attest_${codeOf(error, "failed")}`, peer, error);
    }
  }

  /** Somebody asks us to attest. */
  async attest(from: Bytes, proposal: Proposal): Promise<AttestReply> {
    const reply = this.#answer(proposal);
    if (reply.type === "missing")
      for (const advance of proposal.advances.slice(0, MOST_FETCHES)) {
        if (!this.#options.replica.registry.operator(advance.operator)) continue;
        const have = this.#options.replica.track(advance)?.sequence ?? 0;
        if (have < advance.sequence) this.#options.replicator.fetch(from, advance, have + 1, advance.sequence);
      }
    return reply;
  }

  #answer(proposal: Proposal): AttestReply {
    const { consensus, now } = this.#options;
    const verdict = consensus.judge(proposal, now());
    return verdict.type === "sign" ? { type: "attested", signature: this.#sign(verdict.built) } : verdict;
  }

  /** On disk before the signature leaves: what we attested to is never forgotten. */
  #sign(built: Built): Bytes {
    const { store, signer } = this.#options;
    store.putAttested(built.checkpoint.number, built.hash);
    return signer.sign(built.hash);
  }
}

/** Resolves when `enough` holds after one of the promises, or when all are done. */
function firstOf(promises: readonly Promise<void>[], enough: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let left = promises.length;
    if (left === 0 || enough()) resolve();
    for (const promise of promises)
      promise.finally(() => {
        left -= 1;
        if (left === 0 || enough()) resolve();
      });
  });
}

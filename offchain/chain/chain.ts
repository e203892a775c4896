import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import type { ChainEvent, ChainLog, Hex } from "../core/chain.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import type { CommittedPlace } from "../core/checkpoints.ts";
import { WeftError } from "../core/errors.ts";
import type { Shown } from "../core/events.ts";
import type { Evidence } from "../core/evidence.ts";
import { domainSeparator } from "../core/hash.ts";
import type { Crypto } from "../core/ports.ts";
import { encodeSet } from "../core/registry.ts";
import { checkpointLedgerAbi as ledgerAbi } from "./abi.ts";
import type { AccuseOutcome, WrongToken } from "./accuser.ts";
import type { ChallengeOutcome, ChallengePort } from "./answerer.ts";
import { type CommitOutcome, commitCheckpoint } from "./committer.ts";
import { safeNumber, TOPICS, toChainEvent } from "./convert.ts";
import type { ConvictOutcome } from "./conviction.ts";
import { type Accusation, Courts, type DisputeOptions } from "./courts.ts";
import type { Deployment } from "./deployment.ts";
import { DISPUTE_TOPICS, toDisputeEvent } from "./dispute-log.ts";
import { activateEpochIfDue, type EpochOutcome } from "./epochs.ts";
import { type Finality, finalityOf } from "./finality.ts";
import { type ChainUpdate, Follower } from "./follower.ts";
import type { CondemnOutcome } from "./prosecutor.ts";
import { readContract } from "./read-contract.ts";
import { backoff, Rpc, RpcUnreachable } from "./rpc.ts";
import { Sender } from "./sender.ts";

export type ChainOptions = {
  rpcUrl: string;
  deployment: Deployment;
  /** Private key of the account that pays for transactions. */
  account: Hex;
  log: ChainLog;
  crypto: Crypto;
  /** Only what is new: at the start the consumer rebuilds from the log's events. */
  onUpdate(update: ChainUpdate): Promise<void> | void;
  onFault(fault: WeftError): void;
  /** Also for convictions that a reorganisation made necessary again. */
  onConvicted?(outcome: ConvictOutcome): void;
  /** Without it challenges are left to others. */
  challenges?: ChallengePort;
  onChallenge?(outcome: ChallengeOutcome): void;
  /** How many challenges of this worker's the bonds may pay for each checkpoint, when nobody else asks; none by default. */
  challengesPerCheckpoint?: number;
  /** About how many checkpoints challenges of this worker's may be open at once. */
  challengesAtOnce?: number;
  onCondemned?(outcome: CondemnOutcome): void;
  /** Without it disputes about tokens are left to others. */
  disputes?: DisputeOptions;
  pollMs?: number;
  confirmations?: number;
  /** Whether to activate epochs by itself when changes wait. */
  activateEpochs?: boolean;
  rpcTimeoutMs?: number;
  receiptTimeoutMs?: number;
  maxBackoffMs?: number;
};

export type ChainStatus = {
  /** The latest block that was read, -1 before the first. */
  block: number;
  /** How long ago everything there was had been read. */
  lagMs: number;
  reachable: boolean;
};

const DEFAULT_POLL_MS = 500;
const DEFAULT_BACKOFF_MS = 30_000;

/** A worker's view of the chain and its hand there. Without the chain it waits and tries; it never throws into a writer. */
export class Chain {
  readonly #o: ChainOptions;
  readonly #pollMs: number;
  readonly #rpc: Rpc;
  readonly #sender: Sender;
  readonly #follower: Follower;
  readonly #courts: Courts;
  readonly #ledger: Hex;
  readonly #registry: Hex;
  readonly #separator: Bytes;
  #set: readonly bigint[] = [];
  /** Whether joins, exits or key changes may wait for an epoch. */
  #changes = true;
  #activating: Promise<void> | undefined;
  #starting: Promise<void> | undefined;

  constructor(options: ChainOptions) {
    this.#o = options;
    const { deployment, rpcUrl, log, crypto } = options;
    const { contracts } = deployment;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.#ledger = contracts.checkpointLedger;
    this.#registry = contracts.operatorRegistry;
    this.#separator = domainSeparator(crypto, { ...deployment.domain, verifyingContract: fromHex(this.#ledger, 20) });
    const rpc = new Rpc(rpcUrl, options.rpcTimeoutMs);
    this.#rpc = rpc;
    const pollMs = this.#pollMs;
    const { maxBackoffMs = DEFAULT_BACKOFF_MS, confirmations = 0 } = options;
    this.#sender = new Sender(rpc, options.account, deployment.chainId, options.receiptTimeoutMs);
    this.#note(log.events());
    this.#follower = new Follower({
      rpc,
      log,
      startBlock: deployment.startBlock,
      addresses: [this.#registry, this.#ledger, contracts.availabilityCourt, contracts.inferenceCourt],
      topics: [...TOPICS, ...DISPUTE_TOPICS],
      decode: (entry, timestamp) => toChainEvent(crypto, this.#separator, entry, timestamp) ?? toDisputeEvent(entry),
      onUpdate: (update) => this.#take(update),
      onSynced: () => {
        this.#activate();
        this.#courts.synced(this.#follower.cursor?.number ?? -1);
      },
      onFault: options.onFault,
      pollMs,
      confirmations,
      maxBackoffMs,
    });
    this.#courts = new Courts({
      ...{ rpc, onFault: options.onFault, pollMs, maxBackoffMs },
      ...{ crypto, separator: this.#separator, ledger: this.#ledger, contracts, sender: this.#sender },
      blockOf: (hash) => blockOf(log.events(), hash),
      set: () => this.#set,
      onChange: () => this.#follower.poke(),
      onConvicted: (outcome) => options.onConvicted?.(outcome),
      onCondemned: (outcome) => options.onCondemned?.(outcome),
      challenges: options.challenges,
      onChallenge: (outcome) => options.onChallenge?.(outcome),
      challengeBonds: BigInt(options.challengesPerCheckpoint ?? 0) * BigInt(deployment.parameters.challengeBond),
      challengesAtOnce: options.challengesAtOnce ?? 1,
      disputes: options.disputes,
      accusationBond: BigInt(deployment.parameters.accusationBond),
    });
    this.#courts.take({ type: "reorg", events: log.events() });
  }

  /**
   * Without an answer from the chain this returns all the same, and the check is made when there is one.
   * @throws WeftError `wrong_chain`
   */
  async start(): Promise<void> {
    try {
      await this.#check();
      this.#follower.start();
    } catch (error) {
      if (error instanceof WeftError && error.code === "wrong_chain") throw error;
      this.#fault(error);
      this.#starting = this.#startLater();
    }
  }

  async stop(): Promise<void> {
    this.#rpc.stop();
    await this.#starting;
    await this.#follower.stopped();
    await this.#activating;
  }

  async #startLater(): Promise<void> {
    const { maxBackoffMs = DEFAULT_BACKOFF_MS } = this.#o;
    let said = "";
    for (let attempt = 0; !this.#rpc.stopped; attempt++) {
      await this.#rpc.pause(backoff(this.#pollMs, attempt, maxBackoffMs));
      try {
        await this.#check();
        if (!this.#rpc.stopped) this.#follower.start();
        return;
      } catch (error) {
        const code = error instanceof WeftError ? error.code : "chain_refused";
        // The chain is the wrong one, or none: nothing is read from it before it is the right one.
        if (code !== "chain_unreachable" && code !== said) this.#fault(error);
        said = code;
      }
    }
  }

  #fault(error: unknown): void {
    if (this.#rpc.stopped) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#o.onFault(error instanceof WeftError ? error : new WeftError("chain_refused", message, { cause: error }));
  }

  async #check(): Promise<void> {
    const { chainId } = this.#o.deployment;
    const wrong = (why: string) =>
      new WeftError("wrong_chain", why, {
        field: "rpcUrl",
        remedy: "name the RPC endpoint and the deployment file of one and the same chain",
      });
    const there = safeNumber(await this.#rpc.request<Hex>("eth_chainId"));
    if (there !== chainId) throw wrong(`the RPC endpoint serves chain ${there}, the deployment is on ${chainId}`);
    const code = await this.#rpc.request<Hex>("eth_getCode", [this.#ledger, "latest"]);
    if (code === "0x") throw wrong(`there is no contract at the ledger's address ${this.#ledger}`);
    const read = readContract(this.#rpc, this.#ledger, ledgerAbi, "domainSeparator", []);
    const separator = await read.catch((error: unknown) => {
      if (error instanceof RpcUnreachable) throw error;
      return "0x";
    });
    if (separator !== toHex(this.#separator))
      throw wrong(`the contract at ${this.#ledger} is not the ledger of this deployment`);
  }

  /** Words of the operator set that counts now, as `commit` wants them. */
  get set(): readonly bigint[] {
    return this.#set;
  }

  #note(events: readonly ChainEvent[]): void {
    for (const { kind, ...rest } of events) {
      if (kind !== "registry" || !("event" in rest)) continue;
      const { event } = rest;
      if (event.kind === "activated" || event.kind === "convicted") this.#set = encodeSet(event.set);
      this.#changes = true;
    }
  }

  async #take(update: ChainUpdate): Promise<void> {
    if (update.type === "reorg") this.#set = [];
    this.#note(update.events);
    await this.#o.onUpdate(update);
    this.#courts.take(update);
  }

  #activate(): void {
    if (this.#o.activateEpochs === false || !this.#changes || this.#activating) return;
    this.#changes = false;
    const done = (outcome: EpochOutcome) => {
      this.#activating = undefined;
      // Only "nothing waits" ends the trying; then the next change starts it again.
      if (!("reason" in outcome) || !outcome.reason.startsWith("OperatorRegistryNothingPending")) this.#changes = true;
    };
    this.#activating = this.activateEpochIfDue().then(done);
  }

  /** Applies waiting joins, exits and key changes when they are due; that somebody else did is fine. */
  async activateEpochIfDue(): Promise<EpochOutcome> {
    const jitter = 2 * this.#pollMs;
    const outcome = await activateEpochIfDue(this.#rpc, this.#sender, this.#registry, () => this.#set, jitter);
    if (outcome.type === "activated") this.#follower.poke();
    return outcome;
  }

  /** @param signatures 65 bytes each, ascending by signer. Never throws. */
  async commit(checkpoint: Checkpoint, set: readonly bigint[], signatures: readonly Bytes[]): Promise<CommitOutcome> {
    const outcome = await commitCheckpoint(this.#sender, this.#ledger, checkpoint, set, signatures);
    this.#follower.poke();
    return outcome;
  }

  /** Pursues the operator until it is convicted or the court refuses for good. Never throws. */
  async convict(evidence: Evidence): Promise<ConvictOutcome> {
    const outcome = await this.#courts.convict(evidence);
    this.#follower.poke();
    return outcome;
  }

  /** Pursues until the checkpoint and everybody who attested to it are, or the court refuses for good. Never throws. */
  condemn(accusation: Accusation): Promise<CondemnOutcome> {
    return this.#courts.condemn(accusation);
  }

  /** Has whoever attested show a segment, or an entry of the memory trace, on the chain; says when that was done. Never throws. */
  challenge(wanted: Shown["type"], at: CommittedPlace, onShown: (shown: Shown) => void): void {
    this.#courts
      .challenge(wanted, at)
      .then((shown) => shown && onShown(shown))
      .catch((error) => this.#fault(error));
  }

  /** Accuses an author of a token that is not what the model says; then the dispute is seen to its end. Never throws. */
  async accuse(wrong: WrongToken): Promise<AccuseOutcome> {
    const outcome = await this.#courts.accuse(wrong);
    this.#follower.poke();
    return outcome;
  }

  /** What the inference court says of a turn. */
  readonly says = (turn: Bytes) => this.#courts.says(turn);

  /** Disputes about tokens that are open; bonds in the stake token's smallest unit. */
  get disputes(): { accuses: number; accused: number; bonds: bigint } {
    return this.#courts.disputes;
  }

  status(): ChainStatus {
    const { cursor, lagMs, reachable } = this.#follower;
    return { block: cursor?.number ?? -1, lagMs, reachable };
  }

  /** Seconds of block time of the latest block that was seen; undefined before the first. */
  time(): number | undefined {
    return this.#follower.head?.timestamp;
  }

  /** @throws WeftError `chain_unreachable` */
  finality(number: number): Promise<Finality> {
    return finalityOf(this.#rpc, this.#ledger, number);
  }
}

/** The block that took a checkpoint. */
function blockOf(events: readonly ChainEvent[], hash: Bytes): number | undefined {
  return events.findLast((event) => event.kind === "committed" && equal(event.hash, hash))?.block;
}

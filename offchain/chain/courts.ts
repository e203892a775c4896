import type { Bytes } from "../core/bytes.ts";
import type { CommittedPlace } from "../core/checkpoints.ts";
import type { CutProof } from "../core/cut-proof.ts";
import { type CourtSays, Disputes } from "../core/dispute.ts";
import type { Passes } from "../core/dispute-moves.ts";
import type { Shown } from "../core/events.ts";
import type { Evidence } from "../core/evidence.ts";
import type { FoldAccusation } from "../core/false-memory.ts";
import { type AccuseOutcome, Accuser, type WrongToken } from "./accuser.ts";
import { Answerer, type ChallengeOutcome, type ChallengePort, concludeCall } from "./answerer.ts";
import type { CommitSource } from "./attestations.ts";
import { Challenger } from "./challenger.ts";
import { foldCall } from "./convert.ts";
import type { ConvictOutcome } from "./conviction.ts";
import { cutCallData } from "./cut-call.ts";
import type { Deployment } from "./deployment.ts";
import { Disputer, type MoveOutcome } from "./disputer.ts";
import type { ChainUpdate } from "./follower.ts";
import type { Persistence } from "./persist.ts";
import { type CondemnOutcome, Prosecutor } from "./prosecutor.ts";
import type { Call, Sender } from "./sender.ts";
import { Settler } from "./settler.ts";
import { Watcher } from "./watcher.ts";

/** What is false in a committed checkpoint, as the court that judges it takes it. */
export type Accusation = { number: number; hash: Bytes } & (
  | { court: "fold"; lie: FoldAccusation }
  | { court: "cut"; proof: CutProof }
);

/** A worker's part in disputes about tokens. */
export type DisputeOptions = {
  /** Who this worker is in the registry. */
  operator: Bytes;
  passes: Passes;
  /** How many accusations may be open at once, by what their bonds cost when nobody else accuses. */
  openAccusations: number;
  /** How many others may be answered for at once. */
  answersForOthers: number;
  onMove(outcome: MoveOutcome): void;
};

export type CourtsOptions = Persistence &
  CommitSource & {
    contracts: Deployment["contracts"];
    sender: Sender;
    set(): readonly bigint[];
    /** The operator set is another one by now. */
    onChange(): void;
    onConvicted(outcome: ConvictOutcome): void;
    onCondemned(outcome: CondemnOutcome): void;
    /** Without it challenges are left to others. */
    challenges: ChallengePort | undefined;
    onChallenge(outcome: ChallengeOutcome): void;
    /** What challenges of this worker's may cost for each checkpoint, in the stake token's smallest unit. */
    challengeBonds: bigint;
    /** About how many checkpoints this worker may ask at once. */
    challengesAtOnce: number;
    /** Without it disputes are left to others. */
    disputes: DisputeOptions | undefined;
    /** What the first accusation of an operator costs, in the stake token's smallest unit. */
    accusationBond: bigint;
  };

/** A worker in all courts: brings what it knows, and has the stake of whoever is convicted burnt. Never throws. */
export class Courts {
  readonly #contracts: Deployment["contracts"];
  readonly #watcher: Watcher;
  readonly #prosecutor: Prosecutor;
  readonly #answerer: Answerer | undefined;
  readonly #challenger: Challenger;
  readonly #known = new Disputes();
  readonly #disputer: Disputer | undefined;
  readonly #accuser: Accuser | undefined;

  constructor({ contracts, ...options }: CourtsOptions) {
    const common = { ...options, registry: contracts.operatorRegistry };
    const settler = new Settler(common);
    const onConvicted = (outcome: ConvictOutcome) => {
      options.onConvicted(outcome);
      const isReporter = outcome.type === "convicted";
      if (isReporter || outcome.type === "already") void settler.settle(outcome.operator, isReporter);
    };
    this.#contracts = contracts;
    this.#watcher = new Watcher({ ...common, court: contracts.equivocationCourt, onOutcome: onConvicted });
    this.#prosecutor = new Prosecutor({ ...common, onConvicted });
    const { challenges: port, onChallenge: onOutcome } = options;
    const court = contracts.availabilityCourt;
    this.#challenger = new Challenger({
      ...common,
      court,
      token: contracts.stakeToken,
      mostBonds: options.challengeBonds,
      atOnce: options.challengesAtOnce,
    });
    const { disputes } = options;
    if (disputes) {
      const inference = { ...common, ...disputes, court: contracts.inferenceCourt, token: contracts.stakeToken };
      const disputer = new Disputer({ ...inference, known: this.#known, onConvicted });
      this.#disputer = disputer;
      this.#accuser = new Accuser({
        ...inference,
        models: contracts.modelRegistry,
        mostBonds: BigInt(disputes.openAccusations) * options.accusationBond,
        openBonds: () => disputer.open.accuses.reduce((sum, { accused }) => sum + accused.bond, 0n),
      });
    }
    if (port)
      this.#answerer = new Answerer({
        ...common,
        court,
        port,
        onOutcome,
        onSilence: ({ id, number, hash }) =>
          this.#prosecutor.condemn({ number, hash, call: { to: court, data: concludeCall(id) } }),
      });
  }

  convict(evidence: Evidence): Promise<ConvictOutcome> {
    return this.#watcher.convict(evidence);
  }

  condemn(accusation: Accusation): Promise<CondemnOutcome> {
    const { number, hash } = accusation;
    return this.#prosecutor.condemn({ number, hash, call: this.#callOf(accusation) });
  }

  #callOf(accusation: Accusation): Call {
    const { foldCourt, cutCourt } = this.#contracts;
    if (accusation.court === "cut") return { to: cutCourt, data: cutCallData(accusation.proof) };
    return { to: foldCourt, data: foldCall(accusation.lie) };
  }

  /** Has whoever attested to something show it. It, once it was shown; nothing when it was not. */
  challenge(wanted: Shown["type"], at: CommittedPlace): Promise<Shown | undefined> {
    return this.#challenger.ask(wanted, at);
  }

  /** Accuses an author before the inference court, whose disputes are then seen to their end. */
  async accuse(wrong: WrongToken): Promise<AccuseOutcome> {
    return this.#accuser ? this.#accuser.accuse(wrong) : { type: "refused", reason: "disputes are left to others" };
  }

  /** How many disputes are open that this worker began, or in which it is accused, and what its accusations cost. */
  get disputes(): { accuses: number; accused: number; bonds: bigint } {
    const { accuses, accused } = this.#disputer?.open ?? { accuses: [], accused: [] };
    const bonds = accuses.reduce((sum, dispute) => sum + dispute.accused.bond, 0n);
    return { accuses: accuses.length, accused: accused.length, bonds };
  }

  /** What the inference court says of a turn, whoever accuses it. */
  says(turn: Bytes): CourtSays {
    return this.#known.says(turn);
  }

  /** What the chain says. When it took something back, all verdicts are looked at again. */
  take(update: ChainUpdate): void {
    this.#answerer?.take(update);
    this.#challenger.take(update);
    if (update.type === "reorg") this.#known.clear();
    for (const event of update.events) this.#known.take(event);
    this.#disputer?.take(update);
    if (update.type === "events") return;
    this.#watcher.reopen();
    this.#prosecutor.reopen();
  }

  /** Everything up to this block, the latest that is believed, has been read. */
  synced(block: number): void {
    this.#challenger.synced(block);
    this.#answerer?.synced();
    this.#disputer?.synced();
  }
}

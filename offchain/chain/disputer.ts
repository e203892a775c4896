import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { type Dispute, type Disputes, dueAt, isAccused, isAccuser, type Party, type Reply } from "../core/dispute.ts";
import { type Move, moveOf, type Passes, type Task, tasksOf } from "../core/dispute-moves.ts";
import { WeftError } from "../core/errors.ts";
import { inferenceCourtAbi as abi } from "./abi.ts";
import { activeTime } from "./active-time.ts";
import { approveBond } from "./bond.ts";
import type { ConvictOutcome } from "./conviction.ts";
import { collectCredit } from "./credit.ts";
import { concludeCall, moveCall } from "./dispute-calls.ts";
import type { ChainUpdate } from "./follower.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Sender } from "./sender.ts";

/** What this worker did in a dispute. */
export type MoveOutcome = { type: Move["type"] | "conclude"; id: Hex; operator: Bytes; txHash: Hex; gas: bigint };

export type DisputerOptions = Persistence & {
  sender: Sender;
  registry: Hex;
  court: Hex;
  token: Hex;
  /** What the court said. */
  known: Disputes;
  /** Who this worker is in the registry. */
  operator: Bytes;
  passes: Passes;
  /** How many others may be answered for at once. */
  answersForOthers: number;
  /** Words of the operator set as the follower knows it now. */
  set(): readonly bigint[];
  /** Something was said to the court. */
  onChange(): void;
  onMove(outcome: MoveOutcome): void;
  onConvicted(outcome: ConvictOutcome): void;
};

const CONVICTED = 2;
/** Places of answers beside the accused's own. */
const OTHERS = 4;
/** Reverts that say no more than that somebody else, or this worker, has done it, or that it is not yet time. */
const PASSING = new Set([
  "InferenceCourtWrongStage",
  "InferenceCourtWrongAnswer",
  "InferenceCourtWrongState",
  "InferenceCourtWrongTime",
  "InferenceCourtNoPlace",
]);
const LONGEST_WAIT_MS = 60_000;
/** Who answers for another lets it, and others, go first: for so many polls, and this part of the time that is left, at least. */
const SPREAD_POLLS = 60;
const SPREAD_SHARE = 1 / 4;
/** The accuser concludes; the others, to whom bonds are owed as well, so many polls later. */
const OTHERS_WAIT_POLLS = 20;

/**
 * Sees disputes before the inference court to their end, as accuser, as accused, and as who answers for others. What is to
 * be done follows from the chain's events alone, so a restart or a reorganisation changes nothing. Nothing here ever throws.
 */
export class Disputer {
  readonly #o: DisputerOptions;
  readonly #party: Party;
  readonly #disputes: Disputes;
  readonly #pursued = new Set<Hex>();
  readonly #wakes = new Set<() => void>();
  /** Those in which this worker has nothing to answer. */
  readonly #lost = new Set<Hex>();
  /** Tasks of a dispute, or about a reply, to which there is nothing to say: to find that out again takes a forward pass. */
  readonly #mute = new WeakMap<Dispute | Reply, Set<Task["type"]>>();
  #owed = true;

  constructor(options: DisputerOptions) {
    this.#o = options;
    this.#disputes = options.known;
    this.#party = { operator: options.operator, account: fromHex(options.sender.address) };
  }

  /** Of this worker's, and against it. */
  get open(): { accuses: Dispute[]; accused: Dispute[] } {
    const { open } = this.#disputes;
    return {
      accuses: open.filter((dispute) => isAccuser(dispute, this.#party)),
      accused: open.filter((dispute) => isAccused(dispute, this.#party)),
    };
  }

  /** What the chain said; it is among the disputes by now. */
  take({ events }: ChainUpdate): void {
    if (events.some(({ kind }) => kind === "judged" || kind === "defeated")) this.#owed = true;
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }

  /** Everything that there was has been read: what is open is seen to. */
  synced(): void {
    if (this.#owed) {
      this.#owed = false;
      void collectCredit(this.#o);
    }
    for (const { id, accused } of this.#disputes.open) {
      if (this.#pursued.has(id) || !this.#concerns(id)) continue;
      this.#pursued.add(id);
      const claim = `dispute ${id} about position ${accused.position} of turn ${toHex(accused.turn)} waits`;
      const isOurs = this.#isOwn(id);
      const delayed = { code: isOurs ? "dispute_delayed" : "dispute_left", claim };
      void persist(this.#o, delayed, () => this.#pursue(id)).then(() => this.#pursued.delete(id));
    }
  }

  #concerns(id: Hex): boolean {
    return this.#isOwn(id) || this.#o.answersForOthers > 0;
  }

  #isOwn(id: Hex): boolean {
    const dispute = this.#disputes.of(id);
    return !!dispute && (isAccuser(dispute, this.#party) || isAccused(dispute, this.#party));
  }

  /** Until the chain says something new. */
  #news(): Promise<void> {
    return new Promise((wake) => {
      this.#wakes.add(wake);
    });
  }

  /** True when there is nothing to do any more, or why to try again. */
  async #pursue(id: Hex): Promise<true | string> {
    const { rpc, registry, pollMs } = this.#o;
    for (;;) {
      const news = this.#news();
      const dispute = this.#disputes.of(id);
      if (!dispute || rpc.stopped) return true;
      const leftMs = (dueAt(dispute) - (await activeTime(rpc, registry))) * 1_000;
      // What is late may be proven all the same, until the court has concluded.
      const unmade = await this.#move(dispute);
      const failed = (leftMs <= 0 ? await this.#conclude(dispute) : undefined) ?? unmade;
      if (failed !== undefined) return failed;
      await Promise.race([rpc.pause(Math.min(Math.max(leftMs, pollMs), LONGEST_WAIT_MS)), news]);
    }
  }

  /** Does what is this worker's to do. Undefined when it is done, or why to try again. */
  async #move(dispute: Dispute): Promise<string | undefined> {
    const mute = (task: Task) => this.#muteOf(dispute, task).has(task.type);
    const tasks = tasksOf(dispute, this.#party, this.#o.answersForOthers > 0).filter((task) => !mute(task));
    if (tasks.length === 0) return undefined;
    const pass = await this.#o.passes.of(dispute.accused);
    if (!pass) return "what its context, memory or model is, is not known here";
    for (const task of tasks) {
      const move = await moveOf(dispute, task, pass);
      if (!move) this.#muteOf(dispute, task).add(task.type);
      const failed = move ? await this.#make(dispute, move) : this.#surrender(dispute, task);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  #muteOf(dispute: Dispute, task: Task): Set<Task["type"]> {
    const about = "reply" in task ? task.reply : dispute;
    const known = this.#mute.get(about) ?? new Set();
    this.#mute.set(about, known);
    return known;
  }

  /** An accused that has nothing to answer is about to lose its stake: its operator should know. */
  #surrender({ id, accused }: Dispute, { type }: Task): undefined {
    if (type !== "answer" || !equal(accused.operator, this.#party.operator) || this.#lost.has(id)) return;
    this.#lost.add(id);
    const what = `the token at ${accused.position} of turn ${toHex(accused.turn)}`;
    this.#o.onFault(
      new WeftError("dispute_lost", `${what}, of which this worker is accused, is not what the model says (${id})`, {
        remedy: "check the model's files, the memory and the processor of this machine",
      }),
    );
  }

  async #make(dispute: Dispute, move: Move): Promise<string | undefined> {
    if (move.type === "answer") {
      const { rpc, court } = this.#o;
      const bond = await readContract(rpc, court, abi, "answerBond", []);
      if (!isAccused(dispute, this.#party) && !(await this.#letOthers(dispute))) return undefined;
      if (await this.#isAnswered(dispute)) return undefined;
      const hindered = await approveBond(this.#o, court, bond);
      if (typeof hindered === "string") return hindered;
      if (hindered)
        return `the signer's account has ${hindered.own} stake tokens, and the bond of an answer is ${bond}`;
    }
    return this.#say(dispute, move.type, moveCall(dispute.accused, move, this.#o.set()));
  }

  /** Whether one more may be answered for: told after the accused, and others, have had their time. */
  async #letOthers({ deadline }: Dispute): Promise<boolean> {
    const { rpc, registry, answersForOthers, pollMs } = this.#o;
    const leftMs = (deadline - (await activeTime(rpc, registry))) * 1_000;
    await rpc.pause(Math.min(leftMs * SPREAD_SHARE, pollMs * SPREAD_POLLS) * (1 + Math.random()));
    const answered = this.#disputes.open.filter((one) => this.#isHolder(one) && !isAccused(one, this.#party));
    return answered.length < answersForOthers;
  }

  /** Has this worker answered? */
  #isHolder({ replies }: Dispute): boolean {
    return [...replies.values()].some(({ answerer }) => equal(answerer, this.#party.account));
  }

  /** Has the accused answered, or has this worker? What was said last may not have been read yet. */
  async #isAnswered({ id }: Dispute): Promise<boolean> {
    const { rpc, court, sender } = this.#o;
    for (let place = 0; place <= OTHERS; place++) {
      const { answerer } = await readContract(rpc, court, abi, "answerOf", [id, BigInt(place)]);
      const isOwn = place === 0 && BigInt(answerer) !== 0n;
      if (isOwn || BigInt(answerer) === BigInt(sender.address)) return true;
    }
    return false;
  }

  async #conclude(dispute: Dispute): Promise<string | undefined> {
    const { rpc, pollMs } = this.#o;
    if (!this.#isHolder(dispute) && !this.#isOwn(dispute.id)) return undefined;
    if (!isAccuser(dispute, this.#party)) {
      await rpc.pause(pollMs * OTHERS_WAIT_POLLS * (1 + Math.random()));
      if (this.#disputes.of(dispute.id) !== dispute) return undefined;
    }
    return this.#say(dispute, "conclude", concludeCall(dispute.accused, this.#o.set()));
  }

  async #say({ id, accused }: Dispute, type: MoveOutcome["type"], data: Hex): Promise<string | undefined> {
    const { rpc, sender, court, onMove, onConvicted, onChange } = this.#o;
    const { operator } = accused;
    const sent = await sender.send({ to: court, data });
    if (sent.type !== "mined") return sent.type === "reverted" && PASSING.has(sent.name) ? undefined : sent.message;
    const { txHash, gas } = sent;
    onMove({ type, id, operator, txHash, gas });
    onChange();
    if (type === "conclude" || type.startsWith("prove")) {
      const { state } = await readContract(rpc, court, abi, "accusationOf", [id]);
      if (state === CONVICTED) onConvicted({ type: "convicted", operator, txHash, gas });
    }
    return undefined;
  }
}

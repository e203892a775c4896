import { toHex } from "../../../offchain/core/bytes.ts";
import type { Proposal } from "../../../offchain/core/proposal.ts";
import type { SetMember } from "../../../offchain/core/registry.ts";
import { type ActionKind, isFelt, type Plan } from "../plan.ts";
import type { SimWorker } from "../worker.ts";
import { Violation } from "./types.ts";

/** After this everybody is connected and has caught up. */
const CALM_MS = 15_000;
/** Of one number, while nothing disturbs. Some meet a new epoch, what a liar says of itself, or a commit reported as failed. */
const MOST_PROPOSALS = 8;

const HARMLESS = new Set<ActionKind>(["clock-drift"]);

/** L4: with more than 2/3 of honest stake connected and caught up, a checkpoint comes within a bounded number of proposals. */
export class Progress {
  readonly #plan: Plan;
  /** Proposals of honest workers for the next number, in calm. */
  #number = 0;
  #count = 0;
  #latest?: Proposal;
  /** The most for any number. */
  most = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** An honest worker asks for an attestation; of one proposal it asks every peer. @returns whether it counts */
  proposes(
    { name }: SimWorker,
    proposal: Proposal,
    world: { now: number; set: readonly SetMember[]; workers: readonly SimWorker[] },
  ): boolean {
    if (proposal === this.#latest) return false;
    this.#latest = proposal;
    const { number } = proposal.checkpoint;
    if (!this.#isCalm(world.now) || !hasQuorum(world)) this.#count = 0;
    else if (number !== this.#number) this.#count = 1;
    else this.#count += 1;
    this.#number = number;
    this.most = Math.max(this.most, this.#count);
    if (this.#count > MOST_PROPOSALS)
      throw new Violation("L4", `${name} proposes ${number}, of which there were ${this.#count - 1} proposals in calm`);
    return this.#count > 0;
  }

  #isCalm(now: number): boolean {
    const { actions, network, disk, chain, crashBeforeEffect, healAt } = this.#plan;
    if (now >= healAt + CALM_MS) return true;
    const background = [network.loss, network.tailChance, disk.slow, disk.crashBefore, disk.crashAfter];
    if ([...background, chain.silent, chain.behind, chain.misreport, crashBeforeEffect].some((chance) => chance > 0))
      return false;
    return !actions.some((action) => !HARMLESS.has(action.kind) && isFelt(action, now, CALM_MS));
  }
}

/** More than 2/3 of the stake that counts is with honest workers that have run for long. */
function hasQuorum({
  now,
  set,
  workers,
}: {
  now: number;
  set: readonly SetMember[];
  workers: readonly SimWorker[];
}): boolean {
  const running = workers.filter(({ honest, alive, startedAt }) => honest && alive && now - startedAt > CALM_MS);
  const keys = new Set(running.map(({ spec }) => toHex(spec.signer.address)));
  const sum = (of: readonly SetMember[]) => of.reduce((total, { stake }) => total + stake, 0n);
  return sum(set.filter(({ signer }) => keys.has(toHex(signer)))) * 3n > sum(set) * 2n;
}

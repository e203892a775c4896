import { Answerer } from "../../../offchain/chain/answerer.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { StatedLeaves } from "../../../offchain/core/stated-leaves.ts";

/** Everything that is taught counts twice. Whoever else does so agrees on every root. */
export function countTwice(): void {
  const { add } = Memories.prototype;
  Memories.prototype.add = function (definition, increments) {
    return add.call(
      this,
      definition,
      increments.map((one) => ({ ...one, count: 2 * one.count })),
    );
  };
}

/** No peer is told what a checkpoint states. */
export function tellNobody(): void {
  StatedLeaves.prototype.page = () => undefined;
}

/** What the chain asks for is neither answered nor concluded. */
export function leaveChallenges(): void {
  Answerer.prototype.synced = () => {};
}

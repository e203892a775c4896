import { Answerer } from "../../../offchain/chain/answerer.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { StatedLeaves } from "../../../offchain/core/stated-leaves.ts";
import { Store } from "../../../offchain/store/store.ts";

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

/** No peer is given a segment that it was not given when it was written. */
export function giveNothing(): void {
  Store.prototype.segments = function* () {};
}

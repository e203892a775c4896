import { Cut } from "../../../offchain/core/cut.ts";
import { startSaboteur } from "./start.ts";

// A worker that lists segments from the last to the first. Whoever else does so agrees with it on every root.

const { segmentsSince } = Cut.prototype;
Cut.prototype.segmentsSince = function* (parent) {
  yield* [...segmentsSince.call(this, parent)].reverse();
};
await startSaboteur();

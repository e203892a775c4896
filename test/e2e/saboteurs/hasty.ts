import { Overdue } from "../../../offchain/core/overdue.ts";
import { startSaboteur } from "./start.ts";

// An honest worker, whose ten minutes of patience with what it lacks pass in six seconds.

const { look } = Overdue.prototype;
Overdue.prototype.look = function (lacking, online, now) {
  return look.call(this, lacking, online, 100 * now);
};
await startSaboteur();

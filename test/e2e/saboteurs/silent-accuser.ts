import { Disputer } from "../../../offchain/chain/disputer.ts";
import { accuseAnybody } from "./dispute-lies.ts";
import { startSaboteur, victims } from "./start.ts";

// Accuses its victims whatever they say, and never says another word.
Disputer.prototype.synced = () => {};
await startSaboteur(accuseAnybody(victims));

import { giveNothing, leaveChallenges } from "./lies.ts";
import { startSaboteur } from "./start.ts";

giveNothing();
leaveChallenges();
await startSaboteur();

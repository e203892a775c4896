import { giveNothing } from "./lies.ts";
import { startSaboteur } from "./start.ts";

giveNothing();
await startSaboteur();

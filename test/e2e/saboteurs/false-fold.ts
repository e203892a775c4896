import { countTwice } from "./lies.ts";
import { startSaboteur } from "./start.ts";

countTwice();
await startSaboteur();

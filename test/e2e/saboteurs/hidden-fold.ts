import { countTwice, tellNobody } from "./lies.ts";
import { startSaboteur } from "./start.ts";

countTwice();
tellNobody();
await startSaboteur();

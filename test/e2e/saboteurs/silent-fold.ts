import { countTwice, leaveChallenges, tellNobody } from "./lies.ts";
import { startSaboteur } from "./start.ts";

countTwice();
tellNobody();
leaveChallenges();
await startSaboteur();

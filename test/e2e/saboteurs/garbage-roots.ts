import { answerWithGarbage, writeOtherTokens } from "./dispute-lies.ts";
import { startSaboteur } from "./start.ts";

// Writes tokens that its model does not say, and answers accusations with roots of nothing.
answerWithGarbage();
await startSaboteur({ wrapEngine: writeOtherTokens });

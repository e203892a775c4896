import { writeOtherTokens } from "./dispute-lies.ts";
import { startSaboteur } from "./start.ts";

// Writes tokens that its model does not say; of which it is accused it has nothing to answer.
await startSaboteur({ wrapEngine: writeOtherTokens });

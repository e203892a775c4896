import { standByTokens, writeOtherTokens } from "./dispute-lies.ts";
import { startSaboteur } from "./start.ts";

// Writes tokens that its model does not say, and stands by them, whoever accuses it.
standByTokens();
await startSaboteur({ wrapEngine: writeOtherTokens });

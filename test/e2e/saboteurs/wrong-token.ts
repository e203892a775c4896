import { standByTokens, writeOtherTokens } from "./lies.ts";
import { startSaboteur } from "./start.ts";

// Writes tokens that its model does not say, and stands by them, whoever accuses it.
standByTokens();
await startSaboteur({ wrapEngine: writeOtherTokens });

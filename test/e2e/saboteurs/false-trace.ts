import { lieInTrace } from "./dispute-lies.ts";
import { startSaboteur } from "./start.ts";

// Writes what its model says, and answers every accusation with a trace that is false.
lieInTrace();
await startSaboteur();

import { accuseAnybody } from "./dispute-lies.ts";
import { startSaboteur, victims } from "./start.ts";

// Accuses its victims whatever they say, and proves what is false in their answers.
await startSaboteur(accuseAnybody(victims));

import { setImmediate as breathe } from "node:timers/promises";

/** What steps come to; between two of them other things have their turn. */
export async function inSteps<T>(steps: Generator<undefined, T>): Promise<T> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    await breathe();
  }
}

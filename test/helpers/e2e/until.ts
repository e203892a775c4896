import { setTimeout as sleep } from "node:timers/promises";

/** Polls; a condition that throws is one that does not hold yet. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
  everyMs = 50,
): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + timeoutMs; ; await sleep(everyMs)) {
    try {
      if (await holds()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`, { cause: last });
  }
}

import { z } from "zod/v4";
import type { CheckpointPart } from "../../api/ports.ts";
import { type Bytes, fromHex } from "../../core/bytes.ts";
import { WeftError } from "../../core/errors.ts";

const TIMEOUT_MS = 10_000;
/** Twice what a worker's largest page has. */
const LIMIT_ANSWER = 8 * 1024 * 1024;

const page = z.object({
  hash: z.string(),
  items: z.array(z.string()),
  next: z.int().positive().nullable(),
});

/** One page of what a checkpoint contains, as a worker says. */
export type Page = { items: Bytes[]; next: number | null };

/** @throws WeftError `worker_failed`: it does not answer, does not have it, or follows another chain */
export async function fetchPage(
  worker: string,
  part: CheckpointPart,
  checkpoint: { number: number; hash: string },
  from: number,
): Promise<Page> {
  return ask(worker, `/v1/checkpoints/${checkpoint.number}/${part}?from=${from}`, (body) => {
    const { hash, items, next } = page.parse(body);
    if (hash !== checkpoint.hash) throw new Error("it knows another checkpoint by this number");
    if (next !== null && next !== from + items.length) throw new Error("its pages do not follow one another");
    return { items: items.map((item) => fromHex(item)), next };
  });
}

/** @throws WeftError `worker_failed`: it does not answer, or not as workers do */
export async function ask<T>(worker: string, path: string, read: (body: unknown) => T): Promise<T> {
  try {
    const url = new URL(path, worker);
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "error" });
    const text = await bounded(response);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return read(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeftError("worker_failed", `${worker}: ${why}`, { cause });
  }
}

async function bounded(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > LIMIT_ANSWER) throw new Error(`it answers with more than ${LIMIT_ANSWER} bytes`);
  }
  return text;
}

import { z } from "zod/v4";
import { WeftError } from "../core/errors.ts";
import { parseReceipt, type Receipt } from "./receipt.ts";

export type ReceiptQuery = {
  /** HTTP interfaces of workers, asked one after another. */
  urls: string | readonly string[];
  /** As the `weft` object of an answer gives it. */
  requestId: string;
  /** Absolute; the whole answer when it is left out. */
  position?: number;
  /** How many tokens from `position` on; 1 by default. */
  count?: number;
  signal?: AbortSignal;
};

/** A worker that takes longer is passed over. */
const PATIENCE_MS = 10_000;
const RANK = { pending: 0, attested: 1, final: 2 };

const refusalSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/**
 * Asks workers for a receipt, until one has it with its proof. Nothing in it is believed yet.
 *
 * @throws WeftError `no_receipt` when nobody has one; its cause is what the last one said
 */
export async function getReceipt(query: ReceiptQuery): Promise<Receipt> {
  const urls = typeof query.urls === "string" ? [query.urls] : query.urls;
  let best: Receipt | undefined;
  let last: unknown;
  for (const url of urls) {
    try {
      const receipt = await receiptFrom(url, query);
      if (!best || RANK[receipt.status] > RANK[best.status]) best = receipt;
      if (best.status === "final") break;
    } catch (error) {
      query.signal?.throwIfAborted();
      last = error;
    }
  }
  if (best) return best;
  const why = last instanceof Error ? `: ${last.message}` : "";
  throw new WeftError("no_receipt", `none of ${urls.length} workers has a receipt of this answer${why}`, {
    field: "urls",
    remedy: "ask the gateway that gave the answer, or other workers",
    cause: last,
  });
}

async function receiptFrom(base: string, { requestId, position, count, signal }: ReceiptQuery): Promise<Receipt> {
  const url = new URL(`${base.replace(/\/+$/, "")}/v1/receipts/${requestId}`);
  if (position !== undefined) url.searchParams.set("position", String(position));
  if (count !== undefined) url.searchParams.set("count", String(count));
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  const body: unknown = await response.json();
  if (!response.ok) {
    const said = refusalSchema.safeParse(body).data?.error;
    throw new WeftError(said?.code ?? "malformed", said?.message ?? `the worker answered ${response.status}`);
  }
  const receipt = parseReceipt(body);
  if (receipt.requestId !== requestId.toLowerCase() || (position !== undefined && receipt.position !== position))
    throw new WeftError("malformed", "the worker gave the receipt of something else", { field: "requestId" });
  return receipt;
}

import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorBody, refusalOf } from "../api/errors.ts";

/** What a client is told, in the words that workers use. */
export function refusal(error: unknown): { status: ContentfulStatusCode; body: ErrorBody } {
  const { status, body } = refusalOf(error);
  if (status === 500) body.error.message = "the indexer failed; its log says why";
  return { status: status as ContentfulStatusCode, body };
}

import { codeOf, WeftError } from "../core/errors.ts";

/** HTTP status of every code that a client can meet; whatever is not here is a fault of ours. */
const STATUS: Record<string, number> = {
  malformed: 400,
  out_of_range: 400,
  too_large: 400,
  unsupported: 400,
  unsupported_parameter: 400,
  unprovable_memory: 400,
  context_length_exceeded: 400,
  no_chat_template: 400,
  request_mismatch: 400,
  not_found: 404,
  unknown_segment: 404,
  model_not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  conflict: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  key_reused: 422,
  aborted: 499,
  internal: 500,
  carried_mismatch: 502,
  rows_mismatch: 502,
  busy: 503,
  closed: 503,
  disk_full: 503,
  no_author: 503,
  not_ready: 503,
  shutting_down: 503,
  too_many_calls: 503,
  unknown_memory: 503,
};

export const RETRY_AFTER_SECONDS = 1;

export type ErrorBody = { error: { message: string; type: string; param: string | null; code: string } };
export type Refusal = { status: number; body: ErrorBody };

/** What a client is told. The details of our own faults stay in the log. */
export function refusalOf(error: unknown): Refusal {
  const code = codeOf(error);
  const status = STATUS[code] ?? 500;
  const known = error instanceof WeftError ? error : undefined;
  const told = known && status !== 500 ? [known.message, known.remedy].filter(Boolean).join("; ") : undefined;
  return {
    status,
    body: {
      error: {
        message: told ?? "the worker failed; the same request at another worker gives the same answer",
        type: status >= 500 ? (status === 503 ? "service_unavailable" : "server_error") : "invalid_request_error",
        param: (status < 500 && known?.field) || null,
        code,
      },
    },
  };
}

const FASTIFY_CODES: Record<string, [code: string, message: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["body_too_large", "the body is larger than 1 MiB"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["unsupported_media_type", "send the header content-type: application/json"],
  FST_ERR_CTP_EMPTY_JSON_BODY: ["malformed", "the body is empty"],
  FST_ERR_CTP_INVALID_JSON_BODY: ["malformed", "the body is not JSON"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["malformed", "the body has not the length that its header says"],
  FST_ERR_REOPENED_CLOSE_SERVER: ["shutting_down", "this worker is stopping"],
};

/** Gives the errors of the HTTP framework their place among ours. */
export function fromFramework(error: unknown): unknown {
  if (error instanceof WeftError || !(error instanceof Error)) return error;
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  const known = FASTIFY_CODES[code ?? ""];
  if (known) return new WeftError(known[0], known[1], { cause: error });
  if (error instanceof SyntaxError || (statusCode !== undefined && statusCode >= 400 && statusCode < 500))
    return new WeftError("malformed", "the request cannot be read", { cause: error });
  return error;
}

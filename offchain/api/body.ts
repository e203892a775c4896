import { createHash } from "node:crypto";
import { z } from "zod/v4";
import { type Bytes, fromHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { encodeParameters, LIMIT_STOPS, LIMIT_TEMPERATURE } from "../core/request.ts";
import type { CompletionRequest } from "./ports.ts";

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `is not 0x and ${bytes} bytes`);
const u32 = z.int().min(0).max(0xffff_ffff);

/** Standard parameters that would change the answer and that we do not have: only what changes nothing is accepted. */
const NEUTRAL: Record<string, (value: unknown) => boolean> = {
  n: (value) => value === 1,
  top_p: (value) => value === 1,
  best_of: (value) => value === 1,
  echo: (value) => value === false,
  logprobs: () => false,
  suffix: (value) => value === "",
  logit_bias: (value) => typeof value === "object" && value !== null && Object.keys(value).length === 0,
  presence_penalty: (value) => value === 0,
  frequency_penalty: (value) => value === 0,
  repetition_penalty: (value) => value === 1,
  top_k: (value) => value === 0 || value === -1,
  min_p: (value) => value === 0,
};

const weftSchema = z
  .object({
    author: hex(20).nullish(),
    recompute: z.boolean().nullish(),
    nonce: hex(32).nullish(),
    history_length: u32.nullish(),
    request_id: hex(32).nullish(),
  })
  .refine((weft) => (weft.nonce == null) === (weft.history_length == null), {
    path: ["history_length"],
    error: "goes with nonce: a retry sends both",
  });

const schema = z.object({
  model: z.string().min(1),
  prompt: z.union([z.string().min(1), z.tuple([z.string().min(1)])], { error: "is not a text (one, and not empty)" }),
  max_tokens: z.int().min(1).max(0xffff_ffff).nullish(),
  temperature: z
    .number()
    .min(0)
    .max(LIMIT_TEMPERATURE / 100)
    .nullish(),
  stop: z
    .union([z.string().min(1), z.array(z.string().min(1)).max(LIMIT_STOPS)], {
      error: `is neither a text nor a list of at most ${LIMIT_STOPS} texts`,
    })
    .nullish(),
  seed: z.int().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  weft: weftSchema.nullish(),
});

export type ParsedBody = {
  request: CompletionRequest;
  model: string;
  includeUsage: boolean;
  /** The request that a retry means to repeat. */
  expectedId?: string;
};

/** @throws WeftError whose field is the parameter at fault */
export function parseBody(body: unknown, requester: Bytes): ParsedBody {
  if (typeof body === "object" && body !== null)
    for (const [name, neutral] of Object.entries(NEUTRAL)) {
      const value = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
      if (value === undefined || value === null || neutral(value)) continue;
      throw new WeftError("unsupported_parameter", `${name} with this value is not supported`, {
        field: name,
        remedy: "leave it out",
      });
    }
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue.path.join(".");
    throw new WeftError("malformed", `${field || "the body"}: ${issue.message}`, { field: field || undefined });
  }
  const { prompt, stop, temperature, weft, ...rest } = parsed.data;
  const request: CompletionRequest = {
    prompt: typeof prompt === "string" ? prompt : prompt[0],
    maxTokens: rest.max_tokens ?? 16,
    temperature: Math.round((temperature ?? 1) * 100),
    stop: typeof stop === "string" ? [stop] : (stop ?? []),
    requester,
    stream: rest.stream ?? false,
  };
  // The limits of what can be hashed to a request id are core's.
  encodeParameters(request);
  if (rest.seed != null) request.seed = rest.seed;
  if (weft?.author != null) request.author = fromHex(weft.author, 20);
  if (weft?.recompute != null) request.recompute = weft.recompute;
  if (weft?.nonce != null && weft.history_length != null)
    request.retry = { nonce: fromHex(weft.nonce, 32), historyLength: weft.history_length };
  return {
    request,
    model: rest.model,
    includeUsage: rest.stream_options?.include_usage ?? false,
    // Only a retry is meant to be the same request again.
    expectedId: request.retry && weft?.request_id ? weft.request_id.toLowerCase() : undefined,
  };
}

/** A client is who holds a bearer token: the same at every gateway, so that its retry is the same request. */
export function requesterOf(authorization: string | undefined): Bytes {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  return new Uint8Array(createHash("sha256").update("weft requester").update(token).digest());
}

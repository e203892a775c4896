import { createHash } from "node:crypto";
import { z } from "zod/v4";
import { type Bytes, fromHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { encodeParameters, GATES, LIMIT_STOPS, LIMIT_TEMPERATURE } from "../core/request.ts";
import { hex, memoryName } from "./fields.ts";
import type { CompletionRequest } from "./ports.ts";

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

const memorySchema = z
  .strictObject({
    name: memoryName.nullish(),
    id: hex(32).nullish(),
    gate: z.enum([...GATES, "auto"], { error: `is none of ${[...GATES, "auto"].join(", ")}` }).nullish(),
    learn: z.boolean().nullish(),
  })
  .refine(({ name, id }) => name != null || id != null, { path: ["name"], error: "or an id says which memory" });

/** What the first event of an earlier try said that it read. */
const readSchema = z.strictObject({
  id: hex(32),
  gate: z.enum(["weak", "medium", "strong"]),
  checkpoint: z.int().min(0),
  checkpoint_hash: hex(32),
});

const weftSchema = z
  .object({
    author: hex(20).nullish(),
    recompute: z.boolean().nullish(),
    nonce: hex(32).nullish(),
    history_length: u32.nullish(),
    request_id: hex(32).nullish(),
    memory: readSchema.nullish(),
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
  memory: memorySchema.nullish(),
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
  const { prompt, stop, temperature, memory, weft, ...rest } = parsed.data;
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
  if (memory)
    request.memory = {
      name: memory.name ?? undefined,
      id: memory.id == null ? undefined : fromHex(memory.id, 32),
      gate: memory.gate ?? "auto",
      learn: memory.learn ?? false,
    };
  if (weft?.nonce != null && weft.history_length != null)
    request.retry = {
      nonce: fromHex(weft.nonce, 32),
      historyLength: weft.history_length,
      ...(weft.memory !== undefined && { memory: weft.memory && readOf(weft.memory) }),
    };
  return {
    request,
    model: rest.model,
    includeUsage: rest.stream_options?.include_usage ?? false,
    // Only a retry is meant to be the same request again.
    expectedId: request.retry && weft?.request_id ? weft.request_id.toLowerCase() : undefined,
  };
}

function readOf({ id, gate, checkpoint, checkpoint_hash }: z.output<typeof readSchema>) {
  return { id: fromHex(id, 32), gate, checkpoint: { number: checkpoint, hash: fromHex(checkpoint_hash, 32) } };
}

/** A client is who holds a bearer token: the same at every gateway, so that its retry is the same request. */
export function requesterOf(authorization: string | undefined): Bytes {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? "";
  return new Uint8Array(createHash("sha256").update("weft requester").update(token).digest());
}

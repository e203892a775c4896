import { z } from "zod/v4";
import { WeftError } from "../core/errors.ts";

/** Many times what `npm run bench -- tolerant` measures, for machines that it does not: docs/models.md has the figures. */
export const DEFAULT_TOLERANCE = 1 / 2_048;

const count = (most: number) => z.number().int().min(1).max(most);

const ConfigSchema = z
  .strictObject({
    format: z.literal("weft-model-1"),
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
    class: z.enum(["exact", "tolerant"]),
    licence: z.string().min(1),
    provenance: z.string().min(1),
    tokenizer: z.string().min(1),
    endTokens: z.array(z.number().int().min(0)).max(256),
    rowEncoding: z.enum(["int8", "float32"]),
    vocab: count(2 ** 20),
    layers: count(1_024),
    kvHeads: count(1_024),
    headDim: count(4_096),
    maxPositions: count(2 ** 20),
    sampler: z.strictObject({ k: z.number().int().min(0).max(31) }),
    tolerance: z.number().positive().max(8).optional(),
    arithmetic: z.record(z.string(), z.unknown()).optional(),
  })
  .superRefine((config, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    // Rows of an exact model are committed to, so they have one encoding.
    if (config.class === "exact" && config.rowEncoding !== "int8")
      wrong("rowEncoding", "an exact model's rows are int8");
    if (config.class === "exact" && config.tolerance !== undefined)
      wrong("tolerance", "an exact model's logits are the same everywhere");
    if (config.endTokens.some((token) => token >= config.vocab)) wrong("endTokens", "an end token is outside vocab");
    if (new Set(config.endTokens).size < config.endTokens.length) wrong("endTokens", "an end token is there twice");
    if (config.tokenizer === "bytes" && config.vocab !== 256) wrong("vocab", "byte tokens need a vocab of 256");
  });

/**
 * config.json of a model folder. `arithmetic` is what courts read; the engine does not. `tolerance` is how far, in nats, a
 * logit of a tolerant model may be from another machine's.
 */
export type ModelConfig = z.infer<typeof ConfigSchema>;

/** @throws WeftError `malformed`, the field being that of the config */
export function parseConfig(bytes: Uint8Array): ModelConfig {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new WeftError("malformed", "config.json is not JSON", {
      field: "config.json",
      remedy: "restore the file",
      cause,
    });
  }
  const result = ConfigSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  throw new WeftError("malformed", `config.json: ${issue.message}`, {
    field: [...issue.path, ...(unknown === undefined ? [] : [unknown])].join(".") || "config.json",
    remedy: "compare with models/weft-austen/config.json",
    cause: result.error,
  });
}

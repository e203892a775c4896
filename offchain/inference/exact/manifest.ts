import type { Bytes } from "../../core/bytes.ts";
import { WeftError } from "../../core/errors.ts";
import type { Manifest } from "../../core/model-manifest.ts";
import type { ModelConfig } from "../config.ts";
import { ArithmeticSchema } from "./arithmetic.ts";
import { describe } from "./describe.ts";

/**
 * What is answered for when a config's model answers.
 * @param tilesRoot root over its weights and tables
 * @throws WeftError `malformed` (field: that of `arithmetic`), `bad_model` for sizes that do not fit one another
 */
export function manifestOf(config: ModelConfig, tilesRoot: Bytes): Manifest {
  const parsed = ArithmeticSchema.safeParse(config.arithmetic);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new WeftError("malformed", `config.json: ${issue.message}`, {
      field: ["arithmetic", ...issue.path].join("."),
      remedy: "compare with models/weft-austen/config.json",
      cause: parsed.error,
    });
  }
  return {
    name: config.name,
    tokenizer: config.tokenizer,
    endTokens: [...config.endTokens].sort((a, b) => a - b),
    samplerK: config.sampler.k,
    program: describe(config, parsed.data),
    tilesRoot,
  };
}

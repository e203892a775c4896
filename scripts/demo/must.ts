import { WeftError } from "../../offchain/core/errors.ts";

/** A claim of the demo that is not true ends it. */
export function must(condition: unknown, otherwise: string): asserts condition {
  if (!condition) throw new WeftError("claim_failed", otherwise);
}

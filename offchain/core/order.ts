import { equal } from "./bytes.ts";
import { Context } from "./context.ts";
import { WeftError } from "./errors.ts";
import type { GenerateOrder } from "./generate.ts";
import type { Hashing } from "./ports.ts";

/** What of a model decides which orders it can answer. */
export type OrderModel = { readonly id: Uint8Array; readonly vocab: number; readonly maxPositions: number };

/**
 * Whether an order is one that this model can answer and that binds what it says: whoever signs what does not follow from its
 * request signs an invalid segment.
 * @throws WeftError `unknown_model`, `out_of_range`, `context_length_exceeded`, `malformed`
 */
export function checkOrder(h: Hashing, model: OrderModel, { request, prompt, answered }: GenerateOrder): void {
  const fault = (code: string, message: string, field: string) => new WeftError(code, message, { field });
  if (!equal(request.model, model.id)) throw fault("unknown_model", "this worker runs another model", "model");
  if (request.maxLength < 1) throw fault("out_of_range", "an answer has at least one token", "maxLength");
  if (prompt.length === 0) throw fault("out_of_range", "a prompt has at least one token", "prompt");
  if (prompt.length + request.maxLength > model.maxPositions)
    throw fault("context_length_exceeded", `the model has ${model.maxPositions} positions`, "maxLength");
  if (answered.length > request.maxLength)
    throw fault("out_of_range", "more was answered than was asked for", "answered");
  if ([...prompt, ...answered].some((id) => id >= model.vocab))
    throw fault("out_of_range", "a token is not in the model's vocabulary", "prompt");
  const context = Context.of(h, prompt.slice(0, request.before.length));
  const before = context.root;
  const after = context.append(prompt.slice(request.before.length)).root;
  if (!equal(before, request.before.root) || !equal(after, request.after.root))
    throw fault("malformed", "the prompt is not the context that the request binds", "prompt");
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { Context } from "../../../offchain/core/context.ts";
import { codeOf } from "../../../offchain/core/errors.ts";
import type { GenerateOrder } from "../../../offchain/core/generate.ts";
import { checkOrder } from "../../../offchain/core/order.ts";
import type { Request } from "../../../offchain/core/request.ts";
import { simulatedKeyring } from "../../sim/simcrypto.ts";

const { crypto } = simulatedKeyring("order");
const model = { id: new Uint8Array(32).fill(7), vocab: 250, maxPositions: 21 };

function order(changes: Partial<Request> = {}, more: Partial<GenerateOrder> = {}): GenerateOrder {
  const prompt = [1, 2, 3];
  const request: Request = {
    requester: new Uint8Array(32).fill(1),
    nonce: new Uint8Array(32).fill(2),
    model: model.id,
    before: { root: Context.of(crypto, [1]).root, length: 1 },
    after: { root: Context.of(crypto, prompt).root, length: 3 },
    parameters: { temperature: 0, stop: [] },
    maxLength: 17,
    ...changes,
  };
  return { request, prompt, answered: [4], ...more };
}

test("an order is taken as long as its request binds it and the model can answer it", () => {
  checkOrder(crypto, model, order());
  const refused: [GenerateOrder, string][] = [
    [order({ model: new Uint8Array(32) }), "unknown_model"],
    [order({ maxLength: 0 }, { answered: [] }), "out_of_range"],
    [order({ maxLength: 19 }), "context_length_exceeded"],
    [order({ maxLength: 2 }, { answered: [4, 5, 6] }), "out_of_range"],
    [order({}, { prompt: [] }), "out_of_range"],
    [order({}, { answered: [250] }), "out_of_range"],
    [order({}, { prompt: [1, 2, 4] }), "malformed"],
    [order({}, { prompt: [2, 2, 3] }), "malformed"],
    [order({}, { prompt: [1, 2] }), "malformed"],
    [order({}, { prompt: [1, 2, 3, 4] }), "malformed"],
    [order({ before: { root: Context.of(crypto, [2]).root, length: 1 } }), "malformed"],
  ];
  for (const [one, code] of refused)
    assert.throws(
      () => checkOrder(crypto, model, one),
      (error) => codeOf(error) === code,
      code,
    );
});

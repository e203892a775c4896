import assert from "node:assert/strict";
import { test } from "node:test";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, requestOf } from "../../helpers/core.ts";

test("every field of a request is in its id", () => {
  const memory = { id: hashOf("m"), checkpoint: { number: 1, hash: hashOf("c") }, gate: "weak" } as const;
  const request = requestOf([1, 2], { memory }, [3]);
  const variants: Request[] = [
    request,
    { ...request, requester: hashOf("x") },
    { ...request, nonce: hashOf("x") },
    { ...request, model: hashOf("x") },
    { ...request, before: { ...request.before, root: hashOf("x") } },
    { ...request, before: { ...request.before, length: 0 } },
    { ...request, after: { ...request.after, root: hashOf("x") } },
    { ...request, after: { ...request.after, length: 9 } },
    { ...request, parameters: { temperature: 1, stop: [] } },
    { ...request, parameters: { temperature: 0, stop: ["x"] } },
    { ...request, maxLength: 65 },
    { ...request, memory: undefined },
    { ...request, memory: { ...memory, id: hashOf("x") } },
    { ...request, memory: { ...memory, checkpoint: { number: 2, hash: hashOf("c") } } },
    { ...request, memory: { ...memory, checkpoint: { number: 1, hash: hashOf("x") } } },
    { ...request, memory: { ...memory, gate: "strong" } },
  ];
  const ids = variants.map((variant) => requestId(crypto, variant).join());
  assert.equal(new Set(ids).size, variants.length);
});

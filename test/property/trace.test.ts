import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { modelRoot } from "../../offchain/core/model-manifest.ts";
import type { Kind } from "../../offchain/core/model-program.ts";
import { MODEL_TREE } from "../../offchain/core/model-tiles.ts";
import { firstDifference, tensorsAround } from "../../offchain/core/model-trace-find.ts";
import { TraceLayout } from "../../offchain/core/model-trace-layout.ts";
import { proveElement, proveLogits, showGroup, showGroups } from "../../offchain/core/model-trace-proof.ts";
import {
  groupBytes,
  groupRoots,
  tensorsOf,
  tensorTree,
  traceOf,
  traceTree,
} from "../../offchain/core/model-trace-tree.ts";
import { leafHash, verifyProof } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { KINDS } from "../contracts/model-cases.ts";
import { judge, openerOf, tensorRootBy, toEnd } from "../helpers/trace.ts";
import { numbers, randomModel } from "../unit/inference/exact/random-model.ts";

/** A random model's forward pass, and an answer that is right but for one value. */
function answerOf(kind: Kind, seed: number, positions: number, by: number) {
  const { sizes, program, valuesOf } = randomModel(seed);
  const draw = numbers(seed ^ 0x5a5a);
  const T = Math.min(positions, sizes.maxPositions);
  const tokens = Array.from({ length: T }, () => draw(sizes.vocab));
  const model = openerOf(program, valuesOf);
  const { roots: own } = toEnd(traceOf(crypto, program, valuesOf, tokens));
  const layout = new TraceLayout(program, T);
  const ofKind = layout.ops.filter(({ op }) => op.kind === kind);
  const traced = ofKind[draw(ofKind.length)];
  const tensor = traced.firstTensor + draw(traced.heads);
  const tensors = toEnd(tensorsOf(program, valuesOf, tokens, tensorsAround(program, layout, tensor)));
  const values = (tensors.get(tensor) as Int32Array).slice();
  const index = draw(values.length);
  values[index] += by;
  const theirs = new Map([...tensors, [tensor, values]]);
  const groups = toEnd(groupRoots(crypto, values));
  const tensorRoots = own.with(tensor, tensorTree(crypto, groups).root);
  return { model, tokens, layout, traced, own, tensors, theirs, tensor, index, tensorRoots };
}

type Answer = ReturnType<typeof answerOf>;

/** What the two say to each other, down to the proof. */
function dispute({ model, tokens, own, tensors, theirs, tensorRoots, layout }: Answer) {
  const tensor = firstDifference(own, tensorRoots) as number;
  const author = { tokens, tensors: theirs };
  const shown = toEnd(showGroups(crypto, model, author, tensorRoots, tensor));
  assert.equal(shown.op.number, layout.opAt(tensor).number);
  const mine = tensors.get(tensor) as Int32Array;
  const group = firstDifference(toEnd(groupRoots(crypto, mine)), shown.groupRoots) as number;
  const posted = { tensorRoots, tensor, groupRoots: shown.groupRoots, group };
  const { values: bytes, proof: siblings } = showGroup(crypto, author, posted);
  assert.equal(siblings.length, 9 + 11);
  const proof = toEnd(proveElement(crypto, model, { tokens, tensors }, { ...posted, bytes }));
  assert.ok(proof, "the group is ours");
  return { ...posted, bytes, proof };
}

const length = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(255, 256, 257, 300));
const change = fc.integer({ min: -(2 ** 20), max: 2 ** 20 }).filter((by) => by !== 0);

describe("of one value that is wrong, whatever the model, exactly it is found and proven", () => {
  for (const kind of KINDS)
    test(kind, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 100_000 }), length, change, (seed, wanted, by) => {
          const answer = answerOf(kind, seed, wanted, by);
          const { layout, traced, tensors, tensor, index, model, tokens, tensorRoots } = answer;
          const found = dispute(answer);
          assert.equal(found.tensor, tensor);
          assert.equal(found.group, Math.floor(index / 4_096));
          const place = layout.placeAt(traced, tensor - traced.firstTensor, index);
          assert.deepEqual(found.proof.place, place);
          assert.equal(found.proof.op.number, traced.number);
          assert.equal(found.proof.token, kind === "embedding" ? tokens[place.position] : undefined);
          const { manifest } = model;
          const roots = { modelRoot: modelRoot(crypto, manifest), traceRoot: traceTree(crypto, tensorRoots).root };
          const known = { manifest, ...roots, positions: tokens.length, tensors };
          const { stated, expected } = judge(known, found.proof);
          assert.equal(expected, BigInt((tensors.get(tensor) as Int32Array)[index]));
          assert.equal(stated, expected + BigInt(by));
        }),
        { numRuns: 6 },
      );
    });
});

test("where nothing is wrong nothing is found, and the logits of the last position are opened whole", () => {
  for (const [seed, positions] of [
    [4, 1],
    [9, 39],
  ] as const) {
    const { model, tokens, own, layout } = answerOf("gate", seed, positions, 1);
    assert.equal(firstDifference(own, [...own]), undefined);
    const { program } = model.manifest;
    const { firstTensor: logits, number } = layout.of(program.logits);
    const tensors = toEnd(tensorsOf(program, model.constants, tokens, new Set([logits])));
    const proof = toEnd(proveLogits(crypto, model, { tokens, tensors }, own));
    assert.equal(proof.logits.number, number);
    const values = tensors.get(logits) as Int32Array;
    const first = (tokens.length - 1) * program.vocab;
    const opened = proof.run.tiles.flatMap((tile, i) => {
      const root = tensorRootBy(Math.floor(first / 256) + i, tile);
      assert.deepEqual(root, own[logits]);
      const leaf = leafHash(crypto, MODEL_TREE.trace, root);
      assert.ok(verifyProof(crypto, MODEL_TREE.trace, traceTree(crypto, own).root, leaf, logits, proof.run.proof));
      return [...tile.values];
    });
    assert.deepEqual(opened.slice(4 * (first % 256)), [...groupBytes(values.subarray(first), 0)]);
    const shown = { tensorRoots: own, tensor: logits, groupRoots: toEnd(groupRoots(crypto, values)), group: 0 };
    const { values: bytes } = showGroup(crypto, { tokens, tensors }, shown);
    assert.equal(toEnd(proveElement(crypto, model, { tokens, tensors }, { ...shown, bytes })), undefined);
  }
});

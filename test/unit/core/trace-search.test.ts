import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { traceTree } from "../../../offchain/core/fold-proof.ts";
import { OpenedTree } from "../../../offchain/core/opened-tree.ts";
import { searchTrace } from "../../../offchain/core/trace-search.ts";
import { TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf } from "../../helpers/core.ts";

const rootsOf = (count: number, name: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => hashOf(name(i)));

/** Asks until it is known. */
function search(truth: readonly Bytes[], stated: readonly Bytes[], memoryRoot = stated.at(-1) as Bytes) {
  const tree = traceTree(crypto, stated);
  const shown = new OpenedTree(crypto, TREE.memoryTrace, tree.root);
  for (;;) {
    const step = searchTrace(crypto, truth, memoryRoot, shown);
    if (step?.type !== "show") return { step, questions: shown.indices.length };
    assert.ok(!shown.get(step.index), "nothing is asked for twice");
    assert.ok(shown.add(step.index, stated[step.index] as Bytes, tree.proof(step.index)));
  }
}

test("the first of entries that stay false is found with as many questions as halvings", () => {
  for (const count of [1, 2, 3, 64, 1000])
    for (const first of new Set([0, 1, count >> 1, count - 1].filter((index) => index < count))) {
      const truth = rootsOf(count, (i) => `${i}`);
      const stated = truth.map((root, i) => (i < first ? root : hashOf(`false ${i}`)));
      const { step, questions } = search(truth, stated);
      assert.deepEqual(step, { type: "fold", index: first });
      assert.ok(questions <= Math.ceil(Math.log2(count)) + 2, `${questions} questions of ${count}`);
    }
});

test("false ones between right ones are found where the siblings lead", () => {
  for (const count of [2, 9, 64, 1000])
    for (const at of new Set([0, 1, count >> 1, count - 2].filter((index) => index < count - 1)))
      for (const more of [1, 3]) {
        const truth = rootsOf(count, (i) => `${i}`);
        const stated = truth.map((root, i) =>
          i >= at && i < at + more && i < count - 1 ? hashOf(`false ${i}`) : root,
        );
        for (const told of [stated, [...stated, hashOf("beyond")]]) {
          const { step, questions } = search(truth, told, truth.at(-1));
          assert.deepEqual(step, { type: "fold", index: at });
          assert.ok(questions <= 2 * Math.ceil(Math.log2(count)) + 2, `${questions} questions of ${count}`);
        }
      }
});

test("a last entry that is not the memory root; a trace that is right; none", () => {
  const truth = rootsOf(5, (i) => `${i}`);
  assert.deepEqual(search(truth, truth, hashOf("another")), { step: { type: "end", index: 4 }, questions: 1 });
  assert.deepEqual(search(truth, truth), { step: undefined, questions: 1 });
  assert.deepEqual(
    searchTrace(crypto, [], hashOf("any"), new OpenedTree(crypto, TREE.memoryTrace, hashOf("any"))),
    undefined,
  );
});

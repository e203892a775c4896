import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nextLeaf } from "../../../offchain/core/leaf-search.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import { OpenedTree } from "../../../offchain/core/opened-tree.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { type Served, wrongPaths } from "../../helpers/audited.ts";
import { audit, genesis, members, REGISTRY } from "../../helpers/audited-world.ts";
import { hashOf, SEPARATOR, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { extend, Made } from "../../helpers/made.ts";

type Leaves = readonly Uint8Array[];

const KIND = TREE.segments;
const treeOf = (leaves: Leaves) =>
  new ListTree(
    crypto,
    KIND,
    leaves.map((leaf) => leafHash(crypto, KIND, leaf)),
  );
const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => hashOf(`leaf ${i}`));

/** Which leaves are asked for until no more is to be asked, or one was shown that is not ours and the one after it is. */
function search(ours: Leaves, stated: Leaves, count = stated.length): number[] {
  const own = { tree: treeOf(ours), leaves: ours };
  const tree = treeOf(stated);
  const shown = new OpenedTree(crypto, KIND, tree.root);
  for (;;) {
    const index = nextLeaf(own, shown, count);
    if (index === undefined) return [...shown.indices];
    assert.ok(shown.add(index, stated[index]!, tree.proof(index)), "no place is asked for that is not there");
  }
}

describe("what is shown next of a segments tree", () => {
  test("the siblings lead to a leaf that is not ours, with as many questions as the tree is high, and to the next that is", () => {
    for (const count of [1, 2, 3, 21, 64, 100])
      for (const at of new Set(
        [0, 1, Math.floor(count / 2), count - 2, count - 1].filter((i) => i >= 0 && i < count),
      )) {
        const stated = leavesOf(count).with(at, hashOf("another"));
        const asked = search(leavesOf(count), stated);
        assert.ok(asked.includes(at), `${at} of ${count}`);
        assert.ok(at + 1 === count || asked.includes(at + 1));
        assert.ok(asked.length <= Math.ceil(Math.log2(count)) + 2, `${asked}`);
        assert.equal(new Set(asked).size, asked.length);
      }
  });

  test("all that follow one another and are not ours are shown", () => {
    const stated = leavesOf(16).map((leaf, i) => (i > 4 && i < 9 ? hashOf(`other ${i}`) : leaf));
    const asked = search(leavesOf(16), stated);
    const first = Math.min(...asked.filter((i) => i > 4 && i < 9));
    for (let i = first; i <= 9; i++) assert.ok(asked.includes(i));
  });

  test("nothing is asked for where nothing else stands, or only beyond what is counted", () => {
    assert.deepEqual(search([], []), []);
    assert.deepEqual(search(leavesOf(5), leavesOf(5)), [0]);
    assert.deepEqual(search(leavesOf(4), leavesOf(5), 4), [0]);
  });

  test("what does not stand there is not taken", () => {
    const stated = leavesOf(4);
    const tree = treeOf(stated);
    const shown = new OpenedTree(crypto, KIND, tree.root);
    assert.ok(!shown.add(1, stated[0]!, tree.proof(1)));
    assert.ok(!shown.add(1, stated[1]!, tree.proof(0)));
    assert.ok(!shown.add(1, stated[1]!, tree.proof(1).slice(1)));
    assert.deepEqual(shown.indices, []);
    assert.equal(shown.get(1), undefined);
  });
});

test("headers that no peer serves are asked for on the chain: what is shown there is brought to court", () => {
  const said = extend(genesis, [writeSegments(new TrackWriter(members[1]), 12)]);
  const [a, b] = [said.segments[8]!, said.segments[9]!];
  const swapped = { ...said, segments: said.segments.with(8, b).with(9, a) };
  const made = new Made(SEPARATOR, genesis, swapped, REGISTRY);
  const auditing = (path?: Served["path"]) => audit({ lacks: ["segments"], onChain: true, path });
  for (const path of wrongPaths) assert.deepEqual(auditing(path).read(made).condemned, []);
  const world = auditing().read(made);
  assert.deepEqual(
    world.condemned.map(({ number, proof }) => [number, "functionName" in proof && proof.functionName]),
    [[1, "provePlace"]],
  );
  const asked = world.others.map((effect) => (effect.type === "challenge" ? effect.at.index : effect.type));
  assert.deepEqual(asked.slice(-3), ["unserved", 0, 8], "one after the other, at once");
});

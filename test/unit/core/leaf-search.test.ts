import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nextLeaf } from "../../../offchain/core/leaf-search.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import { OpenedTree } from "../../../offchain/core/opened-tree.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { type Served, wrongPaths } from "../../helpers/audited.ts";
import { audit, genesis, members, REGISTRY } from "../../helpers/audited-world.ts";
import { hashOf, SEPARATOR, type Sealed, TrackWriter, writeSegments } from "../../helpers/core.ts";
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

/** Each place is a track's last unless it is said. */
type Tracks = readonly number[];

/** Which leaves are asked for until no more is to be asked. */
function search(ours: Leaves, stated: Leaves, count = stated.length, ends: Tracks = [...ours.keys()]): number[] {
  const own = { tree: treeOf(ours), leaves: ours, ends };
  const tree = treeOf(stated);
  const shown = new OpenedTree(crypto, KIND, tree.root);
  for (;;) {
    const index = nextLeaf(own, shown, count);
    if (index === undefined) return [...shown.indices];
    assert.equal(shown.get(index), undefined, "nothing is asked for twice");
    assert.ok(shown.add(index, stated[index]!, tree.proof(index)), "no place is asked for that is not there");
  }
}

/** Where it is what it must not be by itself, or beside the next. */
function isFound(asked: readonly number[], stated: Leaves, ours: Leaves, ends: Tracks): boolean {
  const isOther = (index: number) => asked.includes(index) && stated[index] !== ours[index];
  const isOurs = (index: number) => asked.includes(index) && stated[index] === ours[index];
  return asked.some((index) => isOther(index) && (ends.includes(index) || isOurs(index + 1)));
}

describe("what is shown next of a segments tree", () => {
  const counts = [1, 2, 3, 21, 64, 100];
  const ways: [string, (count: number, at: number) => (leaf: Uint8Array, i: number) => Uint8Array][] = [
    ["one", (_, at) => (leaf, i) => (i === at ? hashOf("another") : leaf)],
    ["all from one on", (_, at) => (leaf, i) => (i >= at ? hashOf(`other ${i}`) : leaf)],
    ["all but the last", (count) => (leaf, i) => (i < count - 1 ? hashOf(`other ${i}`) : leaf)],
    ["every other one", (_, at) => (leaf, i) => (i % 2 === at % 2 ? hashOf(`other ${i}`) : leaf)],
  ];
  for (const [what, change] of ways)
    test(`${what} that is not ours is found with few questions, however long its track`, () => {
      for (const count of counts)
        for (const at of new Set([0, 1, count >> 1, count - 2, count - 1].filter((i) => i >= 0 && i < count)))
          for (const ends of [[count - 1], [count >> 1, count - 1], [...new Array(count).keys()]]) {
            const ours = leavesOf(count);
            const stated = ours.map(change(count, at));
            const asked = search(ours, stated, count, ends);
            const isOther = stated.some((leaf, i) => leaf !== ours[i]);
            assert.equal(isFound(asked, stated, ours, ends), isOther, `${at} of ${count}: ${asked}`);
            assert.ok(asked.length <= 2 * Math.ceil(Math.log2(count)) + 2, `${asked} of ${count}`);
          }
    });

  test("also where more stands beyond what is counted, which nobody can be asked for", () => {
    for (const at of [0, 3, 4]) {
      const ours = leavesOf(5);
      const stated = [...ours, hashOf("beyond"), hashOf("and more")].with(at, hashOf("another"));
      assert.ok(isFound(search(ours, stated, 5), stated, ours, [0, 1, 2, 3, 4]), `${at}`);
    }
  });

  test("nothing is asked for where nothing else stands, or only beyond what is counted", () => {
    assert.deepEqual(search([], []), []);
    assert.deepEqual(search(leavesOf(5), leavesOf(5)), [0]);
    assert.deepEqual(search(leavesOf(4), leavesOf(5), 4), [0]);
    assert.deepEqual(search(leavesOf(5), leavesOf(6), 5), [0, 4]);
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

test("an author who signs another chain for all that is new but its head is found with few questions", () => {
  const track = new TrackWriter(members[1]);
  const another = writeSegments(track.fork(), 40, 7);
  const said = extend(genesis, [writeSegments(track, 40)]);
  const segments = said.segments.map((segment, i) => (i < 39 ? another[i]! : segment));
  const made = new Made(SEPARATOR, genesis, { ...said, segments }, REGISTRY);
  const segment = ({ header }: Sealed) => said.segments[header.sequence - 1];
  const world = audit({ lacks: ["segments"], onChain: true, segment }).read(made);
  const [{ proof } = assert.fail()] = world.condemned;
  assert.equal("functionName" in proof && proof.functionName, "proveChain");
  const asked = world.others.filter(({ type }) => type === "challenge");
  assert.ok(asked.length <= 2 + Math.ceil(Math.log2(40)), `${asked.length} questions`);
});

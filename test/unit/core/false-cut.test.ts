import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Accusation } from "../../../offchain/core/accused-cut.ts";
import { equal } from "../../../offchain/core/bytes.ts";
import type { CutEntry } from "../../../offchain/core/cut.ts";
import { judgeCut } from "../../../offchain/core/false-cut.ts";
import { ToldTree } from "../../../offchain/core/told-tree.ts";
import { TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { accusationOf } from "../../contracts/courts/statement.ts";
import { foundingEvents, operatorAt, requestOf, SEPARATOR, type Sealed, TrackWriter } from "../../helpers/core.ts";
import { extend, Made } from "../../helpers/made.ts";

const events = foundingEvents([0, 1].map(operatorAt));
const REGISTRY = { registryPosition: events.length, registryHash: (events.at(-1) as (typeof events)[number]).hash };

/** A track whose turn goes on from a parent into the checkpoint that is looked at, and another. */
function story() {
  const [going, other] = [0, 1].map((i) => new TrackWriter(operatorAt(i)));
  const turn = going.open(requestOf([1, 2])).tokens("given", [1, 2]);
  const before = [going.seal()];
  turn.tokens("written", [3]);
  const after = [going.seal()];
  turn.tokens("written", [4]).close("stop");
  after.push(going.seal());
  other.open(requestOf([7])).tokens("given", [7]);
  const genesis = new Made(SEPARATOR, undefined, { entries: [], segments: [] }, REGISTRY);
  const parent = new Made(SEPARATOR, genesis, extend(genesis, [before]), REGISTRY);
  const honest = new Made(SEPARATOR, parent, extend(parent, [after, [other.seal()]]), REGISTRY);
  return { parent, honest };
}

const accuse = (made: Made, change: Partial<Accusation> = {}, held?: readonly Sealed[]) =>
  judgeCut(crypto, { ...accusationOf({ separator: SEPARATOR, events }, made, held), ...change });
const doubtsOf = (verdict: ReturnType<typeof judgeCut>) => {
  assert.ok("doubts" in verdict);
  return verdict.doubts;
};

describe("judgeCut", () => {
  const { parent, honest } = story();
  const all = accusationOf({ separator: SEPARATOR, events }, honest);
  const [first] = honest.segments as [Sealed, ...Sealed[]];
  const isFirst = (hash: Uint8Array) => equal(hash, first.hash);

  test("without doubt an honest checkpoint is sound", () => {
    assert.deepEqual(doubtsOf(accuse(honest)), []);
    assert.deepEqual(doubtsOf(accuse(honest, {}, honest.segments)), []);
  });

  test("what is not served is said", () => {
    const trees = { cut: undefined, segments: undefined };
    const unserved = ["segments", "cut"].map((what) => ({ type: "unserved", what }));
    assert.deepEqual(doubtsOf(accuse(honest, trees)), unserved);
    const headless = { segmentOf: (hash: Uint8Array) => (isFirst(hash) ? undefined : all.segmentOf(hash)) };
    assert.deepEqual(doubtsOf(accuse(honest, headless)), [{ type: "unserved", what: "header", index: 0 }]);
    const mute = (hash: Uint8Array) => {
      const segment = all.segmentOf(hash);
      return segment && isFirst(hash) ? { header: segment.header } : segment;
    };
    const snapshots = { type: "unserved", what: "snapshots", index: 0 };
    assert.deepEqual(doubtsOf(accuse(honest, { segmentOf: mute })), [snapshots]);
  });

  test("what nobody keeps of the checkpoints before is said, unless all that needs it is held", () => {
    const forgetful = { earlier: () => undefined };
    const { operator, incarnation } = first.header;
    const opened = { type: "unserved", what: "earlier", track: { operator, incarnation }, sequence: 1 };
    assert.deepEqual(doubtsOf(accuse(honest, forgetful)), [opened]);
    assert.deepEqual(doubtsOf(accuse(honest, forgetful, honest.segments)), []);
  });

  test("a segment that is held otherwise is its author's contradiction, and read all the same", () => {
    const held = honest.segments.with(1, { ...(honest.segments[1] as Sealed), hash: new Uint8Array(32) });
    const { operator, incarnation } = first.header;
    const fork = { type: "fork", index: 1, track: { operator, incarnation }, sequence: 3 };
    assert.deepEqual(doubtsOf(accuse(honest, {}, held)), [fork]);
  });

  test("entries are judged before any segment is served", () => {
    const entries = honest.entries.with(0, { ...(honest.entries[0] as CutEntry), ended: true });
    const made = new Made(SEPARATOR, parent, { entries, segments: honest.segments }, REGISTRY);
    const verdict = accuse(made, { segments: undefined });
    assert.equal("proof" in verdict && verdict.proof.functionName, "proveEntry");
  });

  test("leaves are those that hash to the root, or nothing", () => {
    const { cutRoot } = honest.checkpoint;
    const tree = (leaves: ReadonlyMap<number, Uint8Array>) => new ToldTree(crypto, TREE.cut, cutRoot, leaves);
    assert.equal([...tree(honest.slots).indices()].length, 2);
    assert.throws(() => tree(parent.slots), { code: "bad_root" });
    for (const index of [-1, 0.5, 2 ** 24])
      assert.throws(() => tree(new Map([[index, Uint8Array.of(1)]])), { code: "out_of_range" });
    assert.throws(() => tree(new Map([[0, new Uint8Array()]])), { code: "out_of_range" });
  });
});

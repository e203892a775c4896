import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Advance, trackName } from "../../../offchain/core/cut.ts";
import { Heads } from "../../../offchain/core/heads.ts";
import { hashOf } from "../../helpers/core.ts";

const head = (track: number, sequence: number): Advance => ({
  operator: hashOf(`operator ${track}`).slice(12),
  incarnation: hashOf(`run ${track}`).slice(16),
  sequence,
  head: hashOf(`${track} ${sequence}`),
});
const sequences = (heads: readonly Advance[]) => heads.map(({ sequence }) => sequence);

describe("heads", () => {
  test("are told once, the latest of each track, in the order of their changes", () => {
    const heads = Heads.of([head(0, 1), head(1, 2), head(2, 3)]);
    heads.set(head(0, 4));
    const first = heads.since(0, 10);
    assert.deepEqual(sequences(first.heads), [2, 3, 4]);
    assert.deepEqual(heads.since(first.at, 10), { heads: [], at: first.at, more: false });
    heads.set(head(1, 5));
    assert.deepEqual(sequences(heads.since(first.at, 10).heads), [5]);
    assert.deepEqual(sequences(heads.all()), [4, 5, 3], "all of them in the order in which the tracks began");
    assert.equal(heads.size, 3);
  });

  test("that are said again as they were are no change, and those that went back are one", () => {
    const heads = Heads.of([head(0, 2)]);
    const { at } = heads.since(0, 1);
    heads.set(head(0, 2));
    assert.deepEqual(heads.since(at, 1).heads, []);
    heads.set(head(0, 0));
    assert.deepEqual(sequences(heads.since(at, 1).heads), [0]);
    heads.set({ ...head(0, 0), head: hashOf("another fork") });
    assert.deepEqual(heads.since(at, 1).heads, [{ ...head(0, 0), head: hashOf("another fork") }]);
  });

  test("that do not fit come next, and whoever changes meanwhile comes later", () => {
    const heads = Heads.of([head(0, 1), head(1, 2), head(2, 3)]);
    const first = heads.since(0, 2);
    assert.deepEqual([sequences(first.heads), first.more], [[1, 2], true]);
    heads.set(head(2, 4));
    heads.set(head(0, 5));
    const rest = heads.since(first.at, 2);
    assert.deepEqual([sequences(rest.heads), rest.more], [[4, 5], false]);
  });

  test("reach everybody who asks at any pace, over thousands of changes", () => {
    const heads = new Heads();
    const readers = [1, 7, 500].map((every) => ({ every, at: 0, knows: new Map<string, Advance>() }));
    for (let i = 1; i <= 5_000; i++) {
      heads.set(head((i * i) % 37, i));
      for (const reader of readers.filter(({ every }) => i % every === 0)) {
        const told = heads.since(reader.at, 1_000);
        for (const one of told.heads) reader.knows.set(trackName(one), one);
        reader.at = told.at;
        assert.deepEqual(
          [...reader.knows.values()].sort((a, b) => a.sequence - b.sequence),
          heads.all().sort((a, b) => a.sequence - b.sequence),
        );
      }
    }
  });
});

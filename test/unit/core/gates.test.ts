import assert from "node:assert/strict";
import { test } from "node:test";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import { chooseGate } from "../../../offchain/core/gates.ts";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { MEMORY } from "../../helpers/core.ts";

const flat = () => new Uint32Array(256).fill(256);
const taught = (ids: readonly number[], times = 1): Memory => {
  let memories = Memories.empty(crypto);
  for (let i = 0; i < times; i++)
    memories = memories.add(MEMORY, incrementsOf({ memory: MEMORY, first: 0, from: 0, ids }));
  return memories.of(memoryId(crypto, MEMORY)) as Memory;
};
const TEXT = [5, 6, 7, 8, 9, 10, 11, 12];

test("a memory of these very words is listened to as much as can be", () => {
  assert.equal(chooseGate(TEXT, flat, taught(TEXT)), "strong");
});

test("a memory that foretells something else, or nothing, is not listened to", () => {
  const wrong = TEXT.map((id, i) => (i % 2 === 0 ? id : id + 100));
  const certain = (position: number) => {
    const out = new Uint32Array(256);
    out[TEXT[position]] = 65_536;
    return out;
  };
  assert.equal(chooseGate(TEXT, certain, taught(wrong, 3)), "off");
  assert.equal(chooseGate(TEXT, flat, taught([200, 201, 202])), "off", "of equals the one that listens least");
});

test("the model's probabilities are left as they are", () => {
  const shared = flat();
  chooseGate(TEXT, () => shared, taught(TEXT));
  assert.deepEqual(shared, flat());
});

test("positions whose probabilities are not known are not scored", () => {
  assert.equal(
    chooseGate(TEXT, () => undefined, taught(TEXT)),
    "off",
  );
  const asked: number[] = [];
  const some = (position: number) => {
    asked.push(position);
    return position >= 4 ? flat() : undefined;
  };
  assert.equal(chooseGate(TEXT, some, taught(TEXT.slice(4))), "strong");
  assert.deepEqual(
    asked,
    TEXT.map((_, i) => i),
  );
});

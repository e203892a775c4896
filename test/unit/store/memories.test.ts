import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import fc from "fast-check";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import { type Increment, Memories } from "../../../offchain/core/memories.ts";
import { type MemoryDefinition, memoryId } from "../../../offchain/core/memory-definition.ts";
import { memoriesOf } from "../../../offchain/core/memory-page.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Store } from "../../../offchain/store/store.ts";
import { hashOf } from "../../helpers/core.ts";
import { openStore, temporary } from "./fixture.ts";

const definitions: MemoryDefinition[] = [200, 5000].map((columns) => ({
  columns,
  orders: [1, 3],
  salt: hashOf(`memory of ${columns}`),
  writers: [],
}));
const NOTHING = Memories.empty(crypto);

const increment: fc.Arbitrary<Increment> = fc.record({
  order: fc.nat({ max: 1 }),
  row: fc.nat({ max: 3 }),
  column: fc.nat({ max: 1 }),
  // The last makes 1 nothing again: cells, rows and memories go.
  count: fc.constantFrom(1, 2 ** 32 - 1),
});
const step = fc.record({
  memory: fc.nat({ max: 1 }),
  increments: fc.array(increment, { maxLength: 6 }),
  isKnown: fc.boolean(),
});

function read(store: Store) {
  const base = store.disk().memory();
  assert.ok(base);
  return { number: base.number, hash: base.hash, root: toHex(memoriesOf(crypto, base.parts).root) };
}

test("what is stored as a difference is read as it is, whatever was there before", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  t.after(() => store.close());
  assert.equal(store.disk().memory(), undefined);
  let number = 0;
  let before: Memories | undefined;
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 5 }), (steps) => {
      for (const { memory, increments, isKnown } of steps) {
        number += 1;
        const memories: Memories = (before ?? NOTHING).add(definitions[memory]!, increments);
        const hash = hashOf(`checkpoint ${number}`);
        store.write([{ type: "memory", number, hash, memories, before: isKnown ? before : undefined }]);
        before = memories;
        assert.deepEqual(read(store), { number, hash, root: toHex(memories.root) });
      }
    }),
    { seed: 20260101, numRuns: 60 },
  );
  store.close();
  store = openStore(folder);
  assert.equal(read(store).root, toHex(before!.root));
});

test("a memory that is gone leaves nothing", (t) => {
  const store = openStore(temporary(t));
  t.after(() => store.close());
  const [first, second] = definitions as [MemoryDefinition, MemoryDefinition];
  const one = NOTHING.add(first, [{ order: 0, row: 7, column: 1, count: 1 }]);
  store.write([{ type: "memory", number: 1, hash: hashOf("1"), memories: one }]);
  const gone = one.add(first, [{ order: 0, row: 7, column: 1, count: 2 ** 32 - 1 }]);
  assert.ok(gone.isEmpty && one.of(memoryId(crypto, first)));
  store.write([{ type: "memory", number: 2, hash: hashOf("2"), memories: gone, before: one }]);
  assert.deepEqual([...(store.disk().memory()?.parts ?? [])], []);
  const other = gone.add(second, [{ order: 1, row: 9, column: 4999, count: 3 }]);
  store.write([{ type: "memory", number: 3, hash: hashOf("3"), memories: other, before: gone }]);
  assert.equal(read(store).root, toHex(other.root));
});

test("more rows than are read at once, and a write that is cut short", (t) => {
  let fails = false;
  const failpoint = (name: string) => {
    if (fails && name === "store.memory.before-fsync") throw new Error("cut short");
  };
  const store = openStore(temporary(t), { failpoint });
  t.after(() => store.close());
  const increments = Array.from({ length: 4200 }, (_, row) => ({ order: 0, row, column: row % 200, count: row + 1 }));
  const memories = NOTHING.add(definitions[0]!, increments);
  store.write([{ type: "memory", number: 1, hash: hashOf("1"), memories }]);
  assert.equal(read(store).root, toHex(memories.root));
  fails = true;
  assert.throws(() => store.write([{ type: "memory", number: 2, hash: hashOf("2"), memories: NOTHING }]));
  assert.equal(read(store).root, toHex(memories.root));
});

test("roots of rows are kept with them, and not worked out again but of rows that the disk has harmed", (t) => {
  const folder = temporary(t);
  const increments = Array.from({ length: 300 }, (_, i) => ({ order: 0, row: i % 60, column: i * 13, count: 1 }));
  const memories = NOTHING.add(definitions[1]!, increments);
  const { root } = memories;
  const write = openStore(folder);
  write.write([{ type: "memory", number: 1, hash: hashOf("1"), memories }]);
  write.close();
  /** The root of what is read after this was done to it, and how much was hashed for it. */
  const reread = (harm: string) => {
    const db = new Database(join(folder, "weft.sqlite"));
    db.exec(harm);
    db.close();
    const store = openStore(folder);
    let hashes = 0;
    const counting = {
      ...crypto,
      keccak256(...parts: Bytes[]) {
        hashes += 1;
        return crypto.keccak256(...parts);
      },
    };
    const again = memoriesOf(counting, store.disk().memory()!.parts).root;
    store.close();
    return { again, hashes };
  };
  const kept = reread("");
  assert.deepEqual(kept.again, root);
  const without = reread("UPDATE memory_rows SET root = NULL WHERE row > 0");
  assert.deepEqual(without.again, root);
  assert.ok(without.hashes > kept.hashes + 300, `${kept.hashes} hashes, ${without.hashes} without the roots`);
  const otherRoot = reread("UPDATE memory_rows SET root = zeroblob(32) WHERE row = 0");
  assert.deepEqual(otherRoot.again, root, "what does not fit its sum is not believed");
  const otherCells = reread(
    "UPDATE memory_rows SET cells = (SELECT cells FROM memory_rows WHERE row = 1) WHERE row = 0",
  );
  assert.notDeepEqual(otherCells.again, root, "nor are cells under the root of others");
});

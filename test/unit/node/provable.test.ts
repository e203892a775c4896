import assert from "node:assert/strict";
import { test } from "node:test";
import { isProvable } from "../../../offchain/core/memory-proof.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { MemoryCatalog } from "../../../offchain/node/memory-catalog.ts";
import { checkProvable } from "../../../offchain/node/provable.ts";
import { hashOf, MEMORY } from "../../helpers/core.ts";

/** What no court could be shown in one transaction is not read for an answer that a court may have to judge. */

const ALL = [1, 2, 3, 4, 5, 6, 7, 8];

test("rows of all orders and 2,048 columns can be shown, and of fewer orders more columns", () => {
  const cases: [columns: number, orders: number, can: boolean][] = [
    [1, 8, true],
    [2_048, 8, true],
    [2_049, 8, false],
    // A row is shown as a power of two of tiles.
    [2_049, 4, true],
    [4_097, 4, false],
    [16_384, 1, true],
    [16_385, 1, false],
    [2 ** 18, 1, false],
  ];
  for (const [columns, orders, can] of cases)
    assert.equal(isProvable({ columns, orders: ALL.slice(0, orders) }), can, `${columns} × ${orders}`);
});

test("of an exact model such a memory is refused, when it is made and when it is read; of a tolerant one nothing is proven", () => {
  const large = { ...MEMORY, columns: 4_096, orders: ALL };
  const refused = { code: "unprovable_memory", field: "memory" };
  assert.throws(() => checkProvable({ class: "exact" }, large), refused);
  checkProvable({ class: "exact" }, MEMORY);
  checkProvable({ class: "tolerant" }, large);
  const names = { all: () => [], put: () => {}, drop: () => {} };
  const catalog = (worth: "exact" | "tolerant") =>
    new MemoryCatalog({ hashing: crypto, model: { class: worth, vocab: 4_096 }, names, view: () => undefined });
  assert.throws(() => catalog("exact").make(hashOf("alice"), "notes", { orders: ALL }), refused);
  assert.equal(catalog("exact").make(hashOf("alice"), "notes", { orders: [3, 4] }).definition.columns, 4_096);
  assert.equal(catalog("tolerant").make(hashOf("alice"), "notes", { orders: ALL }).definition.columns, 4_096);
});

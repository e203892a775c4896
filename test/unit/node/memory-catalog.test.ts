import assert from "node:assert/strict";
import { test } from "node:test";
import { Memories } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { isOwn, memoryOf } from "../../../offchain/core/tenancy.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { KEPT_NAMES, MemoryCatalog, type MemoryNames } from "../../../offchain/node/memory-catalog.ts";
import { hashOf, operatorAt } from "../../helpers/core.ts";
import { openStore, temporary } from "../store/fixture.ts";

const [alice, bob] = [hashOf("alice"), hashOf("bob")];
const CHECKPOINT = { number: 3, hash: hashOf("checkpoint 3") };

function catalogOf(names: MemoryNames, memories = Memories.empty(crypto)): MemoryCatalog {
  return new MemoryCatalog({
    hashing: crypto,
    model: { class: "exact", vocab: 256 },
    names,
    view: () => ({ checkpoint: CHECKPOINT, memories }),
  });
}
const nowhere = (): MemoryNames => ({ all: () => [], put: () => {}, drop: () => {} });

test("the same name is the same memory at every worker, and another one of another client", () => {
  const [here, there] = [catalogOf(nowhere()), catalogOf(nowhere())];
  const made = here.make(alice, "notes", {});
  assert.deepEqual(there.find(alice, { name: "notes" }), made, "found by name where nobody made it");
  assert.deepEqual(here.make(alice, "notes", {}), made);
  assert.deepEqual(here.list(alice), [made]);
  assert.deepEqual(there.list(alice), []);
  assert.notDeepEqual(here.make(bob, "notes", {}).id, made.id);
  assert.notDeepEqual(here.make(alice, "note", {}).id, made.id);
  assert.ok(isOwn(crypto, made.definition, alice, "notes"));
  assert.equal(isOwn(crypto, made.definition, bob, "notes"), false);
});

test("one with orders or writers of its own is found by its id and name, once something was taught to it", () => {
  const made = catalogOf(nowhere()).make(alice, "notes", { orders: [2], writers: [operatorAt(0).operator] });
  const { id, name, definition } = made;
  const untaught = catalogOf(nowhere());
  assert.throws(() => untaught.find(alice, { id, name }), { code: "not_found" });
  const memories = Memories.empty(crypto).add(definition, [
    { order: 0, row: 1, column: 2, count: 3 },
    { order: 0, row: 1, column: 9, count: 1 },
  ]);
  const taught = catalogOf(nowhere(), memories);
  assert.deepEqual(taught.find(alice, { id, name }), made);
  assert.deepEqual(taught.contents(id), { cells: 2, checkpoint: CHECKPOINT });
  for (const named of [{ id }, { id, name: "other" }])
    assert.throws(() => taught.find(alice, named), { code: "not_found" });
  assert.throws(() => taught.find(bob, { id, name }), { code: "not_found" });
  const usual = taught.find(alice, { name });
  assert.deepEqual(
    usual.id,
    memoryId(crypto, memoryOf(crypto, alice, name, { columns: 256 })),
    "a name alone is the usual one",
  );
});

test("a name that was given does not come to mean another memory", () => {
  const catalog = catalogOf(nowhere());
  const made = catalog.make(alice, "notes", { orders: [2] });
  assert.throws(() => catalog.make(alice, "notes", {}), { code: "conflict", field: "name" });
  assert.deepEqual(catalog.find(alice, { name: "notes" }), made);
  const usual = memoryId(crypto, memoryOf(crypto, alice, "notes", { columns: 256 }));
  assert.throws(() => catalog.find(alice, { name: "notes", id: usual }), { code: "not_found" });
});

test("names are kept over a restart, and are bounded: of one client, and of all", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  t.after(() => store.close());
  const made = catalogOf(store.memoryNames).make(alice, "notes", { orders: [2] });
  store.close();
  store = openStore(folder);
  assert.deepEqual(catalogOf(store.memoryNames).list(alice), [made]);
  catalogOf(store.memoryNames).make(alice, "notes", { orders: [2] });
  assert.equal(store.memoryNames.all().length, 1);
  const [named] = store.memoryNames.all();
  store.memoryNames.drop(named);
  assert.deepEqual(store.memoryNames.all(), []);

  const catalog = catalogOf(nowhere());
  for (let i = 0; i < 256; i++) catalog.make(alice, `notes ${i}`, {});
  catalog.make(alice, "notes 7", {});
  assert.throws(() => catalog.make(alice, "one more", {}), { code: "too_large" });
  assert.ok(catalog.find(alice, { name: "one more" }), "found by name all the same");

  const dropped: string[] = [];
  const many = Array.from({ length: KEPT_NAMES }, (_, i) => ({
    requester: hashOf(`client ${i >> 7}`),
    name: `notes ${i}`,
    definition: made.definition,
  }));
  const full = catalogOf({ all: () => many, put: () => {}, drop: ({ name }) => void dropped.push(name) });
  full.make(alice, "the newest", {});
  assert.deepEqual(dropped, ["notes 0"]);
  assert.equal(full.list(hashOf("client 0")).length, 127);
});

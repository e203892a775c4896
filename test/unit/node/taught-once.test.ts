import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import Database from "better-sqlite3";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { TaughtOnce, type TaughtOnceOptions } from "../../../offchain/node/taught-once.ts";
import type { Taught } from "../../../offchain/node/teacher.ts";
import { prepare } from "../../../offchain/store/schema.ts";
import { Sql } from "../../../offchain/store/sql.ts";
import type { Store, StoreOptions } from "../../../offchain/store/store.ts";
import { KEPT_MS, TaughtTable } from "../../../offchain/store/taught.ts";
import { hashOf, MEMORY, operatorAt } from "../../helpers/core.ts";
import { IDENTITY, openStore, temporary } from "../store/fixture.ts";

/** A text is taught once under a key, whatever befalls the answer, the client or the worker. */

const [alice, bob] = [hashOf("alice"), hashOf("bob")];
const memory = { id: memoryId(crypto, MEMORY), name: "notes", definition: MEMORY };
const other = { ...memory, id: hashOf("another memory") };
const never = new AbortController().signal;

/** A teacher that counts, and says what it wrote when it is let. */
function teacherOf() {
  const seeds: string[] = [];
  let end: { resolve(taught: Taught): void; reject(error: Error): void } | undefined;
  const teacher: TaughtOnceOptions["teacher"] = {
    partsOf(text) {
      if (text === "") throw new WeftError("out_of_range", "there is nothing to teach");
      return [];
    },
    teach: (_requester, _memory, _text, _signal, seed) => {
      seeds.push(toHex(seed as Bytes));
      return new Promise((resolve, reject) => {
        end = { resolve, reject };
      });
    },
  };
  const written = () =>
    end?.resolve({ tokens: 5, turns: [hashOf(`turn ${seeds.length}`)], authors: [operatorAt(0).operator] });
  return { teacher, seeds, written, fail: (error: Error) => end?.reject(error) };
}

function open(t: TestContext, folder: string, options: Partial<StoreOptions> = {}, time = () => 1_000): World {
  const store = openStore(folder, options);
  let isOpen = true;
  const close = () => {
    if (isOpen) store.close();
    isOpen = false;
  };
  t.after(close);
  const taught = teacherOf();
  const once = new TaughtOnce({ hashing: crypto, teacher: taught.teacher, table: store.taught, time });
  const teach = (key: string, text = "words", of = memory, who = alice) => once.teach(who, of, text, key, never);
  return { ...taught, store, teach, close };
}
type World = ReturnType<typeof teacherOf> & {
  store: Store;
  close(): void;
  teach(key: string, text?: string, of?: typeof memory, who?: Bytes): ReturnType<TaughtOnce["teach"]>;
};

test("who asks again is told the first outcome, while it is being written and after a restart", async (t) => {
  const folder = temporary(t);
  const first = open(t, folder);
  const [one, two] = [first.teach("a"), first.teach("a")];
  first.written();
  assert.deepEqual(await one, await two);
  first.close();
  const later = open(t, folder);
  assert.deepEqual(await later.teach("a"), await one);
  assert.equal(first.seeds.length + later.seeds.length, 1);
});

test("another key, and the same key of another client, teach again; another text under it is refused", async (t) => {
  const { teach, written, seeds } = open(t, temporary(t));
  const all = [() => teach("a"), () => teach("b"), () => teach("a", "words", memory, bob)];
  for (const one of all) {
    const taught = one();
    written();
    await taught;
  }
  assert.equal(new Set(seeds).size, 3);
  await assert.rejects(teach("a", "other words"), { code: "key_reused", field: "idempotency-key" });
  await assert.rejects(teach("a", "words", other), { code: "key_reused" });
  await assert.rejects(teach("c", ""), { code: "out_of_range" });
  assert.equal(seeds.length, 3);
  const taught = teach("c");
  written();
  await taught; // what could not be taught took no key
});

test("what failed is taken up again with the same seed, also by who waited for it", async (t) => {
  const { teach, fail, written, seeds } = open(t, temporary(t));
  const [failing, waiting] = [teach("a"), teach("a")];
  fail(new WeftError("no_author", "nobody writes"));
  await assert.rejects(failing, { code: "no_author" });
  assert.equal(seeds.length, 2);
  written();
  assert.equal((await waiting).tokens, 5);
  assert.equal(seeds[0], seeds[1]);
});

test("S7: it is on disk before anything is written; killed before its outcome was, it is taken up with the same seed", async (t) => {
  const folder = temporary(t);
  const kill = (pass: number) => {
    let left = pass;
    return {
      failpoint(name: string) {
        if (name === "store.taught.before-fsync" && --left === 0) throw new Error("killed");
      },
    };
  };
  const unborn = open(t, folder, kill(1));
  await assert.rejects(unborn.teach("a"));
  assert.equal(unborn.seeds.length, 0);
  unborn.close();
  const cut = open(t, folder, kill(2));
  const lost = cut.teach("a");
  cut.written();
  await assert.rejects(lost);
  cut.close();
  const again = open(t, folder);
  await assert.rejects(again.teach("a", "other words"), { code: "key_reused" });
  const taught = again.teach("a");
  again.written();
  assert.equal((await taught).tokens, 5);
  assert.deepEqual(again.seeds, cut.seeds);
});

test("L8: keys are forgotten after a day, and the oldest of who has too many", (t) => {
  const db = new Database(":memory:");
  t.after(() => db.close());
  prepare(db, IDENTITY);
  const table = new TaughtTable(new Sql(db, () => {}), { ofClient: 2, ofAll: 4 });
  const known = (who: Bytes, now: number) => ["a", "b", "c", "d"].filter((key) => table.find(who, key, now)).join("");
  table.begin(alice, "a", hashOf("asked"), 1_000);
  table.end(alice, "a", "{}");
  assert.deepEqual(table.find(alice, "a", 1_000 + KEPT_MS - 1), { asked: hashOf("asked"), outcome: "{}" });
  assert.equal(table.find(alice, "a", 1_000 + KEPT_MS), undefined);
  table.begin(alice, "a", hashOf("asked"), 1_000 + KEPT_MS);
  const now = 1_001 + KEPT_MS;
  for (const key of ["b", "c"]) table.begin(alice, key, hashOf("asked"), now);
  table.begin(bob, "a", hashOf("asked"), now);
  assert.deepEqual([known(alice, now), known(bob, now)], ["bc", "a"], "the oldest of its own goes");
  const carol = hashOf("carol");
  for (const [who, key] of [
    [carol, "a"],
    [carol, "b"],
    [bob, "d"],
  ] as const)
    table.begin(who, key, hashOf("asked"), now);
  assert.deepEqual([known(alice, now), known(bob, now), known(carol, now)], ["", "ad", "ab"]);
});

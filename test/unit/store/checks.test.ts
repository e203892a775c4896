import assert from "node:assert/strict";
import { test } from "node:test";
import Database from "better-sqlite3";
import type { SignedReport } from "../../../offchain/core/check-report.ts";
import { CheckTable } from "../../../offchain/store/checks.ts";
import { prepare } from "../../../offchain/store/schema.ts";
import { Sql } from "../../../offchain/store/sql.ts";
import { hashOf, operatorAt } from "../../helpers/core.ts";
import { IDENTITY, openStore, temporary } from "./fixture.ts";

const [reporter, author] = [operatorAt(1).operator, operatorAt(2).operator];
const signature = new Uint8Array(65).fill(7);

function reportOn(turn: string, wrong?: { position: number; distance: number }): SignedReport {
  const verdict = { agrees: !wrong, position: 0, distance: 0, ...wrong };
  return { report: { reporter, model: hashOf("model"), turn: hashOf(turn), author, ...verdict }, signature };
}

test("a turn is reported once, and settled now or later, also for the next process", (t) => {
  const folder = temporary(t);
  const first = openStore(folder);
  const wrong = { position: 9, distance: 2 ** 32 - 1 };
  assert.equal(first.checks.put(reportOn("a"), true), true);
  assert.equal(first.checks.put(reportOn("b", wrong), false), true);
  assert.equal(first.checks.put(reportOn("b"), true), false, "what was said is not taken back");
  assert.deepEqual(
    [hashOf("a"), hashOf("b"), hashOf("c")].map((turn) => first.checks.isSettled(turn)),
    [true, false, false],
  );
  first.close();
  const next = openStore(folder);
  t.after(() => next.close());
  next.checks.settle(hashOf("b"));
  assert.equal(next.checks.isSettled(hashOf("b")), true);
  const kept = [
    { id: 1, ...reportOn("a") },
    { id: 2, ...reportOn("b", wrong) },
  ];
  assert.deepEqual(next.checks.page(0, 10), { items: kept, last: 2 });
  assert.deepEqual(next.checks.page(1, 10), { items: kept.slice(1), last: 2 });
  assert.deepEqual(next.checks.page(0, 1), { items: kept.slice(0, 1), last: 2 });
  assert.deepEqual(next.checks.page(2, 10), { items: [], last: 2 });
});

/** Of a database of its own, which keeps so many. */
function openTable(db: Database.Database, kept: number): CheckTable {
  prepare(db, IDENTITY);
  return new CheckTable(new Sql(db, () => {}), kept);
}

test("L8 the oldest reports go", (t) => {
  const db = new Database(":memory:");
  t.after(() => db.close());
  const checks = openTable(db, 3);
  for (const turn of ["a", "b", "c", "d", "e"]) checks.put(reportOn(turn), true);
  const { items, last } = checks.page(0, 10);
  assert.deepEqual([items.map(({ id }) => id), last], [[3, 4, 5], 5]);
  assert.equal(checks.put(reportOn("a"), true), true, "what is forgotten may be said again");
});

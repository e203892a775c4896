import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MUTANTS } from "./list.ts";
import { type Mutant, mutated } from "./plant.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("every mutant fits the code as it is, changes it, and has a name of its own", () => {
  for (const mutant of MUTANTS)
    for (const [path, text] of mutated(mutant, read)) assert.notEqual(text, read(path), mutant.name);
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  assert.ok(MUTANTS.length >= 27);
  for (const { name, caughtBy } of MUTANTS)
    assert.ok(caughtBy.length > 0 && caughtBy.every((one) => /^[SL]\d+$/.test(one)), name);
});

test("a mutant that does not fit, fits twice, or is too long is refused", () => {
  const make = (find: string, replace: string): Mutant => ({
    name: "some",
    file: "file",
    changes: [{ find, replace }],
    caughtBy: ["S1"],
  });
  const text = () => "one\ntwo\none\n";
  assert.deepEqual([...mutated(make("two", "2"), text)], [["file", "one\n2\none\n"]]);
  assert.throws(() => mutated(make("three", "3"), text), /not exactly once/);
  assert.throws(() => mutated(make("one", "1"), text), /not exactly once/);
  assert.throws(() => mutated(make("two", "1\n2\n3\n4\n5\n6"), text), /6 lines/);
  assert.equal(mutated(make("two", "1\n2\n3\n4\n5"), text).size, 1);
});

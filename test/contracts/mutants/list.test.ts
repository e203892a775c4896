import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PATCHES, UNSEEN } from "./list.ts";
import { allMutants, mutatedFiles } from "./plant.ts";
import { countRefusals, scan } from "./scan.ts";
import { applyAll, codeOf } from "./source.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string) => readFileSync(join(root, "contracts", file), "utf8");
const names = (text: string) => new Set(text.match(/\b(?:test|testFuzz|invariant)_\w+/g) ?? []);
const testsIn = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => readFileSync(join(root, folder, path), "utf8"))
    .join("\n");
const solidity = names(testsIn("contracts", ".t.sol"));

describe("mutants of the contracts", () => {
  test("every patch stands at one place of a contract that is mutated, and all can be there at once", () => {
    const files = mutatedFiles(root);
    assert.ok(Object.values(PATCHES).flat().length >= 20);
    for (const file of Object.keys(PATCHES)) assert.ok(files.includes(file), `${file} is not mutated`);
    const mutants = allMutants(root);
    for (const file of files) {
      const own = mutants.filter((mutant) => mutant.file === file).map((mutant) => ({ ...mutant, on: "on" }));
      if (own.length > 0) assert.notEqual(applyAll(read(file), own), read(file));
    }
    const all = mutants.map(({ name }) => name);
    assert.deepEqual(
      all.filter((name, i) => all.indexOf(name) !== i),
      [],
      "names are used once",
    );
  });

  test("the scanner finds every refusal that a contract has by its words", () => {
    for (const file of mutatedFiles(root)) {
      const found = scan(file, read(file));
      // Conditions are deleted once each; calls of checks, and looks at the pause, refuse elsewhere.
      const deleted = found.filter(({ name }) =>
        /(?: deleted: (?!\w[\w.]*\(.*\);$)| deleted: revert | open to all: )/.test(name),
      );
      assert.equal(deleted.length, countRefusals(read(file)), file);
    }
  });

  test("what is scanned is negated, deleted, and each of several conditions left out", () => {
    const source = `contract A {
    // if (x) revert Comment();
    function f() external restricted {
        if (a == 0 || g(b, c)) revert No("if (y) revert");
        _requireStatus(x, y);
    }
}`;
    const found = scan("A.sol", source);
    assert.deepEqual(found.map(({ name }) => name).sort(), [
      "A.f deleted: _requireStatus(x, y);",
      "A.f deleted: a == 0 || g(b, c)",
      "A.f negated: a == 0 || g(b, c)",
      "A.f open to all: restricted",
      "A.f without: a == 0",
      "A.f without: g(b, c)",
    ]);
    const only = (name: string) =>
      applyAll(
        source,
        found.filter((mutant) => mutant.name === name).map((mutant) => ({ ...mutant, on: "on" })),
      );
    assert.match(
      only("A.f negated: a == 0 || g(b, c)"),
      /if \(\(on \? !\(a == 0 \|\| g\(b, c\)\) : \(a == 0 \|\| g\(b, c\)\)\)\) revert/,
    );
    assert.match(only("A.f without: g(b, c)"), /if \(a == 0 \|\| \(on \? false : \(g\(b, c\)\)\)\) revert/);
    assert.match(only("A.f deleted: _requireStatus(x, y);"), /if \(!on\) _requireStatus\(x, y\);/);
    assert.equal(codeOf(source).length, source.length);
  });

  test("each patch names a test that exists; at most five mutants are explained, and they exist", () => {
    const typescript = testsIn("test/contracts", ".test.ts");
    for (const { name, test: named } of Object.values(PATCHES).flat())
      assert.ok(solidity.has(named) || (named !== "" && typescript.includes(`test("${named}"`)), `${name}: ${named}`);
    const all = new Set(allMutants(root).map(({ name }) => name));
    assert.ok(Object.keys(UNSEEN).length <= 5);
    for (const name of Object.keys(UNSEEN)) assert.ok(all.has(name), name);
  });

  test("the Solidity tests that docs/protocol.md names exist", () => {
    const named = names(readFileSync(join(root, "docs/protocol.md"), "utf8"));
    assert.ok(named.size > 40);
    for (const name of named) assert.ok(solidity.has(name), name);
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mutatedFiles } from "./mutants/plant.ts";
import { codeOf } from "./mutants/source.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Libraries cut fields out of words and bytes that hold exactly those; what is computed is cast by SafeCast. */
test("no contract casts down unchecked, but for the block's time and number", () => {
  for (const file of mutatedFiles(root).filter((path) => !/^(libraries|mocks)\//.test(path))) {
    const code = codeOf(readFileSync(join(root, "contracts", file), "utf8"));
    const casts = code.match(/\bu?int(?!256)\d*\((?!block\.(?:timestamp|number)\)|address\(this\)\))[^;]*/g);
    assert.equal(casts, null, file);
  }
});

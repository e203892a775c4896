import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ElementPlace } from "../../../offchain/core/model-trace-layout.ts";
import { type Read, readsOf } from "../../../offchain/core/model-trace-reads.ts";
import { type Case, CONSTANTS, caseOf, KINDS, limitsOf } from "../../contracts/model-cases.ts";

/** As many as `elements.test.ts` compares with the contracts' library. */
const CASES = 60;

/** The places that a read goes over. */
function placesOf({ axis, count, first }: Read): ElementPlace[] {
  const key = axis === "columns" ? "column" : axis === "parts" ? "part" : "position";
  return Array.from({ length: count }, (_, i) => ({ ...first, [key]: first[key] + i }));
}

function readsIn({ op, at, positions, token, reads }: Case, change: (name: string, value: number) => number): Read[] {
  return readsOf(op, at, positions, token, ({ name }) => {
    const { values } = reads.find((read) => read.name === name) as Case["reads"][number];
    return change(name, Number(values[0]));
  });
}

describe("what an element reads: what its rule looks at, in the contracts' order", () => {
  for (const kind of KINDS)
    test(kind, () => {
      for (let seed = 1; seed <= CASES; seed++) {
        const one = caseOf(kind, seed);
        const reads = readsIn(one, (_, value) => value);
        assert.equal(reads.length, one.reads.length, `seed ${seed}`);
        for (const [i, read] of reads.entries()) {
          const { name, places } = one.reads[i] as Case["reads"][number];
          assert.equal(read.name, name, `seed ${seed}`);
          assert.equal(read.isConstant, CONSTANTS.includes(name), `seed ${seed}`);
          assert.deepEqual(placesOf(read), places, `seed ${seed} reads ${name}`);
        }
      }
    });

  test("an element that there is not, or an entry before the first of a table, is refused", () => {
    const refused = { code: "out_of_range", field: "place" };
    for (const kind of KINDS) {
      const one = caseOf(kind, 3);
      const past = limitsOf(one.op, one.positions);
      for (const key of ["head", "position", "part", "column"] as const) {
        const at = { ...one.at, [key]: past[key] };
        assert.throws(() => readsIn({ ...one, at }, (_, value) => value), refused, `${kind} ${key}`);
      }
    }
    assert.throws(() => readsIn(caseOf("norm", 5), () => -1), refused);
    assert.throws(() => readsIn(caseOf("probability", 5), (name, value) => (name === "c" ? -1 : value)), refused);
    const above = (name: string) => (name === "a" ? 2 ** 31 - 1 : -(2 ** 31));
    assert.throws(() => readsIn(caseOf("probability", 5), above), refused);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import { EXTREMES } from "./extreme-cases.ts";
import { type At, type Case, CONSTANTS, caseOf, KINDS, limitsOf, opLeaf, packed, TENSORS } from "./model-cases.ts";
import { type Harness, openHarness } from "./model-world.ts";

type ChainRead = {
  isConstant: boolean;
  number: bigint;
  width: bigint;
  axis: number;
  count: bigint;
  first: Record<keyof At, bigint>;
};

const CASES = 60;
const AXES = ["column", "part", "position"] as const;

/** The places that a read of the chain goes over. */
function placesOf({ axis, count, first }: ChainRead): At[] {
  const at = (i: number): At => {
    const place = {
      head: Number(first.head),
      position: Number(first.position),
      part: Number(first.part),
      column: Number(first.column),
    };
    place[AXES[axis] as (typeof AXES)[number]] += i;
    return place;
  };
  return Array.from({ length: Number(count) }, (_, i) => at(i));
}

const isHeld = (value: bigint) => BigInt.asIntN(32, value) === value;

describe("elements of macro-operations: the contracts' library against core", () => {
  let harness: Harness;
  before(async () => {
    harness = await openHarness();
  });
  after(() => harness.close());

  async function elementOf({ op, at, positions, token, reads }: Case, operands = reads.map(packed)) {
    const read = await harness.call("readOp", toHex(opLeaf(op)), TENSORS.length, CONSTANTS.length);
    const shown = operands.map((bytes) => toHex(bytes));
    return harness.call<[bigint, ChainRead[], bigint]>("elementOf", read, at, positions, token, shown);
  }

  for (const kind of KINDS)
    test(`${kind}: the same integer, made of the same values`, async (t) => {
      let most = 0n;
      for (let seed = 1; seed <= CASES; seed++) {
        const one = caseOf(kind, seed);
        const said = `seed ${seed}`;
        const [value, reads, used] = await elementOf(one);
        // Where a table shifts by 32767 bits to the left, only that no tensor holds the result is the same.
        if (isHeld(value) || isHeld(one.value)) assert.equal(value, one.value, said);
        assert.equal(reads.length, one.reads.length, said);
        for (const [i, read] of reads.entries()) {
          const { name, bytes, places } = one.reads[i] as Case["reads"][number];
          assert.deepEqual(placesOf(read), places, `${said} reads ${name}`);
          assert.equal(Number(read.width), bytes, said);
          assert.equal(read.isConstant, CONSTANTS.includes(name), said);
          assert.equal(Number(read.number), (read.isConstant ? CONSTANTS : TENSORS).indexOf(name), said);
        }
        if (used > most) most = used;
      }
      t.diagnostic(`${kind}: at most ${most} gas in ${CASES} elements`);
    });

  test("at the ends: bounds, halves, equals, masked keys, first and last entries of tables, position 1,023", async () => {
    for (const { what, one, is } of EXTREMES) {
      const [value, reads] = await elementOf(one);
      assert.deepEqual([Number(one.value), Number(value)], [is, is], what);
      assert.deepEqual(
        reads.map(placesOf),
        one.reads.map(({ places }) => places),
        what,
      );
    }
    const atLast = EXTREMES.filter(({ one }) => one.at.position === 1_023).map(({ one }) => one.op.kind);
    assert.deepEqual(new Set(atLast), new Set(KINDS));
  });

  test("what a tensor does not have is no element", async () => {
    for (const kind of KINDS) {
      const one = caseOf(kind, 3);
      const past = limitsOf(one.op, one.positions);
      for (const key of ["head", "position", "part", "column"] as const) {
        const at = { ...one.at, [key]: past[key] };
        await assert.rejects(elementOf({ ...one, at }), /ElementReadsNoElement/, `${kind} ${key}`);
      }
    }
  });

  test("what leads before the first entry of a table is refused", async () => {
    const minusOne = new Uint8Array(4).fill(0xff);
    for (const [kind, sum] of [
      ["norm", 1],
      ["probability", 2],
    ] as const) {
      const one = caseOf(kind, 5);
      await assert.rejects(elementOf(one, one.reads.map(packed).with(sum, minusOne)), /ElementReadsNoEntry/, kind);
    }
    for (const kind of ["expSum", "probability"] as const) {
      const one = caseOf(kind, 5);
      const least = Uint8Array.of(0x80, 0, 0, 0);
      const most = new Uint8Array((one.reads[0] as Case["reads"][number]).values.length * 4).fill(0x7f);
      const operands = one.reads.map(packed).with(0, most).with(1, least);
      await assert.rejects(elementOf(one, operands), /ElementReadsNoEntry/, kind);
    }
  });
});

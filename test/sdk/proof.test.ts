import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checkProof, checkReceipt, confirm, type FaultCode, parseReceipt } from "../../offchain/sdk/proof.ts";
import type { Receipt } from "../../offchain/sdk/receipt.ts";
import { operatorAt } from "../helpers/core.ts";
import { DOMAIN, type Shape, World } from "./world.ts";

const keys = [0, 1].map(operatorAt);

/** The code that a receipt is refused with, by itself or by the chain; its standing when it is not. */
function verdict(world: World, receipt: unknown): string {
  let parsed: Receipt;
  try {
    parsed = parseReceipt(receipt);
  } catch (error) {
    return (error as { code: string }).code;
  }
  const checked = checkReceipt(parsed, DOMAIN);
  if (!checked.ok) return checked.fault.code;
  const confirmed = confirm(checked.value.claims, world.facts(keys));
  return confirmed.ok ? confirmed.value : confirmed.fault.code;
}

const flip = (hex: string, nibble = hex.length - 1) => {
  const digit = Number.parseInt(hex[nibble], 16) ^ 1;
  return hex.slice(0, nibble) + digit.toString(16) + hex.slice(nibble + 1);
};

type Path = (string | number)[];

/** The worker's own word, which nobody believes. */
const isWord = ([field]: Path) => ["status", "court", "canonical"].includes(String(field));

/** Paths of every leaf of a value. */
function* leaves(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== "object" || value === null) yield path;
  else for (const [key, one] of Object.entries(value)) yield* leaves(one, [...path, Array.isArray(value) ? +key : key]);
}

/** A copy in which what stands at the path is another value of the same shape. */
function mutated(receipt: Receipt, path: Path, nibble: number): unknown {
  const copy = structuredClone(receipt) as never;
  const holder = path.slice(0, -1).reduce((at: Record<string, unknown>, key) => at[key] as never, copy);
  const last = path.at(-1) as string;
  const old = holder[last];
  if (typeof old === "number") holder[last] = old + 1;
  else if (String(old).startsWith("0x")) holder[last] = flip(String(old), 2 + (nibble % (String(old).length - 2)));
  else if (last === "kind") holder[last] = old === "written" ? "given" : "written";
  else if (last === "type") holder[last] = old === "open" ? "close" : "open";
  return copy;
}

/** Codes that a change of a field may be refused with: more than one where it depends on the bit that changed. */
const expected: [RegExp, FaultCode[]][] = [
  [/^requestId$/, ["request_mismatch"]],
  [/^turn$/, ["turn_mismatch"]],
  [/^position$/, ["token_mismatch", "incomplete"]],
  [/^tokens\./, ["token_mismatch"]],
  [/type$/, ["bad_body"]],
  [/snapshots\.\d+\.(sequence|index)$/, ["place_mismatch"]],
  [/snapshots\.\d+\.(first|kind|tokens\.\d+)$/, ["token_mismatch"]],
  [/number$/, ["segment_not_included", "unknown_checkpoint"]],
  [/segmentIndex$|segmentProof/, ["segment_not_included"]],
  [/snapshotIndex$|snapshotProof|salt$|body$|snapshotsRoot$/, ["snapshot_not_included"]],
  // Another header was never signed by these keys, and is not in the tree.
  [/header\.(previous|snapshotCount)$/, ["segment_not_included", "snapshot_not_included", "bad_signature"]],
  [/header\.(operator|incarnation)$/, ["turn_mismatch", "place_mismatch", "bad_signature"]],
  [/header\.sequence$/, ["place_mismatch", "bad_signature"]],
  [/signature$/, ["foreign_signer", "bad_signature"]],
];

describe("receipts", () => {
  const world = new World(keys);

  test("what an honest author wrote is proven: the whole answer, a range, a token, the given ones", () => {
    for (const [position, count] of [[3], [3, 7], [5, 2], [9, 1], [0, 3], [0, 10]] as [number, number?][])
      assert.equal(verdict(world, world.receipt(position, count)), "final", `${position} ${count}`);
    const checked = checkReceipt(world.receipt(2, 3), DOMAIN);
    assert.ok(checked.ok);
    const { answer } = checked.value;
    assert.deepEqual(answer.tokens, [
      { token: 7, kind: "given" },
      { token: 11, kind: "written" },
      { token: 12, kind: "written" },
    ]);
    assert.equal(answer.closed, undefined, "a part does not say how the whole ended");
    const whole = checkReceipt(world.receipt(), DOMAIN);
    assert.deepEqual(whole.ok && whole.value.answer.closed, { length: 10, reason: "length" });
    assert.equal(answer.turn, world.turn);
  });

  test("every field, changed by one bit or by one, is refused by its name", () => {
    const receipt = world.receipt();
    let tried = 0;
    for (const path of leaves(receipt)) {
      const name = path.join(".");
      if (isWord(path)) continue;
      const codes = expected.find(([pattern]) => pattern.test(name))?.[1];
      assert.ok(codes, `${name} is expected to be refused with something`);
      const code = verdict(world, mutated(receipt, path, 7));
      assert.ok(codes.includes(code as FaultCode), `${name} changed: ${code}`);
      tried += 1;
    }
    console.log(`fields changed one by one: ${tried}`);
  });

  test("what is missing, in another order, twice, or another's is refused", () => {
    const receipt = world.receipt();
    const { snapshots } = receipt;
    const [open, one, two, ...rest] = snapshots;
    const without = (i: number) => ({ ...receipt, snapshots: snapshots.filter((_, at) => at !== i) });
    assert.equal(verdict(world, without(0)), "incomplete", "no opening");
    assert.equal(verdict(world, without(2)), "incomplete", "a hole");
    assert.equal(verdict(world, { ...receipt, snapshots: [open, two, one, ...rest] }), "incomplete", "disorder");
    assert.equal(verdict(world, { ...receipt, snapshots: [open, one, one, two, ...rest] }), "incomplete", "twice");
    assert.equal(verdict(world, { ...receipt, snapshots: [open, open, one, two, ...rest] }), "incomplete");
    assert.equal(verdict(world, { ...receipt, snapshots: [] }), "malformed");
    assert.equal(verdict(world, { ...receipt, tokens: [...receipt.tokens, 1] }), "incomplete", "a token too many");
    const { proof: _, ...bare } = two;
    assert.equal(verdict(world, { ...receipt, snapshots: [open, one, bare, ...rest] }), "pending");
    // Another turn's opening does not open this one.
    const foreign = new World(keys.toReversed()).receipt();
    assert.equal(verdict(world, { ...receipt, snapshots: [foreign.snapshots[0], one, two, ...rest] }), "turn_mismatch");
    assert.equal(verdict(world, { ...receipt, turn: foreign.turn }), "turn_mismatch");
  });

  test("not what another chain, another ledger or another operator says", () => {
    const receipt = world.receipt();
    const facts = world.facts(keys);
    const judge = (domain: typeof DOMAIN, changed: Partial<typeof facts> = {}) => {
      const checked = checkReceipt(receipt, domain);
      if (!checked.ok) return checked.fault.code;
      const confirmed = confirm(checked.value.claims, { ...facts, ...changed });
      return confirmed.ok ? confirmed.value : confirmed.fault.code;
    };
    assert.equal(judge(DOMAIN), "final");
    assert.equal(judge({ ...DOMAIN, chainId: 1 }), "segment_not_included");
    assert.equal(judge({ ...DOMAIN, verifyingContract: `0x${"23".repeat(20)}` }), "segment_not_included");
    assert.equal(judge(DOMAIN, { operatorOf: () => "0x" }), "foreign_signer");
    const like = (changes: object) => ({ checkpoint: (n: number) => ({ ...facts.checkpoint(n), ...changes }) });
    assert.equal(judge(DOMAIN, like({ final: false })), "attested");
    assert.equal(judge(DOMAIN, like({ fallen: true, final: false })), "checkpoint_fallen");
    assert.equal(judge(DOMAIN, like({ segmentsRoot: undefined })), "unknown_checkpoint");
  });

  test("a signature's other form is nobody's", () => {
    const receipt = world.receipt();
    const proof = receipt.snapshots[0].proof!;
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = (order - BigInt(`0x${proof.signature.slice(66, 130)}`)).toString(16).padStart(64, "0");
    const v = proof.signature.endsWith("1b") ? "1c" : "1b";
    proof.signature = `0x${proof.signature.slice(2, 66)}${s}${v}`;
    assert.equal(verdict(world, receipt), "bad_signature");
  });

  test("one proof by itself", () => {
    const proof = world.proof(2, 0);
    const checked = checkProof(proof, DOMAIN);
    assert.ok(checked.ok && checked.value.snapshot.type === "tokens");
    assert.deepEqual(checked.value.snapshot.ids, [13]);
    const bent = checkProof({ ...proof, segmentProof: proof.segmentProof.slice(1) }, DOMAIN);
    assert.ok(!bent.ok);
    assert.deepEqual([bent.fault.code, bent.fault.field], ["malformed", "segmentProof"]);
  });
});

const ids = fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 1, maxLength: 6 });
const shapes: fc.Arbitrary<Shape> = fc.record({
  given: ids,
  written: fc.array(fc.record({ ids, seal: fc.boolean() }), { minLength: 1, maxLength: 5 }),
  apart: fc.boolean(),
});

test("property: any answer's receipt is proven, and any one change of it is refused", () => {
  fc.assert(
    fc.property(shapes, fc.nat(), fc.nat(), fc.nat(), (shape, a, b, nibble) => {
      const world = new World(keys, shape);
      const total = shape.given.length + shape.written.reduce((sum, run) => sum + run.ids.length, 0);
      const position = a % total;
      const receipt = world.receipt(position, 1 + (b % (total - position)));
      assert.equal(verdict(world, receipt), "final");
      const paths = [...leaves(receipt)].filter((path) => !isWord(path));
      const path = paths[nibble % paths.length];
      const code = verdict(world, mutated(receipt, path, nibble));
      assert.ok(!["final", "attested", "pending", "malformed"].includes(code), `${path.join(".")} changed: ${code}`);
    }),
    { numRuns: 200 },
  );
});

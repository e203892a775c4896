import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeEvidence, type Evidence, encodeEvidence, verifyEvidence } from "../../../offchain/core/evidence.ts";
import { Registry } from "../../../offchain/core/registry.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  foundingEvents,
  numbered,
  operatorAt,
  REGISTRY_GENESIS,
  SEPARATOR,
  setOf,
  signerOf,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt);
const [a, b, c, d] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0], (typeof members)[0]];
const stranger = operatorAt(9);

const founded = (stakes?: bigint[]) =>
  foundingEvents(members, stakes).reduce(
    (registry, event) => registry.apply(event),
    Registry.genesis(REGISTRY_GENESIS),
  );

const after = (registry: Registry, ...bodies: Parameters<typeof numbered>[0]) =>
  numbered(bodies, registry).reduce((at, event) => at.apply(event), registry);

describe("registry", () => {
  test("who joined may write, with their own key and for nobody else", () => {
    const registry = founded();
    assert.equal(registry.position, 5);
    assert.equal(registry.lastSetPosition, 5);
    for (const { operator, signer } of members) assert.ok(registry.entitles(operator, signer.address));
    assert.ok(!registry.entitles(a.operator, b.signer.address));
    assert.ok(!registry.entitles(stranger.operator, stranger.signer.address));
    assert.equal(registry.operatorOf(stranger.signer.address), undefined);
    assert.equal(registry.stakeOf(stranger.signer.address), 0n);
    assert.equal(registry.totalStake, 4000n);
  });

  test("a position is immutable: the next one is a new value", () => {
    const registry = founded();
    const later = after(registry, { kind: "convicted", operator: a.operator, set: setOf([b, c, d]) });
    assert.ok(later.isEnded(a.operator));
    assert.ok(!registry.isEnded(a.operator));
    assert.equal(registry.totalStake, 4000n);
  });

  test("a rotated key writes from its position on; the old one stays attributable", () => {
    const registry = founded();
    const key = signerOf("next key").address;
    const later = after(registry, {
      kind: "rotated",
      operator: a.operator,
      oldSigner: a.signer.address,
      newSigner: key,
    });
    assert.ok(!registry.entitles(a.operator, key));
    assert.ok(later.entitles(a.operator, key));
    assert.deepEqual(later.operatorOf(a.signer.address), a.operator);
    assert.equal(later.stakeOfOperator(a.operator), 1000n, "the set still lists the old key");
    assert.equal(later.lastSetPosition, registry.lastSetPosition);
  });

  test("an exit ends the operator when the set no longer has it, not before", () => {
    const leaving = after(founded(), { kind: "exiting", operator: a.operator });
    assert.ok(leaving.entitles(a.operator, a.signer.address));
    const still = after(leaving, { kind: "activated", epoch: 2, set: setOf(members) });
    assert.ok(!still.isEnded(a.operator));
    const gone = after(still, { kind: "activated", epoch: 3, set: setOf([b, c, d]) });
    assert.equal(gone.operator(a.operator)?.standing, "gone");
    assert.ok(!gone.entitles(a.operator, a.signer.address));
    assert.equal(gone.stakeOfOperator(a.operator), 0n);
    assert.equal(gone.lastSetPosition, gone.position);
  });

  test("an exit after a rotation: the old key in the set still is the operator", () => {
    const key = signerOf("next key").address;
    const leaving = after(
      founded(),
      { kind: "rotated", operator: a.operator, oldSigner: a.signer.address, newSigner: key },
      { kind: "exiting", operator: a.operator },
      { kind: "convicted", operator: b.operator, set: setOf([a, c, d]) },
    );
    assert.equal(leaving.stakeOfOperator(a.operator), 1000n);
    assert.ok(!leaving.isEnded(a.operator), "it is in the set, so it is not gone");
    assert.ok(after(leaving, { kind: "activated", epoch: 2, set: setOf([c, d]) }).isEnded(a.operator));
  });

  test("a conviction ends at once, and stays", () => {
    const convicted = after(founded(), { kind: "convicted", operator: a.operator, set: setOf([b, c, d]) });
    assert.ok(convicted.isEnded(a.operator));
    assert.equal(convicted.totalStake, 3000n);
    const later = after(convicted, { kind: "activated", epoch: 2, set: setOf([b, c, d]) });
    assert.equal(later.operator(a.operator)?.standing, "convicted");
  });

  test("events come one by one, about operators that joined", () => {
    const registry = founded();
    const [event] = numbered([{ kind: "exiting", operator: a.operator }], registry);
    for (const position of [registry.position, registry.position + 2])
      assert.throws(() => registry.apply({ ...event!, position }), { code: "registry_gap" });
    assert.throws(() => after(registry, { kind: "exiting", operator: stranger.operator }), { code: "registry_gap" });
  });

  test("a quorum is more than two thirds, exactly at the boundary", () => {
    for (const [total, least] of [
      [3000n, 2001n],
      [4000n, 2667n],
      [1n, 1n],
      [2n ** 96n, 2n ** 97n / 3n + 1n],
    ] as const) {
      const registry = founded([total, 0n, 0n, 0n]);
      assert.ok(registry.isQuorum(least), `${least} of ${total}`);
      assert.ok(!registry.isQuorum(least - 1n), `${least - 1n} of ${total}`);
    }
    assert.ok(!Registry.genesis(REGISTRY_GENESIS).isQuorum(0n), "nobody is no quorum");
  });
});

describe("evidence", () => {
  const registry = founded();
  const operatorOf = (signer: Uint8Array) => registry.operatorOf(signer);
  const verify = (evidence: Evidence) => verifyEvidence(crypto, SEPARATOR, evidence, operatorOf);
  const writer = new TrackWriter(a);
  const other = writer.fork();
  const [one, two] = writeSegments(writer, 2, 1);
  const [twin] = writeSegments(other, 1, 2);
  const convicts: Evidence = { a: one!, b: twin! };
  const bad = (evidence: Evidence, message: string) =>
    assert.throws(() => verify(evidence), { code: "bad_evidence", message });

  test("two signed headers at one place convict, in either order, and over the wire", () => {
    assert.deepEqual(verify(convicts), a.operator);
    assert.deepEqual(verify({ a: twin!, b: one! }), a.operator);
    assert.deepEqual(verify(decodeEvidence(encodeEvidence(convicts))), a.operator);
  });

  test("honest tracks convict nobody", () => {
    bad({ a: one!, b: one! }, "the headers are the same");
    bad({ a: one!, b: two! }, "the headers are of two places");
    const [restarted] = writeSegments(new TrackWriter(a, "2"), 1, 3);
    bad({ a: one!, b: restarted! }, "the headers are of two tracks");
    const [foreign] = writeSegments(new TrackWriter(b), 1, 3);
    bad({ a: one!, b: foreign! }, "the headers are of two tracks");
  });

  test("nobody is convicted by what others sign", () => {
    const unsigned = "a header is not signed by its operator";
    for (const signer of [b.signer, stranger.signer]) {
      const forged = { ...twin!, signature: signer.sign(twin!.hash) };
      bad({ a: one!, b: forged }, unsigned);
      bad({ a: forged, b: one! }, unsigned);
    }
    bad({ a: one!, b: { ...twin!, signature: one!.signature } }, unsigned);
    bad({ a: one!, b: { ...twin!, signature: new Uint8Array(65) } }, unsigned);
  });

  test("a second form of a signature is nobody's", () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const { signature } = twin!;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString("hex")}`);
    const high = new Uint8Array(signature);
    high.set(Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"), 32);
    high[64] = signature[64] === 27 ? 28 : 27;
    bad({ a: one!, b: { ...twin!, signature: high } }, "a header is not signed by its operator");
  });

  test("a retired key convicts beside the new one", () => {
    const key = signerOf("next key");
    const rotated = after(registry, {
      kind: "rotated",
      operator: a.operator,
      oldSigner: a.signer.address,
      newSigner: key.address,
    });
    const late = { ...twin!, signature: key.sign(twin!.hash) };
    const convicted = verifyEvidence(crypto, SEPARATOR, { a: one!, b: late }, (signer) => rotated.operatorOf(signer));
    assert.deepEqual(convicted, a.operator);
    bad({ a: one!, b: late }, "a header is not signed by its operator");
  });
});

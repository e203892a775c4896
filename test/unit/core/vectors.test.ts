import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  concat,
  encodeAbiParameters,
  encodePacked,
  type Hex,
  hashDomain,
  hashTypedData,
  keccak256,
  numberToHex,
  recoverTypedDataAddress,
  toHex,
  zeroHash,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { fromHex } from "../../../offchain/core/bytes.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { decodeEntries } from "../../../offchain/core/cut.ts";
import { decodeEvidence, verifyEvidence } from "../../../offchain/core/evidence.ts";
import { decodeSegment, encodeSegment } from "../../../offchain/core/segment.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../offchain/core/snapshot.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { operatorAt, SEPARATOR } from "../../helpers/core.ts";
import { vectors } from "../../vectors/make.ts";
import { leafOf, nodeOf, rootBy, rootFrom } from "../../vectors/plain-tree.ts";
import { DOMAIN_TYPE, REQUEST_TYPE, TYPES, words } from "../../vectors/types.ts";

const text = readFileSync(new URL("../../vectors/formats.json", import.meta.url), "utf8");
const golden = JSON.parse(text);
const domain = {
  name: golden.domain.name,
  version: golden.domain.version,
  chainId: golden.domain.chainId,
  verifyingContract: golden.domain.verifyingContract as Hex,
};

type Kind = { name: string; tag: number; depth: number };
const kindOf = (name: string): Kind => golden.trees.find((tree: Kind) => tree.name === name);

describe("golden vectors", () => {
  test("core makes them, byte for byte", () => {
    assert.equal(vectors(), text);
  });

  test("leaves, nodes and empty roots, hashed by viem", () => {
    assert.equal(golden.trees.length, 7);
    for (const kind of golden.trees) {
      assert.equal(leafOf(kind, kind.leaf.data), kind.leaf.hash);
      assert.equal(nodeOf(kind, kind.node.left, kind.node.right), kind.node.hash);
      assert.equal(rootFrom(kind, new Map()), kind.emptyRoot);
      assert.notEqual(kind.emptyRoot, zeroHash);
    }
  });

  test("list, updatable and append trees against a tree written down the obvious way", () => {
    for (const list of golden.lists) {
      const kind = kindOf(list.kind);
      if (list.leaves) assert.equal(rootFrom(kind, new Map(list.leaves.entries())), list.root);
      for (const proof of list.proofs) assert.equal(rootBy(kind, proof.leaf, proof.index, proof.siblings), list.root);
    }
    const leaves = new Map<number, Hex>();
    for (const step of golden.updatable.steps) {
      leaves.set(step.index, step.leaf);
      const kind = kindOf(golden.updatable.kind);
      assert.equal(rootFrom(kind, leaves), step.root);
      assert.equal(rootBy(kind, step.leaf, step.index, step.siblings), step.root);
    }
    const context = kindOf("context");
    for (const { tokens, root, peaks, proofs } of golden.contexts) {
      const hashes = tokens.map((token: number) => leafOf(context, numberToHex(token, { size: 4 })));
      assert.equal(rootFrom(context, new Map(hashes.entries())), root);
      assert.equal(peaks.length, [...tokens.length.toString(2)].filter((bit) => bit === "1").length);
      for (const { position, siblings } of proofs)
        assert.equal(rootBy(context, hashes[position], position, siblings), root);
    }
  });

  test("headers, checkpoints and the domain are EIP-712, as viem hashes it", () => {
    assert.equal(
      hashDomain({ domain, types: { EIP712Domain: DOMAIN_TYPE } } as Parameters<typeof hashDomain>[0]),
      golden.domain.separator,
    );
    const headers = [
      golden.header,
      ...golden.world.segments.map((s: { header: object; hash: Hex }) => ({ ...s.header, hash: s.hash })),
    ];
    for (const { hash, ...message } of headers)
      assert.equal(hashTypedData({ domain, types: TYPES, primaryType: "Segment", message }), hash);
    const checkpoints = [
      [golden.checkpoint.fields, golden.checkpoint.hash],
      [golden.world.genesis.checkpoint, golden.world.genesis.hash],
      [golden.world.checkpoint, golden.world.hash],
    ];
    for (const [message, hash] of checkpoints)
      assert.equal(hashTypedData({ domain, types: TYPES, primaryType: "Checkpoint", message }), hash);
  });

  test("ids are struct hashes: track, turn, request and draw", () => {
    const struct = (type: string, types: string[], values: unknown[]) =>
      keccak256(
        encodeAbiParameters(
          ["bytes32", ...types].map((type) => ({ type })) as { type: "bytes32" }[],
          [keccak256(toHex(type)), ...values] as Hex[],
        ),
      );
    const { operator, incarnation, id } = golden.track;
    const track = "Track(address operator,bytes16 incarnation)";
    assert.equal(struct(track, ["address", "bytes16"], [operator, incarnation]), id);
    for (const turn of golden.turns)
      assert.equal(
        struct(
          "Turn(bytes32 track,uint64 sequence,uint32 index)",
          ["bytes32", "uint64", "uint32"],
          [id, BigInt(turn.sequence), turn.index],
        ),
        turn.id,
      );
    assert.equal(golden.requests.length, 3);
    for (const request of golden.requests) {
      assert.equal(keccak256(request.parameters.encoding), request.fields.parameters);
      assert.equal(
        struct(
          `Request(${words(REQUEST_TYPE)})`,
          REQUEST_TYPE.map(({ type }) => type),
          REQUEST_TYPE.map(({ name, type }) =>
            type === "uint64" ? BigInt(request.fields[name]) : request.fields[name],
          ),
        ),
        request.id,
      );
      for (const { position, threshold } of request.draws) {
        const seed = struct("Draw(bytes32 request,uint32 position)", ["bytes32", "uint32"], [request.id, position]);
        assert.equal(Number(BigInt(seed) & 0xffffn), threshold);
      }
    }
  });

  test("cut leaves, the memory trace and operator sets, packed by viem", () => {
    const packed = ["address", "bytes16", "uint64", "bytes32", "bool", "uint32"];
    for (const { fields: f, encoding, leaf } of golden.cutLeaves) {
      const values = [f.operator, f.incarnation, BigInt(f.sequence), f.head, f.ended, f.first];
      assert.equal(encodePacked(packed, values), encoding);
      assert.equal(leafOf(kindOf("cut"), encoding), leaf);
    }
    assert.equal(leafOf(kindOf("memoryTrace"), golden.memoryTraceLeaf.root), golden.memoryTraceLeaf.leaf);
    for (const { words: members, hash } of golden.sets) {
      assert.equal(keccak256(concat(members)), hash);
      assert.deepEqual([...members].sort(), members);
    }
  });

  test("a whole world: segments, signatures, cut, checkpoint and the two steps of a receipt", async () => {
    const { world } = golden;
    for (const segment of world.segments) {
      const keys = world.keys.find(({ operator }: { operator: Hex }) => operator === segment.header.operator);
      const account = privateKeyToAccount(keys.privateKey);
      assert.equal(account.address.toLowerCase(), keys.signer);
      const typed = { domain, types: TYPES, primaryType: "Segment", message: segment.header };
      assert.equal(await account.signTypedData(typed), segment.signature, "both sign deterministically");
      assert.equal(await recoverTypedDataAddress({ ...typed, signature: segment.signature }), account.address);
      const leaves = segment.snapshots.map(({ salt, body }: { salt: Hex; body: Hex }) =>
        leafOf(kindOf("snapshots"), concat([salt, body])),
      );
      assert.deepEqual(
        leaves,
        segment.snapshots.map(({ leaf }: { leaf: Hex }) => leaf),
      );
      assert.equal(rootFrom(kindOf("snapshots"), new Map(leaves.entries())), segment.header.snapshotsRoot);
      assert.equal(leafOf(kindOf("segments"), segment.hash), segment.leaf);
      const decoded = decodeSegment(fromHex(segment.encoding));
      assert.equal(toHex(encodeSegment(decoded)), segment.encoding);
      for (const { body } of decoded.snapshots) assert.deepEqual(encodeSnapshot(decodeSnapshot(body)), body);
    }
    const leaves = world.segments.map(({ leaf }: { leaf: Hex }) => leaf);
    assert.equal(rootFrom(kindOf("segments"), new Map(leaves.entries())), world.checkpoint.segmentsRoot);
    const entries = decodeEntries(fromHex(world.cut.encoding), 2);
    assert.deepEqual(
      JSON.parse(JSON.stringify(entries, (_, v) => (v instanceof Uint8Array ? toHex(v) : v))),
      world.cut.entries,
    );

    const { receipt } = world;
    const { snapshots, header } = world.segments[receipt.segmentIndex];
    const { leaf } = snapshots[receipt.snapshotIndex];
    assert.equal(rootBy(kindOf("snapshots"), leaf, receipt.snapshotIndex, receipt.snapshotProof), header.snapshotsRoot);
    const index = receipt.segmentIndex;
    assert.equal(rootBy(kindOf("segments"), leaves[index], index, receipt.segmentProof), world.checkpoint.segmentsRoot);
  });

  test("stored encodings decode to what they were made of", () => {
    const bytes = fromHex(golden.checkpoint.encoding);
    assert.deepEqual(encodeCheckpoint(decodeCheckpoint(bytes)), bytes);
    const evidence = decodeEvidence(fromHex(golden.evidence.encoding));
    const { operator, signer } = operatorAt(0);
    const convicted = verifyEvidence(crypto, SEPARATOR, evidence, (key) =>
      toHex(key) === toHex(signer.address) ? operator : undefined,
    );
    assert.deepEqual(convicted, operator);
  });
});

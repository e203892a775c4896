import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type Abi,
  type Address,
  concat,
  encodeAbiParameters,
  type Hex,
  hashTypedData,
  keccak256,
  numberToHex,
  parseAbiParameters,
  toHex,
} from "viem";
import { deployHarness, headerHash, leaf, openWorld, ReferenceTree, reverts, type World } from "./fixture.ts";
import { checkpointHash, header, nextCheckpoint, tokensBody } from "./quorum.ts";

const kinds: [number, number][] = [
  [1, 8],
  [2, 16],
  [3, 24],
  [4, 24],
  [5, 16],
  [6, 32],
];
const word = (text: string) => keccak256(toHex(text));
const operator = "0x00000000000000000000000000000000000000ff" as Address;
const incarnation = `0x${"ab".repeat(16)}` as Hex;

/** The libraries against viem's EIP-712 and a tree that is written down the obvious way. */
describe("formats on chain", () => {
  let world: World;
  let harness: { address: Address; abi: Abi };
  const call = (functionName: string, args: unknown[]) => world.chain.readContract({ ...harness, functionName, args });

  before(async () => {
    world = await openWorld();
    harness = await deployHarness(world);
  });
  after(() => world.close());

  test("roots and proofs of every kind", async () => {
    for (const [kind, depth] of kinds) {
      assert.equal(await call("depthOf", [kind]), BigInt(depth));
      assert.equal(await call("emptyRoot", [kind]), new ReferenceTree(kind, depth, new Map()).root);
      const data = toHex("leaf data");
      assert.equal(await call("leaf", [kind, data]), leaf(kind, data));
      const last = 2 ** depth - 1;
      const leaves = new Map([0, 1, 5, last].map((i) => [i, leaf(kind, numberToHex(i))] as [number, Hex]));
      const tree = new ReferenceTree(kind, depth, leaves);
      for (const [index, hash] of leaves) {
        assert.equal(await call("rootOf", [kind, depth, hash, BigInt(index), tree.proof(index)]), tree.root);
        assert.equal(await call("verify", [kind, tree.root, hash, BigInt(index), tree.proof(index)]), true);
        assert.equal(await call("verify", [kind, tree.root, hash, BigInt(index) ^ 2n, tree.proof(index)]), false);
      }
    }
  });

  test("header, checkpoint and domain are those of EIP-712", async () => {
    const { domain } = world.deployment;
    const separator = await call("domainSeparator", [BigInt(domain.chainId), domain.verifyingContract]);
    assert.equal(separator, await world.chain.readContract({ ...world.ledger, functionName: "domainSeparator" }));
    const message = header(operator);
    assert.equal(await call("headerHash", [separator, message]), headerHash(world.deployment, message));
    const checkpoint = await nextCheckpoint(world, { entryCount: 3, segmentCount: 9, memoryRoot: word("memory") });
    assert.equal(await call("checkpointHash", [separator, checkpoint]), checkpointHash(world, checkpoint));
  });

  test("ids are struct hashes", async () => {
    const struct = (type: string, types: string, values: readonly unknown[]) =>
      keccak256(encodeAbiParameters(parseAbiParameters(`bytes32, ${types}`), [keccak256(toHex(type)), ...values]));
    const track = struct("Track(address operator,bytes16 incarnation)", "address, bytes16", [operator, incarnation]);
    assert.equal(await call("trackId", [operator, incarnation]), track);
    const turn = struct("Turn(bytes32 track,uint64 sequence,uint32 index)", "bytes32, uint64, uint32", [track, 3n, 4]);
    assert.equal(await call("turnId", [track, 3n, 4]), turn);
    const draw = struct("Draw(bytes32 request,uint32 position)", "bytes32, uint32", [word("request"), 7]);
    assert.equal(await call("drawSeed", [word("request"), 7]), draw);
  });

  test("a request id is the struct hash of its thirteen fields", async () => {
    const request = {
      requester: word("requester"),
      nonce: word("nonce"),
      model: word("model"),
      contextBefore: word("before"),
      lengthBefore: 0,
      contextAfter: word("after"),
      lengthAfter: 12,
      parameters: word("parameters"),
      maxLength: 64,
      memoryId: word("memory"),
      memoryCheckpoint: 5n,
      memoryCheckpointHash: word("checkpoint"),
      gate: 1,
    };
    const types = {
      Request: [
        { name: "requester", type: "bytes32" },
        { name: "nonce", type: "bytes32" },
        { name: "model", type: "bytes32" },
        { name: "contextBefore", type: "bytes32" },
        { name: "lengthBefore", type: "uint32" },
        { name: "contextAfter", type: "bytes32" },
        { name: "lengthAfter", type: "uint32" },
        { name: "parameters", type: "bytes32" },
        { name: "maxLength", type: "uint32" },
        { name: "memoryId", type: "bytes32" },
        { name: "memoryCheckpoint", type: "uint64" },
        { name: "memoryCheckpointHash", type: "bytes32" },
        { name: "gate", type: "uint8" },
      ],
    } as const;
    // The digest of an empty domain, so that viem's encoder can be asked about a struct without one.
    const domainHash = keccak256(
      encodeAbiParameters(parseAbiParameters("bytes32"), [keccak256(toHex("EIP712Domain()"))]),
    );
    const id = (await call("requestId", [request])) as Hex;
    const digest = keccak256(concat(["0x1901", domainHash, id]));
    assert.equal(digest, hashTypedData({ domain: {}, types, primaryType: "Request", message: request }));
  });

  test("leaf data is packed as the formats say", async () => {
    const entry = { operator, incarnation, sequence: 9n, head: word("head"), ended: true, first: 77 };
    const packed = concat([
      operator,
      incarnation,
      numberToHex(9, { size: 8 }),
      entry.head,
      "0x01",
      numberToHex(77, { size: 4 }),
    ]);
    assert.equal(await call("cutLeaf", [entry]), leaf(3, packed));
    assert.equal(await call("segmentLeaf", [word("header")]), leaf(2, word("header")));
    assert.equal(await call("contextLeaf", [258]), leaf(4, "0x00000102"));
    assert.equal(await call("memoryTraceLeaf", [word("memory")]), leaf(5, word("memory")));
    assert.equal(await call("snapshotLeaf", [incarnation, "0x020304"]), leaf(1, concat([incarnation, "0x020304"])));
  });

  test("a context root proves a token at one position", async () => {
    const ids = [7, 300, 0];
    const tree = new ReferenceTree(4, 24, new Map(ids.map((id, i) => [i, leaf(4, numberToHex(id, { size: 4 }))])));
    assert.equal(await call("verifyContext", [tree.root, 1, 300, tree.proof(1)]), true);
    assert.equal(await call("verifyContext", [tree.root, 1, 301, tree.proof(1)]), false);
    assert.equal(await call("verifyContext", [tree.root, 2, 300, tree.proof(1)]), false);
  });

  test("tokens are read at absolute positions, and malformed bodies are refused", async () => {
    const body = tokensBody(word("turn"), 1000, [5, 4_294_967_295]);
    assert.equal(await call("tokenAt", [body, 1000]), 5);
    assert.equal(await call("tokenAt", [body, 1001]), 4_294_967_295);
    const tokenAt = (bytes: Hex, position: number) => ({
      ...harness,
      functionName: "tokenAt",
      args: [bytes, position],
    });
    await reverts(world, tokenAt(body, 1002), "TokensSnapshotPositionOutOfRange", [1002n, 1000n, 2n]);
    await reverts(world, tokenAt(`${body}00`, 1000), "TokensSnapshotWrongLength", [126n, 127n]);
    await reverts(world, tokenAt(`0x01${body.slice(4)}`, 1000), "TokensSnapshotWrongKind", [1]);
    await reverts(world, tokenAt("0x", 0), "TokensSnapshotWrongLength", [118n, 0n]);
  });
});

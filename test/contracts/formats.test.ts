import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Abi, Address, Hex } from "viem";
import { zeroHash } from "viem";
import { fromHex, toHex } from "../../offchain/core/bytes.ts";
import { checkpointHash, genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import { domainSeparator } from "../../offchain/core/hash.ts";
import { MODEL_TREE } from "../../offchain/core/model-tiles.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { deployHarness, openWorld, type World } from "./fixture.ts";

const golden = JSON.parse(readFileSync(new URL("../vectors/formats.json", import.meta.url), "utf8"));

type Kind = { name: string; tag: number; depth: number };
const kindOf = (name: string): Kind => golden.trees.find((tree: Kind) => tree.name === name);

describe("formats: the contracts' libraries against the golden vectors", () => {
  let world: World;
  let harness: { address: Address; abi: Abi };
  let domain: Hex;

  const call = (functionName: string, ...args: unknown[]): Promise<unknown> =>
    world.chain.readContract({ ...harness, functionName, args });
  const is = async (expected: unknown, functionName: string, ...args: unknown[]) =>
    assert.equal(await call(functionName, ...args), expected, functionName);

  /** Proves at its index, and neither at the next one nor under the zero root. */
  async function proves(kind: Kind, root: Hex, leaf: Hex, index: number, siblings: readonly Hex[]) {
    await is(root, "rootOf", kind.tag, kind.depth, leaf, index, siblings);
    await is(true, "verify", kind.tag, root, leaf, index, siblings);
    await is(false, "verify", kind.tag, root, leaf, index ^ 1, siblings);
    await is(false, "verify", kind.tag, zeroHash, leaf, index, siblings);
    await is(false, "verify", kind.tag, root, leaf, index, siblings.slice(1));
    await is(false, "verify", kind.tag, root, leaf, index + 2 ** kind.depth, siblings);
  }

  before(async () => {
    world = await openWorld();
    harness = await deployHarness(world);
    domain = golden.domain.separator;
  });
  after(() => world.close());

  test("leaves, nodes, depths and empty roots of every kind", async () => {
    for (const kind of golden.trees) {
      await is(BigInt(kind.depth), "depthOf", kind.tag);
      await is(kind.emptyLeaf, "emptyLeaf", kind.tag);
      await is(kind.emptyRoot, "emptyRoot", kind.tag);
      await is(kind.leaf.hash, "leaf", kind.tag, kind.leaf.data);
      await is(kind.node.hash, "node", kind.tag, kind.node.left, kind.node.right);
      await assert.rejects(call("leaf", kind.tag, "0x"), /WeftTreeEmptyData/);
    }
  });

  test("proofs of list and updatable trees", async () => {
    for (const { kind, root, proofs } of golden.lists)
      for (const { leaf, index, siblings } of proofs) await proves(kindOf(kind), root, leaf, index, siblings);
    for (const { root, leaf, index, siblings } of golden.updatable.steps)
      await proves(kindOf(golden.updatable.kind), root, leaf, index, siblings);
  });

  test("context trees: a token at exactly its position", async () => {
    for (const { root, proofs } of golden.contexts)
      for (const { position, token, siblings } of proofs) {
        await is(true, "verifyContext", root, position, token, siblings);
        await is(false, "verifyContext", root, position, (token ^ 1) >>> 0, siblings);
        await is(false, "verifyContext", root, position ^ 1, token, siblings);
      }
    const { token, position, siblings } = golden.contexts[2].proofs[0];
    await is(golden.contexts[2].leaves[position], "contextLeaf", token);
    await assert.rejects(
      call("rootOf", 4, 24, golden.contexts[2].leaves[0], 0, siblings.slice(1)),
      /WeftTreeProofLength/,
    );
  });

  test("domain, headers, checkpoints", async () => {
    await is(domain, "domainSeparator", golden.domain.chainId, golden.domain.verifyingContract);
    await is(golden.header.hash, "headerHash", domain, golden.header);
    await is(golden.checkpoint.hash, "checkpointHash", domain, golden.checkpoint.fields);
    const { genesis, checkpoint, hash } = golden.world;
    await is(genesis.hash, "checkpointHash", domain, genesis.checkpoint);
    await is(hash, "checkpointHash", domain, checkpoint);
  });

  test("the ledger's own genesis checkpoint is core's", async () => {
    const registryHash = await world.chain.readContract({
      ...world.registry,
      functionName: "positionHash",
      args: [0n],
    });
    const { chainId } = world.deployment;
    const verifyingContract = fromHex(world.ledger.address, 20);
    const separator = domainSeparator(crypto, { name: "Weft", version: "1", chainId, verifyingContract });
    const own = checkpointHash(crypto, separator, genesisCheckpoint(crypto, fromHex(registryHash)));
    const hash = await world.chain.readContract({ ...world.ledger, functionName: "checkpointHash", args: [0n] });
    assert.equal(toHex(own), hash);
  });

  test("ids of tracks, turns and requests, and the draw", async () => {
    await is(golden.track.id, "trackId", golden.track.operator, golden.track.incarnation);
    for (const turn of golden.turns) await is(turn.id, "turnId", golden.track.id, turn.sequence, turn.index);
    for (const request of golden.requests) {
      await is(request.id, "requestId", request.fields);
      for (const { position, threshold } of request.draws) {
        const seed = (await call("drawSeed", request.id, position)) as Hex;
        assert.equal(Number(BigInt(seed) & 0xffffn), threshold);
      }
    }
  });

  test("leaves of cut entries, segments, snapshots and the memory trace; operator sets", async () => {
    for (const { fields, leaf } of golden.cutLeaves) await is(leaf, "cutLeaf", fields);
    for (const [slot, entry] of golden.world.cut.entries.entries()) {
      const leaf = (await call("cutLeaf", entry)) as Hex;
      await proves(kindOf("cut"), golden.world.cut.root, leaf, slot, golden.world.cut.proofs[slot]);
    }
    await is(golden.memoryTraceLeaf.leaf, "memoryTraceLeaf", golden.memoryTraceLeaf.root);
    for (const segment of golden.world.segments) {
      await is(segment.leaf, "segmentLeaf", segment.hash);
      await is(segment.track, "trackId", segment.header.operator, segment.header.incarnation);
      await is(segment.hash, "headerHash", domain, segment.header);
      for (const { salt, body, leaf } of segment.snapshots) await is(leaf, "snapshotLeaf", salt, body);
    }
    for (const { words, hash } of golden.sets) await is(hash, "setHash", words);
  });

  test("memories: rows of contexts, tiles, sums, ranges of tokens", async () => {
    const { ids, definitions, rows, ranges } = golden.memories;
    for (const { orders, salt, columns, emptyRow, rows: expected } of definitions) {
      await is(emptyRow, "emptyRow", BigInt(columns));
      for (const [order, length] of orders.entries())
        await is(BigInt(expected[order]), "rowOf", salt, order, ids, ids.length - length, ids.length);
    }
    const sums = ({ root, total, distinct }: { root: Hex; total: number; distinct: number }) => ({
      hash: root,
      sums: (BigInt(total) << 32n) | BigInt(distinct),
    });
    for (const { columns, opening, before, after } of rows) {
      const counted = await call("countOne", opening, columns - 1, columns);
      assert.deepEqual(counted, [{ before: sums(before), counted: sums(after) }, BigInt(opening.length / 2 - 1)]);
    }
    for (const { root, first, tokens, siblings } of ranges) {
      await is(true, "verifyRange", root, first, tokens, siblings);
      await is(false, "verifyRange", root, first + 1, tokens, siblings);
      await is(false, "verifyRange", zeroHash, first, tokens, siblings);
      await is(false, "verifyRange", root, first, tokens.slice(1), siblings);
      await is(false, "verifyRange", root, first, [...tokens, 0], siblings);
      await is(false, "verifyRange", root, first, [], siblings);
      await is(false, "verifyRange", root, first, tokens, [...siblings, zeroHash]);
      await is(false, "verifyRange", root, first, tokens, siblings.slice(0, -1));
      await is(false, "verifyRange", root, first + 2 ** 24, tokens, siblings);
      for (const at of tokens.keys())
        await is(
          false,
          "verifyRange",
          root,
          first,
          tokens.map((id: number, i: number) => (i === at ? (id ^ 1) >>> 0 : id)),
          siblings,
        );
    }
  });

  test("what a segment learns, and who may teach it", async () => {
    const { body, operators, memory, orders, start, first, count, root } = golden.memories.learn;
    const read = (bytes: Hex, author: Address) => call("readLearn", bytes, author) as Promise<Record<string, unknown>>;
    for (const author of operators) {
      const learn = await read(body, author);
      assert.deepEqual(
        [learn.memoryId, learn.orders, learn.start, learn.first, learn.count, learn.contextRoot, learn.mayTeach],
        [memory, toHex(Uint8Array.from(orders)), BigInt(start), BigInt(first), BigInt(count), root, true],
      );
    }
    assert.equal((await read(body, golden.header.operator)).mayTeach, operators.includes(golden.header.operator));
    assert.equal((await read(body, `0x${"11".repeat(20)}`)).mayTeach, false);
    const at = (offset: number, bytes: string) =>
      `${body.slice(0, 2 + 2 * offset)}${bytes}${body.slice(2 + 2 * offset + bytes.length)}` as Hex;
    const stated = body.length / 2 - 1 - 48;
    for (const [field, wrong] of [
      ["length", body.slice(0, -2)],
      ["length", `${body}00`],
      ["length", body.slice(0, 2 + 2 * 60)],
      ["columns", at(45, "00000000")],
      ["columns", at(45, "00040001")],
      ["orders", at(49, "00")],
      ["orders", at(49, "09")],
      ["orders", at(50, "0202")],
      ["orders", at(57, "09")],
      ["writers", at(90, "21")],
      ["first", at(stated + 4, "00000004")],
      ["count", at(stated + 8, "00000000")],
      ["count", at(stated + 8, "00000009")],
    ] as [string, Hex][])
      await assert.rejects(
        read(wrong, operators[0]),
        new RegExp(`LearnSnapshotInvalid\\(string field\\)\\s+\\(${field}\\)`),
        field,
      );
  });

  test("leaves of a model's manifest, and tiles of its weights and tables", async () => {
    const { root, leaves, proofs, tiles, manifest } = golden.models;
    const [model, tile] = [MODEL_TREE.model, MODEL_TREE.tiles];
    const provesIn = async ({ tag, depth }: Kind, root: Hex, leaf: Hex, index: number, siblings: readonly Hex[]) => {
      await is(root, "rootOf", tag, depth, leaf, index, siblings);
      assert.notEqual(await call("rootOf", tag, depth, leaf, index ^ 1, siblings), root);
      assert.notEqual(await call("rootOf", tag ^ 3, depth, leaf, index, siblings), root);
    };
    for (const { index, leaf, siblings } of proofs) {
      await is(leaf, "leaf", model.tag, leaves[index]);
      await provesIn(model, root, leaf, index, siblings);
    }
    for (const { number, data, leaf, siblings } of tiles) {
      await is(leaf, "leaf", tile.tag, data);
      await provesIn(tile, manifest.tilesRoot, leaf, number, siblings);
    }
  });

  test("a token proves into a checkpoint in two steps", async () => {
    const { receipt, checkpoint, segments } = golden.world;
    const segment = segments[receipt.segmentIndex];
    const snapshot = segment.snapshots[receipt.snapshotIndex - 2];
    await proves(kindOf("segments"), checkpoint.segmentsRoot, segment.leaf, receipt.segmentIndex, receipt.segmentProof);
    const closing = segment.snapshots[receipt.snapshotIndex];
    await proves(
      kindOf("snapshots"),
      segment.header.snapshotsRoot,
      closing.leaf,
      receipt.snapshotIndex,
      receipt.snapshotProof,
    );
    const ids = [32, 33, 2 ** 32 - 1];
    for (const [i, id] of ids.entries()) await is(id, "tokenAt", snapshot.body, 8 + i);
    await assert.rejects(call("tokenAt", snapshot.body, 11), /TokensSnapshotPositionOutOfRange/);
    await assert.rejects(call("tokenAt", closing.body, 8), /TokensSnapshotWrongLength/);
    const [opening] = segments[receipt.segmentIndex - 1].snapshots;
    await assert.rejects(call("tokenAt", opening.body, 8), /TokensSnapshotWrongKind/);
  });
});

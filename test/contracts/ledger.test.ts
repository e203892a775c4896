import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { encodeFunctionData, type Hex, keccak256, parseEventLogs, toHex, zeroHash } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { parseReceipt, proveReceipt } from "../../scripts/read-checkpoint.ts";
import { found, type Operator, openWorld, operatorAt, prepareJoin, reverts, setOf, type World } from "./fixture.ts";
import {
  attest,
  type Checkpoint,
  checkpointHash,
  commitCall,
  nextCheckpoint,
  story,
  tokensBody,
  withHighS,
} from "./quorum.ts";

const turn = keccak256(toHex("a turn"));
const tokens = [0, 258, 65_535, 4_294_967_295];

describe("CheckpointLedger", () => {
  let world: World;
  let operators: Operator[];
  let set: bigint[];
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld();
    operators = await found(world, 4);
    set = setOf(operators);
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const commit = async (changes: Partial<Checkpoint> = {}, signers = operators, members = set) => {
    const checkpoint = await nextCheckpoint(world, changes);
    return commitCall(world, checkpoint, members, await attest(world, checkpoint, signers));
  };

  test("a quorum commits: attested at once, final after the window and its parent", async () => {
    const checkpoint = await nextCheckpoint(world);
    const hash = checkpointHash(world, checkpoint);
    const call = commitCall(world, checkpoint, set, await attest(world, checkpoint, operators.slice(0, 3)));
    const { logs } = await world.send(call);
    const [event] = parseEventLogs({ abi: world.ledger.abi, logs, eventName: "CheckpointCommitted" });
    const signedStake = operators.slice(0, 3).reduce((sum, { stake }) => sum + stake, 0n);
    assert.deepEqual({ ...event?.args }, { number: 1n, hash, checkpoint, signedStake });

    const { chain, ledger } = world;
    assert.deepEqual(await chain.readContract({ ...ledger, functionName: "latestAttested" }), [1n, hash]);
    assert.equal((await chain.readContract({ ...ledger, functionName: "latestFinal" }))[0], 0n);
    const record = await chain.readContract({ ...ledger, functionName: "checkpoint", args: [1n] });
    const { challengeWindowSeconds } = world.deployment.parameters;
    assert.equal(record.challengeWindow, challengeWindowSeconds);
    assert.equal(record.finalAt, record.committedAt + BigInt(challengeWindowSeconds));
    assert.equal(record.registryPosition, checkpoint.registryPosition);
    await world.pass(challengeWindowSeconds - 1);
    assert.equal(await chain.readContract({ ...ledger, functionName: "isFinal", args: [1n] }), false);
    await world.pass(1);
    assert.equal(await chain.readContract({ ...ledger, functionName: "isFinal", args: [1n] }), true);
    assert.deepEqual(await chain.readContract({ ...ledger, functionName: "latestFinal" }), [1n, hash]);
  });

  test("what does not exist is neither final nor known", async () => {
    const { chain, ledger } = world;
    assert.equal(await chain.readContract({ ...ledger, functionName: "isFinal", args: [1n] }), false);
    assert.equal(await chain.readContract({ ...ledger, functionName: "finalizedAt", args: [1n] }), 0n);
    assert.equal(await chain.readContract({ ...ledger, functionName: "checkpointHash", args: [1n] }), zeroHash);
    await reverts(world, { ...ledger, functionName: "checkpoint", args: [1n] }, "CheckpointLedgerUnknown", [1n]);
  });

  test("the domain is what the deployment says", async () => {
    const domain = await world.chain.readContract({ ...world.ledger, functionName: "eip712Domain" });
    const { name, version, chainId, verifyingContract } = world.deployment.domain;
    assert.deepEqual(domain.slice(1, 5), [name, version, BigInt(chainId), verifyingContract]);
  });

  test("commit refuses wrong numbers, parents, registry positions, sets and roots", async () => {
    await reverts(world, await commit({ number: 2n }), "CheckpointLedgerWrongNumber", [1n, 2n]);
    await reverts(world, await commit({ parent: zeroHash }), "CheckpointLedgerWrongParent");
    await reverts(world, await commit({ registryHash: keccak256("0x01") }), "CheckpointLedgerRegistryMismatch");
    await reverts(world, await commit({ registryPosition: 99n }), "CheckpointLedgerRegistryMismatch", [
      99n,
      zeroHash,
      zeroHash,
    ]);
    await reverts(world, await commit({ registryPosition: 4n }), "CheckpointLedgerStalePosition", [4n, 5n]);
    await reverts(world, await commit({}, operators, set.slice(1)), "CheckpointLedgerSetMismatch");
    for (const root of ["cutRoot", "segmentsRoot", "memoryRoot", "memoryTraceRoot"] as const) {
      await reverts(world, await commit({ [root]: zeroHash }), "CheckpointLedgerZeroRoot");
    }
    await reverts(world, await commit({ segmentCount: 65_537 }), "CheckpointLedgerTooMany", [0n, 65_537n]);
    await reverts(world, await commit({ entryCount: 2 ** 24 + 1 }), "CheckpointLedgerTooMany");
  });

  test("a position never falls below the parent's", async () => {
    await world.send(await prepareJoin(world, operatorAt(world, 4)));
    await world.send(await commit());
    await reverts(world, await commit({ registryPosition: 5n }), "CheckpointLedgerStalePosition", [5n, 6n]);
    await world.send(await commit({ registryPosition: 6n }));
  });

  test("signatures are 65 bytes, of members, ascending, once each, with low s", async () => {
    const checkpoint = await nextCheckpoint(world);
    const all = await attest(world, checkpoint, operators);
    const [a, b, c, d] = all as [Hex, Hex, Hex, Hex];
    const call = (...signatures: Hex[]) => commitCall(world, checkpoint, set, signatures);
    await reverts(world, call(a, b, `${c}00`), "CheckpointLedgerSignaturesLength", [196n]);
    await reverts(world, call(a, b, b, c, d), "CheckpointLedgerUnexpectedSigner");
    await reverts(world, call(b, a, c, d), "CheckpointLedgerUnexpectedSigner");
    const stranger = { ...operatorAt(world, 9), signer: privateKeyToAccount(keccak256(toHex("stranger"))) };
    const [foreign] = (await attest(world, checkpoint, [stranger])) as [Hex];
    await reverts(world, call(a, b, c, d, foreign), "CheckpointLedgerUnexpectedSigner", [stranger.signer.address]);
    await reverts(world, call(a, b, withHighS(c), d), "ECDSAInvalidSignatureS");
    await reverts(world, call(a, b, `0x${"00".repeat(65)}`), "ECDSAInvalidSignature");
    const total = operators.reduce((sum, { stake }) => sum + stake, 0n);
    await reverts(world, call(), "CheckpointLedgerNoQuorum", [0n, total]);
    await reverts(world, call(a, d), "CheckpointLedgerNoQuorum", [total / 2n, total]);
    await world.send(call(a, c, d));
  });

  test("exactly two thirds of the stake is no quorum", async () => {
    const fresh = await openWorld({ minOperators: 3 });
    try {
      const three = await found(fresh, 3);
      const checkpoint = await nextCheckpoint(fresh);
      const signatures = await attest(fresh, checkpoint, three.slice(0, 2));
      await reverts(fresh, commitCall(fresh, checkpoint, setOf(three), signatures), "CheckpointLedgerNoQuorum");
    } finally {
      await fresh.close();
    }
  });

  test("a snapshot proves at exactly its indices, and its tokens reach a contract when final", async () => {
    const [author] = operators as [Operator];
    const { segmentsRoot, proof } = story(world, author.owner, tokensBody(turn, 7, tokens), 3, 2);
    await world.send(await commit({ segmentsRoot, segmentCount: 4 }));
    const verify = (changes: Partial<typeof proof> = {}) =>
      world.chain.readContract({ ...world.ledger, functionName: "verifySnapshot", args: [{ ...proof, ...changes }] });
    assert.equal(await verify(), true);
    const wrong: Partial<typeof proof>[] = [
      { number: 0n },
      { number: 2n },
      { segmentIndex: 1 },
      { segmentIndex: 2 + 65_536 },
      { snapshotIndex: 2 },
      { snapshotIndex: 3 + 256 },
      { salt: `0x${"00".repeat(16)}` },
      { body: tokensBody(turn, 8, tokens) },
      { header: { ...proof.header, sequence: 2n } },
      { header: { ...proof.header, snapshotCount: 3 } },
      { segmentProof: proof.segmentProof.slice(1) },
      { snapshotProof: [...proof.snapshotProof, zeroHash] },
    ];
    for (const change of wrong) assert.equal(await verify(change), false, JSON.stringify(Object.keys(change)));

    const prove = (position: number, token: number, changes: Partial<typeof proof> = {}) => ({
      ...world.consumer,
      functionName: "prove",
      args: [{ ...proof, ...changes }, position, token],
    });
    await reverts(world, prove(8, 258), "TokenConsumerNotFinal", [1n]);
    await world.pass(world.deployment.parameters.challengeWindowSeconds);
    await reverts(world, prove(8, 258, { number: 9n }), "TokenConsumerNotFinal", [9n]);
    await reverts(world, prove(8, 258, { snapshotIndex: 4 }), "TokenConsumerNotIncluded", [1n, 2, 4]);
    await reverts(world, prove(8, 259), "TokenConsumerUnexpectedToken", [8, 259, 258]);
    await reverts(world, prove(6, 0), "TokensSnapshotPositionOutOfRange", [6n, 7n, 4n]);
    await reverts(world, prove(11, 0), "TokensSnapshotPositionOutOfRange", [11n, 7n, 4n]);
    const args = [proof] as const;
    const run = await world.chain.readContract({ ...world.reader, functionName: "proveTokens", args });
    assert.deepEqual([run.turn, run.first, run.kind, run.ids], [turn, 7, 3, tokens]);
    assert.equal(run.place.operator, author.owner);
    const foreign = { ...world.reader, functionName: "locate", args: [{ ...proof, snapshotIndex: 4 }] };
    await reverts(world, foreign, "WeftReaderNotIncluded", [1n, 2, 4]);
    for (const [i, token] of tokens.entries()) {
      const { gas, logs } = await world.send(prove(7 + i, token));
      const [event] = parseEventLogs({ abi: world.consumer.abi, logs, eventName: "TokenProven" });
      const expected = { turn, position: 7 + i, operator: author.owner, token, tokenKind: 3, checkpoint: 1n };
      assert.deepEqual({ ...event?.args }, expected);
      if (i === 0) console.log(`gas: consumer prove ${gas}`);
    }
    await reverts(world, prove(8, 258), "TokenConsumerAlreadyProven", [turn, 8]);
    const stored = await world.chain.readContract({ ...world.consumer, functionName: "tokenOf", args: [turn, 8] });
    assert.deepEqual(stored, { operator: author.owner, checkpoint: 1n, token: 258, tokenKind: 3 });
    const data = encodeFunctionData({ abi: world.ledger.abi, functionName: "verifySnapshot", args: [proof] });
    const gas = await world.chain.estimateGas({ to: world.ledger.address, data });
    console.log(`gas: verifySnapshot ${gas}`);
  });

  test("a receipt from a file is checked and proven by the script", async () => {
    const [author] = operators as [Operator];
    const { segmentsRoot, proof } = story(world, author.owner, tokensBody(turn, 7, tokens), 3, 2);
    await world.send(await commit({ segmentsRoot, segmentCount: 4 }));
    const file = { ...proof, position: 9, token: 65_535 };
    const text = JSON.stringify(file, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    const receipt = parseReceipt(JSON.parse(text));
    const sender = await world.connection.account();
    const early = await proveReceipt(world.deployment, receipt, sender);
    assert.deepEqual([early.included, early.final, early.proven], [true, false, undefined]);
    await world.pass(world.deployment.parameters.challengeWindowSeconds);
    const { proven } = await proveReceipt(world.deployment, receipt, sender);
    assert.equal(proven?.turn, turn);
    assert.equal(proven?.tokenKind, 3n);
    const again = proveReceipt(world.deployment, receipt, sender);
    await assert.rejects(again, new RegExp(`TokenConsumerAlreadyProven\\(${turn}, 9\\)`));
  });

  test("a commit by the smallest quorum of four costs no more than 140k gas", async () => {
    await world.send(await commit());
    const all = await world.send(await commit({ cutRoot: keccak256("0x02"), segmentCount: 7, entryCount: 4 }));
    const { gas } = await world.send(await commit({ memoryRoot: keccak256("0x02") }, operators.slice(1)));
    console.log(`gas: commit with 3 of 4 signers ${gas}, with all of them ${all.gas}`);
    assert.ok(gas <= 140_000n, `${gas}`);
  });

  test("a commit by sixteen signers costs no more than 230k gas", async () => {
    const fresh = await openWorld();
    try {
      const many = await found(fresh, 16);
      const attested = async (changes: Partial<Checkpoint> = {}) => {
        const checkpoint = await nextCheckpoint(fresh, changes);
        return commitCall(fresh, checkpoint, setOf(many), await attest(fresh, checkpoint, many));
      };
      await fresh.send(await attested());
      const { gas } = await fresh.send(await attested({ cutRoot: keccak256("0x02") }));
      console.log(`gas: commit with 16 signers ${gas}`);
      assert.ok(gas <= 230_000n, `${gas}`);
    } finally {
      await fresh.close();
    }
  });
});

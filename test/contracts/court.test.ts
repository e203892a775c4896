import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { type Address, type Hex, keccak256, parseEventLogs, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  consent,
  found,
  type Header,
  headerHash,
  type Operator,
  openWorld,
  reverts,
  setOf,
  type World,
} from "./fixture.ts";
import { attest, commitCall, header, nextCheckpoint, signHeader, withHighS } from "./quorum.ts";

describe("EquivocationCourt", () => {
  let world: World;
  let operators: Operator[];
  let set: bigint[];
  let culprit: Operator;
  let a: Header;
  let b: Header;
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld();
    operators = await found(world, 5);
    set = setOf(operators);
    culprit = operators[1] as Operator;
    a = header(culprit.owner);
    b = { ...a, snapshotsRoot: keccak256("0x02") };
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const convict = (x: Header, sigX: Hex, y: Header, sigY: Hex, members = set) => ({
    ...world.court,
    functionName: "convict",
    args: [x, sigX, y, sigY, members],
  });
  const evidence = async (members = set) =>
    convict(a, await signHeader(world, culprit, a), b, await signHeader(world, culprit, b), members);
  const without = () => setOf(operators.filter((o) => o !== culprit));

  test("two headers at one place: out of the set at once, stake burnt, small bounty", async () => {
    const supply = await world.chain.readContract({ ...world.token, functionName: "totalSupply" });
    const { gas, logs } = await world.send(await evidence());
    console.log(`gas: convict in a set of 5 ${gas}`);
    const [proven] = parseEventLogs({ abi: world.court.abi, logs, eventName: "EquivocationProven" });
    assert.equal(proven?.args.hashA, headerHash(world.deployment, a));
    assert.equal(proven?.args.hashB, headerHash(world.deployment, b));
    const [conviction] = parseEventLogs({ abi: world.registry.abi, logs, eventName: "OperatorConvicted" });
    assert.equal(conviction?.args.operator, culprit.owner);
    assert.equal(conviction?.args.court, world.court.address);
    assert.deepEqual(conviction?.args.set, without());
    const record = () =>
      world.chain.readContract({ ...world.registry, functionName: "operatorOf", args: [culprit.owner] });
    assert.equal((await record()).reporter, world.accounts[0]);
    const bounty = BigInt(world.deployment.parameters.bounty);
    const settle = { ...world.registry, functionName: "settle", args: [culprit.owner] };
    const settled = await world.send({ ...settle, account: world.accounts[9] as Address });
    const [slashed] = parseEventLogs({ abi: world.registry.abi, logs: settled.logs, eventName: "StakeSlashed" });
    const burned = culprit.stake - bounty;
    assert.deepEqual({ ...slashed?.args }, { operator: culprit.owner, reporter: world.accounts[0], burned, bounty });
    const left = await world.chain.readContract({ ...world.token, functionName: "totalSupply" });
    assert.equal(supply - left, burned);
    assert.equal((await record()).stake, 0n);
    await reverts(world, settle, "OperatorRegistrySettled", [culprit.owner]);
    await reverts(world, await evidence(without()), "EquivocationCourtNotSlashable", [culprit.signer.address]);
    for (const functionName of ["requestExit", "withdraw"]) {
      await reverts(world, { ...world.registry, functionName, account: culprit.owner }, "OperatorRegistryWrongStatus");
    }
    const fresh = privateKeyToAccount(keccak256(toHex("fresh")));
    const args = [fresh.address, "h:1", culprit.stake, await consent(world, culprit.owner, fresh)];
    const join = { ...world.registry, functionName: "join", args, account: culprit.owner };
    await reverts(world, join, "OperatorRegistryWrongStatus", [culprit.owner, 6]);
  });

  test("a checkpoint that was judged before a conviction is refused after it", async () => {
    const before = await nextCheckpoint(world);
    const signatures = await attest(world, before, operators);
    await world.send(await evidence());
    const call = commitCall(world, before, set, signatures);
    await reverts(world, call, "CheckpointLedgerStalePosition", [
      before.registryPosition,
      before.registryPosition + 1n,
    ]);
    const next = await nextCheckpoint(world);
    const honest = operators.filter((o) => o !== culprit);
    await world.send(commitCall(world, next, without(), await attest(world, next, honest)));
  });

  test("it refuses what is no evidence", async () => {
    const sigA = await signHeader(world, culprit, a);
    const sigB = await signHeader(world, culprit, b);
    const [other] = operators as [Operator];
    for (const change of [
      { operator: other.owner },
      { incarnation: `0x${"cd".repeat(16)}` as Hex },
      { sequence: 2n },
    ]) {
      const elsewhere = { ...b, ...change };
      const signature = await signHeader(world, culprit, elsewhere);
      await reverts(world, convict(a, sigA, elsewhere, signature), "EquivocationCourtDifferentPlaces");
    }
    await reverts(world, convict(a, sigA, a, sigA), "EquivocationCourtSameHeader");
    await reverts(world, convict(a, sigA, b, await signHeader(world, other, b)), "EquivocationCourtForeignSigner", [
      other.signer.address,
      culprit.owner,
    ]);
    const stranger = { ...other, signer: privateKeyToAccount(keccak256(toHex("stranger"))) };
    await reverts(world, convict(a, await signHeader(world, stranger, a), b, sigB), "EquivocationCourtForeignSigner");
    await reverts(world, convict(a, sigB, b, sigB), "EquivocationCourtForeignSigner");
    await reverts(world, convict(a, withHighS(sigA), b, sigB), "ECDSAInvalidSignatureS");
    await reverts(world, convict(a, "0x", b, sigB), "ECDSAInvalidSignatureLength");
    await reverts(world, await evidence(set.slice(1)), "OperatorRegistrySetMismatch");
  });

  test("a retired key convicts its operator, beside the new one, as long as there is stake", async () => {
    const key = privateKeyToAccount(keccak256(toHex("next key")));
    const args = [key.address, await consent(world, culprit.owner, key)];
    await world.send({ ...world.registry, functionName: "rotateSigner", args, account: culprit.owner });
    await world.pass(1);
    await world.send({ ...world.registry, functionName: "activateEpoch", args: [set] });
    const rotated = { ...culprit, signer: key };
    const members = setOf(operators.map((o) => (o === culprit ? rotated : o)));
    const mixed = convict(a, await signHeader(world, culprit, a), b, await signHeader(world, rotated, b), members);
    const back = await world.remember();
    await world.send(mixed);
    await back();
    // Workers take what a retired key signs whenever it comes, so it costs whenever it comes.
    await world.pass(3 * world.deployment.parameters.unbondingSeconds);
    await world.send(await evidence(members));
    await reverts(world, await evidence(without()), "EquivocationCourtNotSlashable", [culprit.signer.address]);
  });

  test("an operator convicts as long as its stake is here: leaving, left, and not after it withdrew", async () => {
    await world.send({ ...world.registry, functionName: "requestExit", account: culprit.owner });
    const leaving = await world.remember();
    await world.send(await evidence());
    await leaving();
    await world.pass(1);
    await world.send({ ...world.registry, functionName: "activateEpoch", args: [set] });
    const left = await world.remember();
    await world.send(await evidence(without()));
    await left();
    await world.pass(world.deployment.parameters.unbondingSeconds);
    await world.send({ ...world.registry, functionName: "withdraw", account: culprit.owner });
    await reverts(world, await evidence(without()), "EquivocationCourtNotSlashable");
  });

  test("changes that a convicted operator had queued are void", async () => {
    await world.send({ ...world.registry, functionName: "requestExit", account: culprit.owner });
    await world.send(await evidence());
    await world.pass(1);
    const { logs } = await world.send({ ...world.registry, functionName: "activateEpoch", args: [without()] });
    const [event] = parseEventLogs({ abi: world.registry.abi, logs, eventName: "EpochActivated" });
    assert.deepEqual(event?.args.set, without());
  });
});

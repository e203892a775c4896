import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import {
  type Address,
  encodeAbiParameters,
  type Hex,
  keccak256,
  parseAbiParameters,
  parseEventLogs,
  toHex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  consent,
  found,
  type Operator,
  openWorld,
  operatorAt,
  prepareJoin,
  reverts,
  setOf,
  type World,
} from "./fixture.ts";

const STATUS = { none: 0, pending: 1, active: 2, exiting: 3, left: 4, withdrawn: 5, convicted: 6 };
const stranger = privateKeyToAccount(keccak256(toHex("stranger")));

describe("OperatorRegistry", () => {
  let world: World;
  let operators: Operator[];
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld({ maxOperators: 6, maxChangesPerEpoch: 2 });
    operators = await found(world, 4);
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const call = (functionName: string, args: unknown[], account?: Address) => ({
    ...world.registry,
    functionName,
    args,
    ...(account === undefined ? {} : { account }),
  });
  const read = <T>(functionName: string, args: unknown[] = []) =>
    world.chain.readContract({ ...world.registry, functionName, args } as never) as Promise<T>;
  const statusOf = async (o: Operator) => (await read<{ status: number }>("operatorOf", [o.owner])).status;
  const rotation = async (o: Operator, key = stranger) =>
    call("rotateSigner", [key.address, await consent(world, o.owner, key)], o.owner);

  test("the first set is every operator that joined, sorted", async () => {
    const set = setOf(operators);
    const packed = `0x${set.map((word) => word.toString(16).padStart(64, "0")).join("")}` as Hex;
    assert.equal(await read("setHash"), keccak256(packed));
    assert.equal(await read("epoch"), 1n);
    for (const operator of operators) assert.equal(await statusOf(operator), STATUS.active);
  });

  test("S11: positions hash to what the events say, from the chain and the address on", async () => {
    const [first] = operators as [Operator];
    await world.send(await rotation(first));
    await world.send(call("requestExit", [], operators[1]?.owner));
    await world.pass(1);
    await world.send(call("activateEpoch", [setOf(operators)]));
    const logs = await world.chain.getLogs({ address: world.registry.address, fromBlock: 0n });
    const events = parseEventLogs({ abi: world.registry.abi, logs });
    let hash = keccak256(
      encodeAbiParameters(parseAbiParameters("bytes32, uint256, address"), [
        keccak256(toHex("Weft registry")),
        BigInt(world.deployment.chainId),
        world.registry.address,
      ]),
    );
    assert.equal(await read("positionHash", [0n]), hash);
    let position = 0n;
    for (const { eventName, args } of events) {
      let entry: [number, Hex];
      if (eventName === "OperatorJoined") {
        const { operator, signer, stake } = args;
        entry = [1, encodeAbiParameters(parseAbiParameters("address, address, uint96"), [operator, signer, stake])];
      } else if (eventName === "SignerRotated") {
        const { operator, oldSigner, newSigner } = args;
        const types = parseAbiParameters("address, address, address");
        entry = [2, encodeAbiParameters(types, [operator, oldSigner, newSigner])];
      } else if (eventName === "ExitRequested") {
        entry = [3, encodeAbiParameters(parseAbiParameters("address"), [args.operator])];
      } else if (eventName === "EpochActivated") {
        entry = [4, encodeAbiParameters(parseAbiParameters("uint64, bytes32"), [args.epoch, args.setHash])];
      } else continue;
      position += 1n;
      hash = keccak256(
        encodeAbiParameters(parseAbiParameters("bytes32, uint64, uint8, bytes32"), [
          hash,
          position,
          entry[0],
          keccak256(entry[1]),
        ]),
      );
      assert.equal(args.position, position);
      assert.equal(args.positionHash, hash);
      assert.equal(await read("positionHash", [position]), hash);
    }
    assert.equal(position, 8n);
    assert.equal(await read("position"), position);
    assert.equal(await read("lastSetPosition"), position);
    assert.equal(await read("positionHash", [position + 1n]), `0x${"0".repeat(64)}`);
  });

  test("join refuses small stakes, bad endpoints, taken keys, foreign keys and a second time", async () => {
    const fifth = operatorAt(world, 4);
    const [first] = operators as [Operator];
    const good = await prepareJoin(world, fifth);
    const [signer, endpoint, stake, proof] = good.args as [Address, string, bigint, Hex];
    const { minStake } = world.deployment.parameters;
    const join = (...args: unknown[]) => ({ ...good, args });
    await reverts(world, join(signer, endpoint, stake - 1n, proof), "OperatorRegistryStakeTooSmall", [
      stake - 1n,
      BigInt(minStake),
    ]);
    await reverts(world, join(signer, "", stake, proof), "OperatorRegistryInvalidEndpoint", [0n, 255n]);
    await reverts(world, join(signer, "x".repeat(256), stake, proof), "OperatorRegistryInvalidEndpoint", [256n, 255n]);
    await reverts(world, join(first.signer.address, endpoint, stake, proof), "OperatorRegistrySignerTaken");
    await reverts(world, join(stranger.address, endpoint, stake, proof), "OperatorRegistryNoConsent");
    const toSomebodyElse = await consent(world, first.owner, fifth.signer);
    await reverts(world, join(signer, endpoint, stake, toSomebodyElse), "OperatorRegistryNoConsent", [signer]);
    await reverts(world, join(signer, endpoint, stake, "0x1234"), "ECDSAInvalidSignatureLength");
    await world.send(good);
    await reverts(world, good, "OperatorRegistryWrongStatus", [fifth.owner, STATUS.pending]);
    await world.send(await prepareJoin(world, operatorAt(world, 5)));
    await reverts(world, await prepareJoin(world, operatorAt(world, 6)), "OperatorRegistryFull", [6n]);
  });

  test("an epoch needs the current set, its time and something to do", async () => {
    const set = setOf(operators);
    await world.send(await prepareJoin(world, operatorAt(world, 4)));
    await reverts(world, call("activateEpoch", [set.slice(1)]), "OperatorRegistrySetMismatch");
    await world.pass(1);
    await world.send(call("activateEpoch", [set]));
    const five = setOf([...operators, operatorAt(world, 4)]);
    await world.send(await prepareJoin(world, operatorAt(world, 5)));
    await world.pass(1);
    await world.send(call("activateEpoch", [five]));
    const six = setOf([...operators, operatorAt(world, 4), operatorAt(world, 5)]);
    await reverts(world, call("activateEpoch", [six]), "OperatorRegistryEpochTooEarly");
    await world.pass(1);
    await reverts(world, call("activateEpoch", [six]), "OperatorRegistryNothingPending");
  });

  test("a rotated key is listed from the next epoch; one rotation at a time", async () => {
    const [first, second] = operators as [Operator, Operator];
    await reverts(world, await rotation(operatorAt(world, 9)), "OperatorRegistryWrongStatus");
    await reverts(world, await rotation(first, second.signer), "OperatorRegistrySignerTaken");
    await reverts(
      world,
      call("rotateSigner", [stranger.address, await consent(world, second.owner, stranger)], first.owner),
      "OperatorRegistryNoConsent",
    );
    await world.send(await rotation(first));
    const other = privateKeyToAccount(keccak256(toHex("another")));
    await reverts(world, await rotation(first, other), "OperatorRegistryRotationPending", [first.owner]);
    await world.pass(1);
    await world.send(call("activateEpoch", [setOf(operators)]));
    const rotated = operators.map((o) => (o === first ? { ...o, signer: stranger } : o));
    await reverts(world, call("activateEpoch", [setOf(operators)]), "OperatorRegistrySetMismatch");
    await world.send(await rotation(rotated[0] as Operator, other));
    assert.equal(await read("operatorOfSigner", [first.signer.address]), first.owner);
    await reverts(world, await rotation(second, first.signer), "OperatorRegistrySignerTaken");
  });

  test("nobody rotates before it is listed, so positions cannot be made without end", async () => {
    const fifth = operatorAt(world, 4);
    await world.send(await prepareJoin(world, fifth));
    await reverts(world, await rotation(fifth), "OperatorRegistryWrongStatus", [fifth.owner, STATUS.pending]);
    await world.pass(1);
    await world.send(call("activateEpoch", [setOf(operators)]));
    await world.send(await rotation(fifth));
  });

  test("an operator that leaves stays slashable until its stake has unbonded", async () => {
    const [first] = operators as [Operator];
    await reverts(world, call("withdraw", [], first.owner), "OperatorRegistryWrongStatus");
    await world.send(call("requestExit", [], first.owner));
    await reverts(world, call("requestExit", [], first.owner), "OperatorRegistryWrongStatus");
    await reverts(world, await rotation(first), "OperatorRegistryWrongStatus", [first.owner, STATUS.exiting]);
    await world.pass(1);
    await world.send(call("activateEpoch", [setOf(operators)]));
    assert.equal(await statusOf(first), STATUS.left);
    assert.equal(await read("isSlashable", [first.signer.address]), true);
    await reverts(world, call("withdraw", [], first.owner), "OperatorRegistryUnbonding");
    await reverts(world, call("setEndpoint", ["h:1"], first.owner), "OperatorRegistryWrongStatus");
    await world.pass(world.deployment.parameters.unbondingSeconds);
    await world.send(call("withdraw", [], first.owner));
    assert.equal(
      await world.chain.readContract({ ...world.token, functionName: "balanceOf", args: [first.owner] }),
      first.stake,
    );
    assert.equal(await read("isSlashable", [first.signer.address]), false);
    await reverts(world, call("withdraw", [], first.owner), "OperatorRegistryWrongStatus");
    const again = await prepareJoin(world, { ...first, signer: stranger });
    await reverts(world, again, "OperatorRegistryWrongStatus", [first.owner, STATUS.withdrawn]);
  });

  test("whoever leaves before it was listed gets its stake back after unbonding", async () => {
    const fifth = operatorAt(world, 4);
    await world.send(await prepareJoin(world, fifth));
    await world.send(call("requestExit", [], fifth.owner));
    await world.pass(1);
    await world.send(call("activateEpoch", [setOf(operators)]));
    assert.equal(await statusOf(fifth), STATUS.left);
    await world.pass(world.deployment.parameters.unbondingSeconds);
    await world.send(call("withdraw", [], fifth.owner));
  });

  test("endpoints are announced by whoever takes part", async () => {
    const [first] = operators as [Operator];
    const { logs } = await world.send(call("setEndpoint", ["[::1]:9001"], first.owner));
    const [event] = parseEventLogs({ abi: world.registry.abi, logs, eventName: "EndpointChanged" });
    assert.deepEqual({ ...event?.args }, { operator: first.owner, endpoint: "[::1]:9001" });
    await reverts(world, call("setEndpoint", ["x".repeat(256)], first.owner), "OperatorRegistryInvalidEndpoint");
    await reverts(world, call("setEndpoint", ["h:1"]), "OperatorRegistryWrongStatus");
  });

  test("only courts slash, and nothing is settled without a conviction", async () => {
    const [first] = operators as [Operator];
    const args = [first.owner, first.owner, setOf(operators)];
    await reverts(world, call("slash", args), "AccessManagedUnauthorized", [world.accounts[0]]);
    await reverts(world, call("settle", [first.owner]), "OperatorRegistryWrongStatus", [first.owner, STATUS.active]);
  });

  test("the first activation waits for enough operators", async () => {
    const fresh = await openWorld();
    try {
      const activate = { ...fresh.registry, functionName: "activateEpoch", args: [[]] };
      for (let i = 0; i < 3; i++) await fresh.send(await prepareJoin(fresh, operatorAt(fresh, i)));
      await reverts(fresh, activate, "OperatorRegistryTooFewOperators", [3n, 4n]);
      await fresh.send(await prepareJoin(fresh, operatorAt(fresh, 3)));
      await fresh.send({ ...fresh.registry, functionName: "requestExit", account: operatorAt(fresh, 0).owner });
      await reverts(fresh, activate, "OperatorRegistryTooFewOperators", [3n, 4n]);
      for (let i = 4; i < 12; i++) await fresh.send(await prepareJoin(fresh, operatorAt(fresh, i)));
      await fresh.send(activate);
      const pending = await fresh.chain.readContract({ ...fresh.registry, functionName: "pendingChanges" });
      assert.equal(pending, 0n, "the first activation is not capped");
    } finally {
      await fresh.close();
    }
  });
});

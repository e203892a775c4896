import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Abi, BaseError, ContractFunctionRevertedError, type Hex } from "viem";
import { commitArgs, convictArgs, toChainEvent } from "../../offchain/chain/convert.ts";
import { fromHex, toHex } from "../../offchain/core/bytes.ts";
import { encodeSet } from "../../offchain/core/registry.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { ROLE } from "../../scripts/deploy/authority.ts";
import { contractOf } from "../../scripts/lib/contracts.ts";
import { openWorld, type World } from "../contracts/fixture.ts";
import { type Call, type ContractState, deploymentOf, genesisState } from "./contract-state.ts";
import { execute } from "./contracts.ts";
import { finalizedAt, isFinal, standing } from "./fate-contract.ts";
import { Random } from "./random.ts";
import { RandomCalls } from "./random-calls.ts";
import { realKeyring } from "./simcrypto.ts";

/** The simulated contracts against the compiled ones: the same calls, the same reverts, the same events. */

const CALLS = 500;
const EPOCH_SECONDS = 1000;
const CHALLENGE_SECONDS = 50;
const UNBONDING_SECONDS = 2500;
const LONGEST_PAUSE_SECONDS = 100;

let world: World;
before(async () => {
  world = await openWorld({
    minOperators: 3,
    maxOperators: 4,
    maxChangesPerEpoch: 2,
    epochDurationSeconds: EPOCH_SECONDS,
    challengeWindowSeconds: CHALLENGE_SECONDS,
    retentionSeconds: 100,
    disputeWindowsSeconds: 40,
    accusationWindowSeconds: 15,
    moveWindowSeconds: 5,
    longestPauseSeconds: LONGEST_PAUSE_SECONDS,
    unbondingSeconds: UNBONDING_SECONDS,
  });
});
after(() => world.close());

function onChain({ registry, ledger, court, guardian }: World, call: Call) {
  switch (call.type) {
    case "join":
      return on(registry, "join", [toHex(call.signer), call.endpoint, call.stake, toHex(call.consent)]);
    case "rotate":
      return on(registry, "rotateSigner", [toHex(call.signer), toHex(call.consent)]);
    case "endpoint":
      return on(registry, "setEndpoint", [call.endpoint]);
    case "exit":
      return on(registry, "requestExit", []);
    case "withdraw":
      return on(registry, "withdraw", []);
    case "settle":
      return on(registry, "settle", [toHex(call.operator)]);
    case "pause":
      return on(guardian, "pause", [BigInt(call.duration)]);
    case "resume":
      return on(guardian, "resume", []);
    case "dispute":
      return on(ledger, "openDispute", [BigInt(call.number), toHex(call.hash)]);
    case "dismiss":
      return on(ledger, "closeDispute", [BigInt(call.number), toHex(call.hash)]);
    case "invalidate":
      return on(guardian, "invalidate", [ledger.address, BigInt(call.number), toHex(call.hash)]);
    case "activate":
      return on(registry, "activateEpoch", [encodeSet(call.set)]);
    case "commit":
      return on(ledger, "commit", commitArgs(call.checkpoint, encodeSet(call.set), call.signatures));
    case "convict":
      return on(court, "convict", convictArgs(call.evidence, encodeSet(call.set)));
  }
}

const on = (
  contract: { address: Hex; abi: Abi | readonly unknown[] },
  functionName: string,
  args: readonly unknown[],
) => ({
  address: contract.address,
  abi: contract.abi as Abi,
  functionName,
  args,
});

/** What the ledger says of its checkpoints is what the simulated one says, of the latest ones after every call. */
async function compareFinality(state: ContractState, time: number, what: string) {
  const { chain, ledger } = world;
  const last = state.checkpoints.length;
  for (let number = Math.max(0, last - 4); number <= last; number++) {
    const args = [BigInt(number)] as const;
    const final = await chain.readContract({ ...ledger, functionName: "isFinal", args });
    assert.equal(final, isFinal({ state, time }, number), `${what}: whether ${number} is final`);
    const at = await chain.readContract({ ...ledger, functionName: "finalizedAt", args });
    assert.equal(at, BigInt(finalizedAt({ state }, number)), `${what}: when ${number} is final`);
    const record = state.checkpoints[number];
    if (!record) continue;
    const { fallen, openDisputes } = await chain.readContract({ ...ledger, functionName: "checkpoint", args });
    assert.deepEqual([fallen, openDisputes], [record.fallen, record.disputes], `${what}: ${number}`);
  }
  const finals = state.checkpoints.flatMap((_, number) => (isFinal({ state, time }, number) ? [number] : []));
  const [latest] = await chain.readContract({ ...ledger, functionName: "latestFinal" });
  assert.equal(Number(latest), finals.at(-1), `${what}: the latest final one`);
  const [attested] = await chain.readContract({ ...ledger, functionName: "latestAttested" });
  assert.equal(Number(attested), standing(state).checkpoint.number, `${what}: the latest one`);
}

const GUARDED = ["pause", "resume", "dispute", "dismiss", "invalidate"];

test("the simulated contracts do what the compiled ones do", async () => {
  const { deployment: real, chain, accounts, registry, ledger, court, guardian, token } = world;
  const random = new Random("evm");
  const { minStake, bounty } = real.parameters;
  const deployment = deploymentOf(
    crypto,
    { chainId: real.chainId, registry: fromHex(registry.address), ledger: fromHex(ledger.address) },
    {
      ...real.parameters,
      minStake: BigInt(minStake),
      bounty: BigInt(bounty),
      epochSeconds: EPOCH_SECONDS,
    },
    { account: fromHex((accounts[0] as Hex).toLowerCase()), longestPauseSeconds: LONGEST_PAUSE_SECONDS },
  );
  // Of courts that open disputes there is none yet: the guardian has their role here.
  const manager = contractOf("AccessManager", real, await world.connection.account());
  await (await manager.getFunction("grantRole")(ROLE.court, accounts[0], 0)).wait();
  const owners = accounts.slice(1, 13).map((account) => fromHex(account.toLowerCase()));
  const funds = BigInt(minStake) * 5n;
  for (const owner of owners) {
    await world.send({ ...token, functionName: "mint", args: [toHex(owner), funds] });
    const approve = { functionName: "approve", args: [registry.address, funds], account: toHex(owner) };
    await world.send({ ...token, ...approve });
  }
  const blockNumber = await chain.readContract({ ...ledger, functionName: "deploymentBlock" });
  const genesis = await chain.getBlock({ blockNumber });
  let state = genesisState(
    deployment,
    owners.map((owner) => [owner, funds]),
    Number(genesis.timestamp),
  );
  const keyring = realKeyring("evm");
  const make = new RandomCalls(random, deployment, owners, keyring.signer);
  const errors = [registry, ledger, court, guardian, token]
    .flatMap(({ abi }) => abi as Abi)
    .filter(({ type }) => type === "error");
  const done = new Map<string, number>();
  for (let i = 0; i < CALLS; i++) {
    if (random.chance(0.2))
      await world.pass(random.pick([10, 40, 60, 110, EPOCH_SECONDS + 200, UNBONDING_SECONDS + 200]));
    const { from, call } = make.next(state);
    const target = onChain(world, call);
    const asked = { ...target, abi: [...target.abi, ...errors], account: toHex(from) };
    const refused = await chain.simulateContract(asked).then(
      () => undefined,
      (error: unknown) => {
        const revert =
          error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : null;
        if (!(revert instanceof ContractFunctionRevertedError)) throw error;
        return revert.data?.errorName ?? revert.signature ?? revert.reason;
      },
    );
    const sent = refused === undefined ? await world.send({ ...target, account: toHex(from) }) : undefined;
    const time = Number((await chain.getBlock()).timestamp);
    const executed = execute(deployment, state, from, call, time);
    assert.equal(executed.revert?.name, refused, `call ${i}, ${call.type}`);
    const said = (sent?.logs ?? []).flatMap((log) => {
      const raw = { ...log, blockNumber: log.blockNumber, logIndex: log.logIndex };
      const event = toChainEvent(crypto, deployment.separator, raw as never, time);
      if (!event) return [];
      const { block, logIndex, ...body } = event;
      return [body];
    });
    assert.deepEqual(executed.events, said, `call ${i}, ${call.type}`);
    const name = refused ? `${call.type}: ${refused}` : call.type;
    done.set(name, (done.get(name) ?? 0) + 1);
    state = executed.state;
    make.learn(state);
    await compareFinality(state, time, `call ${i}, ${call.type}`);
  }
  for (const [account, amount] of state.balances) {
    const of = account === "registry" ? registry.address : (account as Hex);
    assert.equal(await chain.readContract({ ...token, functionName: "balanceOf", args: [of] }), amount, account);
  }
  assert.equal(await chain.readContract({ ...token, functionName: "totalSupply" }), state.minted - state.burnt);
  for (const type of ["join", "rotate", "exit", "withdraw", "activate", "commit", "convict", ...GUARDED])
    assert.ok(done.has(type), `${type} never succeeded: ${[...done].join(" ")}`);
});

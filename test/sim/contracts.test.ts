import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import { Registry } from "../../offchain/core/registry.ts";
import { deploymentOf, genesisState, moneyFault, type Parameters, REGISTRY } from "./contract-state.ts";
import { execute } from "./contracts.ts";
import { isFinal } from "./fate-contract.ts";
import { Random } from "./random.ts";
import { RandomCalls } from "./random-calls.ts";
import { simulatedKeyring } from "./simcrypto.ts";

const PARAMETERS: Parameters = {
  minStake: 1000n,
  bounty: 10n,
  minOperators: 3,
  maxOperators: 6,
  maxChangesPerEpoch: 2,
  epochSeconds: 30,
  unbondingSeconds: 100,
  challengeWindowSeconds: 20,
};

const address = (byte: number) => new Uint8Array(20).fill(byte);

function walk(seed: number, calls: number) {
  const random = new Random(`contracts ${seed}`);
  const keyring = simulatedKeyring(String(seed));
  const at = { chainId: 31337, registry: address(0x11), ledger: address(0x22) };
  const guard = { account: address(0x33), longestPauseSeconds: 40 };
  const deployment = deploymentOf(keyring.crypto, at, PARAMETERS, guard);
  const owners = Array.from({ length: 16 }, (_, i) => address(0x40 + i));
  let state = genesisState(
    deployment,
    owners.map((owner) => [owner, 2500n]),
    0,
  );
  const make = new RandomCalls(random, deployment, owners, keyring.signer);
  const done = new Map<string, number>();
  let registry = Registry.genesis(deployment.registryGenesis);
  let time = 1;
  let final: number[] = [];
  for (let i = 0; i < calls; i++) {
    time += random.int(0, 8);
    const { from, call } = make.next(state);
    const before = state;
    const { state: after, events, revert } = execute(deployment, state, from, call, time);
    if (revert) assert.equal(after, before);
    const name = revert ? `${call.type}: ${revert.name}` : call.type;
    done.set(name, (done.get(name) ?? 0) + 1);
    for (const event of events) if (event.kind === "registry") registry = registry.apply(event.event);
    state = after;
    make.learn(state);
    assert.equal(moneyFault(state), undefined, `after ${name}`);
    assert.equal(registry.position, state.positions.length - 1);
    assert.deepEqual(registry.set, state.set);
    assert.equal(registry.lastSetPosition, state.lastSetPosition);
    // S6: what is final never falls, and what stands is one chain.
    for (const number of final) assert.ok(isFinal({ state, time }, number), `${number} is final no more, ${name}`);
    final = state.checkpoints.flatMap((_, number) => (isFinal({ state, time }, number) ? [number] : []));
    const chain = state.checkpoints.filter(({ fallen }) => !fallen);
    for (const [i, { checkpoint }] of chain.slice(1).entries()) assert.deepEqual(checkpoint.parent, chain[i].hash);
  }
  return { state, done };
}

test("S6, S12 after every call: one chain, what is final stays, the money adds up; core reads the registry as the contract wrote it", () => {
  const done = new Map<string, number>();
  for (let seed = 0; seed < 12; seed++)
    for (const [name, count] of walk(seed, 400).done) done.set(name, (done.get(name) ?? 0) + count);
  // The walk is worth something only where it gets everywhere.
  const calls = ["join", "rotate", "endpoint", "exit", "withdraw", "settle", "activate", "commit", "convict"];
  calls.push("pause", "resume", "dispute", "dismiss", "invalidate");
  for (const call of calls) assert.ok((done.get(call) ?? 0) > 0, `${call} never succeeded: ${[...done].join(" ")}`);
});

test("money that is wrong is noticed", () => {
  const { state } = walk(3, 60);
  const change = (account: string, by: bigint) => {
    const balances = new Map(state.balances);
    balances.set(account, (balances.get(account) ?? 0n) + by);
    return { ...state, balances };
  };
  assert.match(moneyFault(change(toHex(address(0x40)), 1n)) ?? "", /minted/);
  const stolen = change(REGISTRY, -1n);
  assert.match(moneyFault({ ...stolen, burnt: stolen.burnt + 1n }) ?? "", /owes/);
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as breathe } from "node:timers/promises";
import { type ContractFunctionReturnType, encodeFunctionResult } from "viem";
import { availabilityCourtAbi as abi } from "../../../offchain/chain/abi.ts";
import { ChallengePurse } from "../../../offchain/chain/challenge-purse.ts";
import { Challenger } from "../../../offchain/chain/challenger.ts";
import type { Rpc } from "../../../offchain/chain/rpc.ts";
import type { Sender } from "../../../offchain/chain/sender.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { ChainEvent, Hex } from "../../../offchain/core/chain.ts";
import type { CommittedPlace } from "../../../offchain/core/checkpoints.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf } from "../../helpers/core.ts";

/** What a worker pays for questions, and how many it asks at once. */

type Challenge = ContractFunctionReturnType<typeof abi, "view", "challengeOf">;

const COURT: Hex = `0x${"c0".repeat(20)}`;
const [OWN, OTHER]: Hex[] = [`0x${"11".repeat(20)}`, `0x${"22".repeat(20)}`];
const [FIRST, SECOND] = [toHex(hashOf("checkpoint 1")), toHex(hashOf("checkpoint 2"))];
const idOf = (name: string) => toHex(hashOf(name));

const challengeBy = (challenger: Hex, bond: bigint): Challenge => ({
  ...{ hash: FIRST, root: FIRST, number: 1n, index: 0n, kind: 0, depth: 0, state: 1, disputed: true, deadline: 1n },
  ...{ challenger, bond },
});
const NONE = { ...challengeBy(`0x${"00".repeat(20)}`, 0n), state: 0 };

/** A purse on a node that is at block 5. */
function purse(challenges: Record<Hex, Challenge>) {
  const request = async (method: string, [call]: [{ data: Hex }?] = []) => {
    if (method === "eth_blockNumber") return "0x5";
    const result = challenges[`0x${call?.data.slice(10)}`] ?? NONE;
    return encodeFunctionResult({ abi, functionName: "challengeOf", result });
  };
  return new ChallengePurse({ rpc: { request } as unknown as Rpc, court: COURT, account: OWN! });
}

const challenged = (hash: Hex, name: string): ChainEvent => ({
  ...{ kind: "challenged", id: idOf(name), number: 1, hash: fromHex(hash), asked: { kind: "trace", path: [0] } },
  ...{ deadline: 1, block: 4, logIndex: 0 },
});

describe("what was paid for a checkpoint", () => {
  const challenges = {
    [idOf("mine")]: challengeBy(OWN!, 10n),
    [idOf("mine too")]: challengeBy(OWN!, 20n),
    [idOf("another's")]: challengeBy(OTHER!, 300n),
    [idOf("elsewhere")]: challengeBy(OWN!, 4_000n),
  };

  test("is what its own challenges cost by the chain, and what it paid since", async () => {
    const one = purse(challenges);
    const mine = [challenged(FIRST, "mine"), challenged(FIRST, "another's"), challenged(SECOND, "elsewhere")];
    one.take({ type: "events", events: mine });
    one.synced(5);
    assert.equal(await one.paid(FIRST), 10n);
    one.pay(FIRST, idOf("mine too"), 20n);
    one.take({ type: "events", events: [challenged(FIRST, "mine too")] });
    assert.equal(await one.paid(FIRST), 30n);
    assert.equal(await one.paid(SECOND), 4_000n);
    assert.equal(await one.paid(toHex(hashOf("checkpoint 3"))), 0n);
  });

  test("is not known before everything has been read that was there at the beginning", async () => {
    const one = purse(challenges);
    assert.match(String(await one.paid(FIRST)), /not read yet/);
    one.synced(4);
    assert.match(String(await one.paid(FIRST)), /not read yet/);
    one.take({ type: "events", events: [challenged(FIRST, "mine")] });
    one.synced(5);
    assert.equal(await one.paid(FIRST), 10n);
  });

  test("is read anew after a reorganisation", async () => {
    const one = purse(challenges);
    one.synced(9);
    one.pay(FIRST, idOf("mine"), 10n);
    one.take({ type: "reorg", events: [challenged(FIRST, "mine too")] });
    assert.match(String(await one.paid(FIRST)), /not read yet/);
    one.synced(9);
    assert.equal(await one.paid(FIRST), 20n);
  });

  test("is not known where the node stands behind what was read of it", async () => {
    const one = purse(challenges);
    one.take({ type: "events", events: [challenged(FIRST, "mine"), challenged(FIRST, "not known there")] });
    one.synced(5);
    assert.match(String(await one.paid(FIRST)), /does not know challenge/);
  });
});

test("one thing of each checkpoint is asked for at a time, of as many checkpoints as may be", async () => {
  const ends: (() => void)[] = [];
  const rpc = { stopped: false, pause: async () => {}, request: () => new Promise((_, end) => ends.push(end)) };
  const challenger = new Challenger({
    ...{ rpc: rpc as unknown as Rpc, crypto, separator: hashOf("separator"), sender: {} as Sender },
    ...{ court: COURT, token: COURT, mostBonds: 0n, atOnce: 2, onFault: assert.fail, pollMs: 1, maxBackoffMs: 1 },
  });
  /** How many questions are under way, once this one is asked or is not. */
  const after = async (hash: Hex, index: number) => {
    void challenger.ask("trace", { number: 1, hash: fromHex(hash), index } as CommittedPlace);
    await breathe();
    return ends.length;
  };
  const third = toHex(hashOf("checkpoint 3"));
  assert.deepEqual([await after(FIRST, 0), await after(FIRST, 1)], [1, 1]);
  assert.deepEqual([await after(SECOND, 0), await after(third, 0)], [2, 2]);
  rpc.stopped = true;
  for (const end of ends.splice(0)) end();
  await breathe();
  rpc.stopped = false;
  assert.deepEqual([await after(third, 0), await after(FIRST, 1)], [1, 2]);
});

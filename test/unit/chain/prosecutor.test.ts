import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFunctionData, encodeFunctionData, encodeFunctionResult } from "viem";
import { checkpointLedgerAbi, foldCourtAbi, operatorRegistryAbi } from "../../../offchain/chain/abi.ts";
import { commitArgs } from "../../../offchain/chain/convert.ts";
import type { ConvictOutcome } from "../../../offchain/chain/conviction.ts";
import { STATUS } from "../../../offchain/chain/operator-record.ts";
import { type CondemnOutcome, Prosecutor } from "../../../offchain/chain/prosecutor.ts";
import type { Rpc } from "../../../offchain/chain/rpc.ts";
import type { Call, Sender, SendOutcome } from "../../../offchain/chain/sender.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Hex } from "../../../offchain/core/chain.ts";
import { checkpointHash, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, operatorAt, SEPARATOR as separator } from "../../helpers/core.ts";

/** A court, a registry and the commit of a checkpoint to which these attested. */

const [COURT, REGISTRY, LEDGER]: Hex[] = ["c0", "c1", "c2"].map((byte): Hex => `0x${byte.repeat(20)}`);
const ACTIVE = 2;
const CONDEMN: Hex = "0xc0de";
const members = [0, 1].map(operatorAt);
const lie = { ...genesisCheckpoint(crypto, hashOf("a registry")), number: 1 };
const hash = checkpointHash(crypto, separator, lie);
const signatures = members.map(({ signer }) => ({ of: toHex(signer.address), signature: signer.sign(hash) }));
const commit = encodeFunctionData({
  abi: checkpointLedgerAbi,
  functionName: "commit",
  args: commitArgs(
    lie,
    [],
    signatures.map(({ signature }) => signature),
  ),
});

class FakeCourt {
  isCondemned = false;
  readonly sent: string[] = [];
  readonly #convicted = new Set<string>();
  /** Called before the registry says whose a signature is. */
  onSigner = () => {};

  readonly rpc = {
    stopped: false,
    pause: async () => {},
    request: async (method: string, [call]: [Call?] = []) => {
      if (method === "eth_getLogs") return [{ transactionHash: "0x01" }];
      if (method === "eth_getTransactionByHash") return { input: commit };
      return call?.to === COURT ? this.#judge() : this.#register(call!.data);
    },
  } as unknown as Rpc;

  readonly sender = {
    send: async ({ data }: Call): Promise<SendOutcome> => {
      const mined = { type: "mined", txHash: "0x", gas: 1n, block: 1 } as const;
      if (data === CONDEMN) {
        this.sent.push("condemn");
        this.isCondemned = true;
        return mined;
      }
      const { args } = decodeFunctionData({ abi: foldCourtAbi, data });
      const one = signatures.find(({ signature }) => toHex(signature) === args?.[1]);
      assert.ok(this.isCondemned && one, "nobody is convicted of what is not condemned");
      this.sent.push("convict");
      this.#convicted.add(one.of);
      return mined;
    },
  } as unknown as Sender;

  #judge(): Hex {
    return encodeFunctionResult({ abi: foldCourtAbi, functionName: "condemned", result: this.isCondemned });
  }

  #register(data: Hex): Hex {
    const abi = operatorRegistryAbi;
    const { functionName, args } = decodeFunctionData({ abi, data });
    const isOf = (name: unknown, ...of: readonly Uint8Array[]) =>
      of.some((one) => toHex(one) === String(name).toLowerCase());
    const member = members.find(({ operator, signer }) => isOf(args?.[0], operator, signer.address))!;
    if (functionName === "operatorOfSigner") {
      this.onSigner();
      return encodeFunctionResult({ abi, functionName, result: toHex(member.operator) });
    }
    assert.equal(functionName, "operatorOf");
    const signer = toHex(member.signer.address);
    const status = this.#convicted.has(signer) ? STATUS.convicted : ACTIVE;
    const result = { signer, listedSigner: signer, stake: 1n, leftAt: 0n, status, reporter: COURT! };
    return encodeFunctionResult({ abi, functionName: "operatorOf", result });
  }
}

test("where the chain takes a condemnation back before the convictions, it is condemned again, and everybody convicted once", async () => {
  const court = new FakeCourt();
  let reorgs = 1;
  court.onSigner = () => {
    if (reorgs-- > 0) court.isCondemned = false;
  };
  const condemned: CondemnOutcome[] = [];
  const convicted: ConvictOutcome[] = [];
  const prosecutor = new Prosecutor({
    ...{ rpc: court.rpc, sender: court.sender, crypto, separator, ledger: LEDGER!, registry: REGISTRY! },
    ...{ pollMs: 1, maxBackoffMs: 1, blockOf: () => 1, set: () => [], onChange() {}, onFault: assert.fail },
    onCondemned: (outcome) => condemned.push(outcome),
    onConvicted: (outcome) => convicted.push(outcome),
  });
  const outcome = await prosecutor.condemn({ number: 1, hash, call: { to: COURT!, data: CONDEMN } });
  assert.equal(outcome.type, "condemned");
  assert.deepEqual(court.sent, ["condemn", "condemn", "convict", "convict"]);
  assert.equal(condemned.length, 2);
  assert.deepEqual(
    convicted.map(({ type, operator }) => [type, toHex(operator)]).sort(),
    members.map(({ operator }) => ["convicted", toHex(operator)]).sort(),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFunctionData } from "viem";
import { checkpointLedgerAbi } from "../../../offchain/chain/abi.ts";
import { attestationsOf } from "../../../offchain/chain/attestations.ts";
import { commitArgs } from "../../../offchain/chain/convert.ts";
import type { Rpc } from "../../../offchain/chain/rpc.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, SEPARATOR as separator, signerOf } from "../../helpers/core.ts";

const genesis = genesisCheckpoint(crypto, hashOf("a registry"));
const nameOf = (checkpoint: Checkpoint) => checkpointHash(crypto, separator, checkpoint);
const [ours, others] = [1, 2].map((number) => ({ ...genesis, number }) as Checkpoint);

/** A commit that these attest to. */
function commit(checkpoint: Checkpoint, ...names: string[]): string {
  const signatures = names.map((name) => signerOf(name).sign(nameOf(checkpoint)));
  const args = commitArgs(checkpoint, [], signatures);
  return encodeFunctionData({ abi: checkpointLedgerAbi, functionName: "commit", args }).slice(2);
}

async function signersIn(input: string) {
  const answers: Record<string, unknown> = {
    eth_getLogs: [{ transactionHash: "0x01" }],
    eth_getTransactionByHash: { input },
  };
  const rpc = { request: async (method: string) => answers[method] } as unknown as Rpc;
  const source = { rpc, crypto, separator, ledger: "0x01", blockOf: () => 1 } as const;
  const found = await attestationsOf(source, { number: ours.number, hash: nameOf(ours) });
  return found.map(({ signer }) => signer);
}

test("of several commits in one transaction the signatures are those of the one that is asked for", async () => {
  const input = `0x${"ab".repeat(7)}${commit(others, "somebody else")}${commit(ours, "one", "another")}`;
  assert.deepEqual(await signersIn(input), [signerOf("one").address, signerOf("another").address]);
});

test("a transaction that does not show them is no commit without signatures", async () => {
  await assert.rejects(signersIn(`0x${commit(others, "somebody else")}`), /does not show the signatures/);
});

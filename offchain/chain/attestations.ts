import { decodeFunctionData, encodeEventTopics, type RpcLog, toFunctionSelector } from "viem";
import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { type Checkpoint, checkpointHash } from "../core/checkpoint.ts";
import type { Crypto } from "../core/ports.ts";
import { SIGNATURE_BYTES } from "../core/segment.ts";
import { checkpointLedgerAbi } from "./abi.ts";
import { hexNumber, toCheckpoint } from "./convert.ts";
import type { Rpc } from "./rpc.ts";

export type Attestation = { signer: Bytes; signature: Bytes };

export type CommitSource = {
  rpc: Rpc;
  crypto: Crypto;
  separator: Bytes;
  ledger: Hex;
  /** Of the block that took a checkpoint, as the follower read it. */
  blockOf(hash: Bytes): number | undefined;
};

const COMMIT = checkpointLedgerAbi.find((item) => item.type === "function" && item.name === "commit");
const SELECTOR = toFunctionSelector(COMMIT as never).slice(2);

/**
 * Who attested to a checkpoint, by the transaction that committed it; also where that went by another contract which
 * passed on what it was given.
 * @throws WeftError `chain_unreachable`, RpcRefusal, Error when the node does not have the transaction, or its input does
 * not have the signatures
 */
export async function attestationsOf(
  { rpc, crypto, separator, ledger, blockOf }: CommitSource,
  { number, hash }: { number: number; hash: Bytes },
): Promise<Attestation[]> {
  const args = { number: BigInt(number), hash: toHex(hash) };
  const topics = encodeEventTopics({ abi: checkpointLedgerAbi, eventName: "CheckpointCommitted", args });
  const block = blockOf(hash);
  const at = block === undefined ? undefined : hexNumber(block);
  const filter = { address: ledger, topics, fromBlock: at, toBlock: at };
  const [log] = at ? await rpc.request<RpcLog[]>("eth_getLogs", [filter]) : [];
  if (!log) throw new Error(`the node does not have the commit of checkpoint ${number}`);
  const sent = await rpc.request<{ input: Hex } | null>("eth_getTransactionByHash", [log.transactionHash]);
  if (!sent) throw new Error(`the node does not have transaction ${log.transactionHash}`);
  const isIt = (checkpoint: Checkpoint) => equal(checkpointHash(crypto, separator, checkpoint), hash);
  for (let from = sent.input.indexOf(SELECTOR); from >= 0; from = sent.input.indexOf(SELECTOR, from + 1)) {
    const signatures = signaturesIn(`0x${sent.input.slice(from)}`, isIt);
    if (signatures)
      return signatures.flatMap((signature) => {
        const signer = crypto.recover(hash, signature);
        return signer ? [{ signer, signature }] : [];
      });
  }
  throw new Error(`transaction ${log.transactionHash} does not show the signatures of checkpoint ${number}`);
}

/** Undefined unless these bytes begin with a commit of that checkpoint. */
function signaturesIn(data: Hex, isIt: (checkpoint: Checkpoint) => boolean): Bytes[] | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: checkpointLedgerAbi, data });
    if (functionName !== "commit" || !isIt(toCheckpoint(args[0]))) return undefined;
    const all = fromHex(args[2]);
    return Array.from({ length: all.length / SIGNATURE_BYTES }, (_, i) =>
      all.slice(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES),
    );
  } catch {
    return undefined; // the selector's bytes, in something else
  }
}

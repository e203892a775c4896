import { readFileSync } from "node:fs";
import { Command } from "commander";
import type { Signer } from "ethers";
import type { Deployment } from "../offchain/chain/deployment.ts";
import { weft } from "../offchain/sdk/ethers.ts";
import type { CheckpointView } from "../offchain/sdk/ledger.ts";
import { parseReceipt, type SnapshotProofStruct, toStruct } from "../offchain/sdk/receipt.ts";
import { atDeployment, type DeploymentOptions, withDeploymentOptions } from "./lib/command.ts";
import { contractOf } from "./lib/contracts.ts";
import { explain, runMain } from "./lib/errors.ts";
import { keyFor } from "./lib/keys.ts";
import type { Connection } from "./lib/network.ts";
import { isMain } from "./lib/paths.ts";
import { print } from "./lib/print.ts";
import { ScriptError } from "./lib/script-error.ts";
import { eventOf, transact } from "./lib/transact.ts";

/** What a client holds of one token: enough for a contract to check it against a checkpoint. */
export type TokenProof = { proof: SnapshotProofStruct; position: number; token: number };

export interface Verdict {
  /** The checkpoint contains the snapshot at exactly the indices that the receipt names. */
  included: boolean;
  final: boolean;
  /** The consumer contract's transaction; nothing where the receipt was not included or is not final. */
  proven: { transaction: string; gas: bigint; turn: string; tokenKind: bigint } | undefined;
  /** Gas of the inclusion check alone, as a transaction of its own. */
  verifyGas: bigint;
}

/** The proof of a receipt's first token. */
export function tokenProofOf(value: unknown): TokenProof {
  try {
    const { snapshots, position, tokens } = parseReceipt(value);
    const proof = snapshots.find(({ type }) => type === "tokens")?.proof;
    if (proof) return { proof: toStruct(proof), position, token: tokens[0] };
  } catch (cause) {
    throw new ScriptError("BAD_ARGUMENT", (cause as Error).message, { cause });
  }
  throw new ScriptError("BAD_ARGUMENT", "The receipt has no proof yet: ask for it again after the next checkpoint");
}

/**
 * Reads one checkpoint, or the latest attested or final one.
 * @throws WeftError `unknown_checkpoint`, `chain_unreachable`, `wrong_chain`, `chain_moved`
 */
export function readCheckpoint(
  { provider }: Connection,
  deployment: Deployment,
  which: number | "attested" | "final",
): Promise<CheckpointView> {
  const actions = weft(provider, deployment);
  if (which === "attested") return actions.getLatestAttested();
  return which === "final" ? actions.getLatestFinal() : actions.getCheckpoint(which);
}

/** Lets the ledger check a receipt and, when its checkpoint is final, proves its token to the consumer contract. */
export async function proveReceipt(
  deployment: Deployment,
  { position, token, proof }: TokenProof,
  sender: Signer,
): Promise<Verdict> {
  const ledger = contractOf("CheckpointLedger", deployment, sender);
  const consumer = contractOf("TokenConsumer", deployment, sender);
  try {
    const included = (await ledger.getFunction("verifySnapshot")(proof)) as boolean;
    const verifyGas = await ledger.getFunction("verifySnapshot").estimateGas(proof);
    const final = (await ledger.getFunction("isFinal")(proof.number)) as boolean;
    if (!included || !final) return { included, final, proven: undefined, verifyGas };
    const receipt = await transact("Proving the receipt", consumer, "prove", [proof, position, token]);
    const event = eventOf(consumer, receipt, "TokenProven");
    const proven = {
      transaction: receipt.hash,
      gas: receipt.gasUsed,
      turn: event.getValue("turn") as string,
      tokenKind: event.getValue("tokenKind") as bigint,
    };
    return { included, final, proven, verifyGas };
  } catch (error) {
    throw explain("Proving the receipt", error);
  }
}

function readReceipt(file: string): TokenProof {
  try {
    return tokenProofOf(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    if (cause instanceof ScriptError) throw cause;
    throw new ScriptError("BAD_ARGUMENT", `Cannot read the receipt ${file}: ${(cause as Error).message}`, { cause });
  }
}

interface Options extends DeploymentOptions {
  number?: string;
  receipt?: string;
  keystore?: string;
}

async function main(): Promise<void> {
  const command = new Command("read-checkpoint").description("Prints checkpoints, and proves a receipt on chain.");
  const o = withDeploymentOptions(command)
    .option("--number <n>", "one checkpoint; by default the latest attested and the latest final one")
    .option(
      "--receipt <file>",
      "receipt to prove; the sender's key is the keystore's, else WEFT_SENDER_KEY, else account 0",
    )
    .option("--keystore <file>", "encrypted key of the sender; password in WEFT_KEYSTORE_PASSWORD, or asked for")
    .parse()
    .opts<Options>();
  if (o.number !== undefined && !/^[0-9]+$/.test(o.number)) {
    throw new ScriptError("BAD_ARGUMENT", `--number ${o.number} is not a number`);
  }
  const receipt = o.receipt === undefined ? undefined : readReceipt(o.receipt);
  const wanted = o.number === undefined ? (["attested", "final"] as const) : [Number(o.number)];
  await atDeployment(o, async (deployment, connection) => {
    for (const which of wanted) {
      print(`checkpoint ${which} `, await readCheckpoint(connection, deployment, which));
    }
    if (receipt === undefined) return;
    const sender = await connection.account(await keyFor(o.keystore, "WEFT_SENDER_KEY"));
    const verdict = await proveReceipt(deployment, receipt, sender);
    print("verdict ", verdict);
    if (verdict.proven === undefined) process.exitCode = 1;
  });
}

if (isMain(import.meta.url)) await runMain(main);

import type { Command } from "commander";
import { isAddress, type Signer } from "ethers";
import type { Deployment } from "../../offchain/chain/deployment.ts";
import { deploymentFor } from "./contracts.ts";
import { keyFor, keyFrom } from "./keys.ts";
import { type Connection, connect } from "./network.ts";
import type { HotKey } from "./operators.ts";
import { ScriptError } from "./script-error.ts";

/** Which deployment a command is about. */
export interface DeploymentOptions {
  network: string;
  deployment?: string;
}

/** Which deployment a command is about, and which owner does something there. */
export interface OwnerOptions extends DeploymentOptions {
  keystore?: string;
  ownerKeyEnv?: string;
}

export interface HotKeyOptions {
  signerKeystore?: string;
  signer?: string;
  consent?: string;
}

export function withDeploymentOptions(command: Command): Command {
  return command
    .option("--network <name|url>", "a network of hardhat.config.ts, or the URL of a node", "http://127.0.0.1:8545")
    .option("--deployment <file>", "deployment; by default deployments/<chainId>.json");
}

export function withOwnerOptions(command: Command): Command {
  return withDeploymentOptions(command)
    .option("--keystore <file>", "encrypted key of the owner; password in WEFT_KEYSTORE_PASSWORD, or asked for")
    .option("--owner-key-env <variable>", "instead of a keystore: environment variable with the owner's private key");
}

export function withHotKeyOptions(command: Command): Command {
  return command
    .option("--signer-keystore <file>", "the hot key's encrypted file; password in WEFT_PASSWORD, or asked for")
    .option("--signer <address|variable>", "instead of its file: a variable with the hot key, or its address")
    .option("--consent <hex>", "the hot key's consent, where --signer is an address");
}

/** Connects to the chain of a command's deployment, and closes that when `act` is done. */
export async function atDeployment(
  { network, deployment }: DeploymentOptions,
  act: (deployment: Deployment, connection: Connection) => Promise<void>,
): Promise<void> {
  const connection = await connect(network);
  try {
    await act(deploymentFor(connection, deployment), connection);
  } finally {
    await connection.close();
  }
}

/** The same, with the owner's account. @throws ScriptError `BAD_ARGUMENT` where none is named */
export function asOwner(
  options: OwnerOptions,
  act: (deployment: Deployment, owner: Signer, connection: Connection) => Promise<void>,
): Promise<void> {
  return atDeployment(options, async (deployment, connection) =>
    act(deployment, await connection.account(await ownerKey(options)), connection),
  );
}

async function ownerKey({ keystore, ownerKeyEnv }: OwnerOptions): Promise<string> {
  if (keystore === undefined && ownerKeyEnv === undefined) {
    throw new ScriptError("BAD_ARGUMENT", "Whose operator? Give the owner's --keystore, or --owner-key-env");
  }
  const key = await keyFor(keystore, ownerKeyEnv);
  if (key !== undefined) return key;
  throw new ScriptError("BAD_ARGUMENT", `The environment variable ${ownerKeyEnv} holds no key`);
}

/** The hot key that the options name. @throws ScriptError `BAD_ARGUMENT` where they name none */
export async function hotKey({ signer, signerKeystore, consent }: HotKeyOptions): Promise<HotKey> {
  if (signerKeystore !== undefined) {
    return { privateKey: (await keyFor(signerKeystore, undefined, "WEFT_PASSWORD")) as string };
  }
  if (signer === undefined) {
    throw new ScriptError("BAD_ARGUMENT", "Which hot key? Give its --signer-keystore, or --signer");
  }
  if (!isAddress(signer)) {
    const privateKey = keyFrom(signer);
    if (privateKey !== undefined) return { privateKey };
    throw new ScriptError("BAD_ARGUMENT", `The environment variable ${signer} holds no key`);
  }
  if (consent === undefined) {
    throw new ScriptError("BAD_ARGUMENT", "A signer given by address needs --consent, made with its key");
  }
  return { address: signer, consent };
}

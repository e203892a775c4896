import { Command } from "commander";
import { type Contract, type ContractTransactionReceipt, isAddress, parseEther, type Signer, Wallet } from "ethers";
import type { Deployment } from "../offchain/chain/deployment.ts";
import { contractOf, deploymentFor, readOperatorSet } from "./lib/contracts.ts";
import { explain, runMain } from "./lib/errors.ts";
import { connect, keyFrom } from "./lib/network.ts";
import { isMain } from "./lib/paths.ts";
import { DEVELOPMENT_CHAIN } from "./lib/profiles.ts";
import { ScriptError } from "./lib/script-error.ts";

/** What an owner without funds gets for its transactions on the development chain. */
const DEVNET_GAS_MONEY = parseEther("1");
/** As the registry numbers them. */
const STATUS = ["none", "pending", "active", "exiting", "left", "withdrawn", "convicted"];
/** What an activation reverts with when it is not its time, or somebody else was first. */
const NOT_DUE = new Set([
  "OperatorRegistryEpochTooEarly",
  "OperatorRegistryNothingPending",
  "OperatorRegistrySetMismatch",
  "OperatorRegistryTooFewOperators",
]);

export interface RegisterOptions {
  deployment: Deployment;
  /** The cold account, connected to a provider. */
  owner: Signer;
  /** The hot key: its private key, or its address and its consent (`signConsent`) made elsewhere. */
  signer: { privateKey: string } | { address: string; consent: string };
  /** host:port that peers dial. */
  endpoint: string;
  /** In the token's smallest unit; the minimum by default. */
  stake?: bigint | undefined;
  /** On a devnet: holds the minter role, gives the owner its stake and, on the development chain, gas money. */
  minter?: Signer | undefined;
}

export interface Registration {
  operator: string;
  signer: string;
  stake: bigint;
  position: bigint;
  positionHash: string;
  gas: bigint;
}

export interface Activation {
  epoch: bigint;
  position: bigint;
  setHash: string;
  set: bigint[];
  gas: bigint;
}

/** The hot key's consent to belong to an operator, without which the registry refuses it. */
export function signConsent(deployment: Deployment, operator: string, signer: Wallet): Promise<string> {
  const domain = {
    name: "Weft",
    version: "1",
    chainId: deployment.chainId,
    verifyingContract: deployment.contracts.operatorRegistry,
  };
  const types = {
    SignerConsent: [
      { name: "operator", type: "address" },
      { name: "signer", type: "address" },
    ],
  };
  return signer.signTypedData(domain, types, { operator, signer: signer.address });
}

/** Deposits the stake and joins; the operator counts from the next epoch activation. */
export async function registerOperator(options: RegisterOptions): Promise<Registration> {
  const { deployment, owner } = options;
  const operator = await owner.getAddress();
  const stake = options.stake ?? BigInt(deployment.parameters.minStake);
  const { address, consent } = await hotKey(options, operator);
  const token = contractOf("StakeToken", deployment, owner);
  const registry = contractOf("OperatorRegistry", deployment, owner);

  await refuseToJoinAgain(registry, operator);
  if (options.minter !== undefined) await endow(options.minter, deployment, owner, stake);
  await send("Approving the stake", token, "approve", [registry.target, stake]);
  const receipt = await send("Joining", registry, "join", [address, options.endpoint, stake, consent]);
  const event = eventOf(registry, receipt, "OperatorJoined");
  return {
    operator,
    signer: address,
    stake,
    position: event.getValue("position") as bigint,
    positionHash: event.getValue("positionHash") as string,
    gas: receipt.gasUsed,
  };
}

/** Lets waiting changes take effect; anyone may, once per epoch. */
export async function activateEpoch(options: { deployment: Deployment; sender: Signer }): Promise<Activation> {
  const registry = contractOf("OperatorRegistry", options.deployment, options.sender);
  const before = await readOperatorSet(registry, options.deployment);
  const receipt = await send("Activating the epoch", registry, "activateEpoch", [before]);
  const event = eventOf(registry, receipt, "EpochActivated");
  return {
    epoch: event.getValue("epoch") as bigint,
    position: event.getValue("position") as bigint,
    setHash: event.getValue("setHash") as string,
    set: [...(event.getValue("set") as Iterable<bigint>)],
    gas: receipt.gasUsed,
  };
}

async function hotKey(options: RegisterOptions, operator: string): Promise<{ address: string; consent: string }> {
  if (!("privateKey" in options.signer)) return options.signer;
  const wallet = new Wallet(options.signer.privateKey);
  return { address: wallet.address, consent: await signConsent(options.deployment, operator, wallet) };
}

async function refuseToJoinAgain(registry: Contract, operator: string): Promise<void> {
  const { status, signer } = await operatorOf(registry, operator);
  if (status === "none") return;
  throw new ScriptError(
    "ALREADY_JOINED",
    `The owner ${operator} has joined already: it is ${status}, with the key ${signer}; an owner joins once`,
  );
}

async function operatorOf(registry: Contract, operator: string): Promise<{ status: string; signer: string }> {
  try {
    const record = await registry.getFunction("operatorOf")(operator);
    return { status: STATUS[Number(record.status)] ?? `of status ${record.status}`, signer: String(record.signer) };
  } catch (error) {
    throw explain("Reading the registry", error);
  }
}

async function endow(minter: Signer, deployment: Deployment, owner: Signer, stake: bigint): Promise<void> {
  const operator = await owner.getAddress();
  if ((await owner.provider?.getBalance(operator)) === 0n) {
    if (deployment.chainId !== DEVELOPMENT_CHAIN) {
      throw new ScriptError(
        "NO_FUNDS",
        `The owner ${operator} has no funds on chain ${deployment.chainId}: send it some`,
      );
    }
    await (await minter.sendTransaction({ to: operator, value: DEVNET_GAS_MONEY })).wait();
  }
  await send("Minting the stake", contractOf("StakeToken", deployment, minter), "mint", [operator, stake]);
}

async function send(
  action: string,
  contract: Contract,
  method: string,
  args: unknown[],
): Promise<ContractTransactionReceipt> {
  try {
    const receipt = await (await contract.getFunction(method).send(...args)).wait();
    if (receipt === null) throw new ScriptError("REVERTED", `${action}: the transaction was not mined`);
    return receipt;
  } catch (error) {
    throw explain(action, error);
  }
}

function eventOf(contract: Contract, receipt: ContractTransactionReceipt, name: string) {
  for (const log of receipt.logs) {
    const parsed = log.address === contract.target ? contract.interface.parseLog(log) : null;
    if (parsed?.name === name) return parsed.args;
  }
  throw new ScriptError("WRONG_CHAIN", `The registry emitted no ${name}: is the deployment of this chain?`);
}

async function main(): Promise<void> {
  const command = new Command("register-operator")
    .description("Registers an operator; with --activate also starts the next epoch.")
    .option("--network <name|url>", "a network of hardhat.config.ts, or the URL of a node", "http://127.0.0.1:8545")
    .option("--deployment <file>", "deployment; by default deployments/<chainId>.json")
    .requiredOption("--owner-key-env <variable>", "environment variable with the owner's private key")
    .requiredOption("--signer <address|variable>", "hot key: a variable with its private key, or its address")
    .option("--consent <hex>", "the hot key's consent, where --signer is an address")
    .requiredOption("--endpoint <host:port>", "where peers dial")
    .option("--stake <amount>", "whole tokens; the minimum by default")
    .option("--activate", "start the next epoch too, if it is due")
    .parse();
  const o = command.opts<Record<string, string | undefined> & { network: string; activate?: boolean }>();
  const connection = await connect(o.network);
  try {
    const deployment = deploymentFor(connection, o["deployment"]);
    const owner = await connection.account(requiredKey(o["ownerKeyEnv"] ?? ""));
    const devnet = deployment.profile === "devnet";
    const registration = await registerOperator({
      deployment,
      owner,
      signer: signerOption(o["signer"] ?? "", o["consent"]),
      endpoint: o["endpoint"] ?? "",
      stake: o["stake"] === undefined ? undefined : parseEther(o["stake"]),
      minter: devnet ? await connection.account(keyFrom("WEFT_DEPLOYER_KEY")) : undefined,
    });
    print("registered", registration);
    if (o.activate) await tryToActivate(deployment, owner);
  } finally {
    await connection.close();
  }
}

/** The operator has joined, which an epoch that is not due yet does not change. */
async function tryToActivate(deployment: Deployment, sender: Signer): Promise<void> {
  try {
    print("activated", await activateEpoch({ deployment, sender }));
  } catch (error) {
    if (!(error instanceof ScriptError) || !NOT_DUE.has(error.revert ?? "")) throw error;
    process.stdout.write(`not activated: ${error.message}; a worker or anybody does it when it is due\n`);
  }
}

function signerOption(value: string, consent: string | undefined): RegisterOptions["signer"] {
  if (!isAddress(value)) return { privateKey: requiredKey(value) };
  if (consent === undefined) {
    throw new ScriptError("BAD_ARGUMENT", "A signer given by address needs --consent, made with its key");
  }
  return { address: value, consent };
}

function requiredKey(variable: string): string {
  const key = keyFrom(variable);
  if (key === undefined) throw new ScriptError("BAD_ARGUMENT", `The environment variable ${variable} holds no key`);
  return key;
}

function print(title: string, value: object): void {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? v.toString() : v), 2);
  process.stdout.write(`${title} ${text}\n`);
}

if (isMain(import.meta.url)) await runMain(main);

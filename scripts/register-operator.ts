import { Command } from "commander";
import { type Contract, parseEther, type Signer } from "ethers";
import type { Deployment } from "../offchain/chain/deployment.ts";
import {
  asOwner,
  type HotKeyOptions,
  hotKey,
  type OwnerOptions,
  withHotKeyOptions,
  withOwnerOptions,
} from "./lib/command.ts";
import { contractOf, readOperatorSet } from "./lib/contracts.ts";
import { runMain } from "./lib/errors.ts";
import { keyFrom } from "./lib/keys.ts";
import { checkEndpoint, consented, type HotKey, operatorOf } from "./lib/operators.ts";
import { isMain } from "./lib/paths.ts";
import { print, say } from "./lib/print.ts";
import { DEVELOPMENT_CHAIN } from "./lib/profiles.ts";
import { ScriptError } from "./lib/script-error.ts";
import { eventOf, transact } from "./lib/transact.ts";

/** What an owner without funds gets for its transactions on the development chain. */
const DEVNET_GAS_MONEY = parseEther("1");
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
  signer: HotKey;
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

/** Deposits the stake and joins; the operator counts from the next epoch activation. */
export async function registerOperator(options: RegisterOptions): Promise<Registration> {
  const { deployment, owner } = options;
  const operator = await owner.getAddress();
  const stake = options.stake ?? BigInt(deployment.parameters.minStake);
  const { address, consent } = await consented(deployment, operator, options.signer);
  const token = contractOf("StakeToken", deployment, owner);
  const registry = contractOf("OperatorRegistry", deployment, owner);

  await refuseToJoinAgain(registry, operator);
  if (options.minter !== undefined) await endow(options.minter, deployment, owner, stake);
  await transact("Approving the stake", token, "approve", [registry.target, stake]);
  const receipt = await transact("Joining", registry, "join", [address, options.endpoint, stake, consent]);
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
  const receipt = await transact("Activating the epoch", registry, "activateEpoch", [before]);
  const event = eventOf(registry, receipt, "EpochActivated");
  return {
    epoch: event.getValue("epoch") as bigint,
    position: event.getValue("position") as bigint,
    setHash: event.getValue("setHash") as string,
    set: [...(event.getValue("set") as Iterable<bigint>)],
    gas: receipt.gasUsed,
  };
}

async function refuseToJoinAgain(registry: Contract, operator: string): Promise<void> {
  const { status, signer } = await operatorOf(registry, operator);
  if (status === "none") return;
  throw new ScriptError(
    "ALREADY_JOINED",
    `The owner ${operator} has joined already: it is ${status}, with the key ${signer}; an owner joins once`,
  );
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
  await transact("Minting the stake", contractOf("StakeToken", deployment, minter), "mint", [operator, stake]);
}

interface Options extends OwnerOptions, HotKeyOptions {
  endpoint: string;
  stake?: string;
  activate?: boolean;
}

async function main(): Promise<void> {
  const command = new Command("register-operator").description(
    "Registers an operator; with --activate also starts the next epoch.",
  );
  const o = withHotKeyOptions(withOwnerOptions(command))
    .requiredOption("--endpoint <host:port>", "where peers dial")
    .option("--stake <amount>", "whole tokens; the minimum by default")
    .option("--activate", "start the next epoch too, if it is due")
    .parse()
    .opts<Options>();
  await asOwner(o, async (deployment, owner, connection) => {
    const devnet = deployment.profile === "devnet";
    const registration = await registerOperator({
      deployment,
      owner,
      signer: await hotKey(o),
      endpoint: checkEndpoint(o.endpoint),
      stake: o.stake === undefined ? undefined : parseEther(o.stake),
      minter: devnet ? await connection.account(keyFrom("WEFT_DEPLOYER_KEY")) : undefined,
    });
    print("registered ", registration);
    if (o.activate) await tryToActivate(deployment, owner);
  });
}

/** The operator has joined, which an epoch that is not due yet does not change. */
async function tryToActivate(deployment: Deployment, sender: Signer): Promise<void> {
  try {
    print("activated ", await activateEpoch({ deployment, sender }));
  } catch (error) {
    if (!(error instanceof ScriptError) || !NOT_DUE.has(error.revert ?? "")) throw error;
    say(`not activated: ${error.message}; a worker or anybody does it when it is due`);
  }
}

if (isMain(import.meta.url)) await runMain(main);

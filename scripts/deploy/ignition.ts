import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  type Artifact,
  buildModule,
  type ContractDeploymentFuture,
  type DeploymentResult,
  DeploymentResultType,
  type EIP1193Provider,
  type Future,
  deploy as ignite,
  trackTransaction,
} from "@nomicfoundation/ignition-core";
import { Contract, Transaction, Wallet } from "ethers";
import type { Deployment } from "../../offchain/chain/deployment.ts";
import { type ContractName, loadArtifact } from "../lib/artifacts.ts";
import type { Connection } from "../lib/network.ts";
import { DEVELOPMENT_CHAIN } from "../lib/profiles.ts";
import { ScriptError } from "../lib/script-error.ts";
import { conclude, refuseToOverwrite, writeDeployment } from "./deployment.ts";
import { Journal } from "./journal.ts";
import { type Plan, resolve } from "./plan.ts";
import { requireFunds, type Settings } from "./settings.ts";

const MODULE = "Weft";
/** A step counts when it has that many blocks on it; the next one waits for it. */
const CONFIRMATIONS = 2;
const POLL_MS = 1_000;
const DEVELOPMENT_POLL_MS = 50;

export interface ResumableOptions {
  /** Folder for `<chainId>.json` and, below `<chainId>/`, the journal. */
  out: string;
  deployerKey: string | undefined;
  force?: boolean | undefined;
  /** Called with every transaction that is sent. */
  onSend?: (hash: string) => void;
}

export interface Step {
  name: string;
  gas: bigint;
  /** Sent by this call; else by an earlier one. */
  fresh: boolean;
}

export interface Resumed {
  deployment: Deployment;
  path: string;
  steps: Step[];
}

/**
 * Deploys and hands over, or goes on with that where an earlier call was stopped, even killed: nothing is sent twice, and
 * nothing at all when everything is there.
 */
export async function deployResumably(
  connection: Connection,
  settings: Settings,
  options: ResumableOptions,
): Promise<Resumed> {
  const journal = journalOf(options.out, connection.chainId);
  if (!(await isOfThisChain(connection, journal))) rmSync(journal.folder, { recursive: true });
  const own = journal.addresses().get("AccessManager");
  if (!options.force) await refuseToOverwrite(connection, options.out, own);
  const earlier = journal.confirmed();
  if (earlier.size < stepsOf(settings.plan).length) await requireFunds(connection, settings.deployer);
  const provider = sending(connection, journal, options);
  if (journal.exists) await mend(connection, provider, journal, settings.deployer);

  const found = await run(connection, provider, journal, settings);
  const { steps, startBlock } = await account(connection, journal, settings.plan, earlier);
  const deployment = await conclude(settings, startBlock, found);
  return { deployment, path: writeDeployment(deployment, options.out), steps };
}

export function journalOf(folder: string, chainId: number): Journal {
  return new Journal(join(folder, String(chainId)));
}

/** Names of the plan's steps as the journal has them. */
export function stepsOf({ contracts, calls }: Plan): string[] {
  return [...contracts.map(({ name }) => name), ...calls.map(({ step }) => idOf(step))];
}

function idOf(step: string): string {
  return step.replace(/[^A-Za-z0-9]+/g, "_");
}

/** The plan as Ignition wants it: one step after the other, so that the order of the nonces is that of the plan. */
function moduleOf({ contracts, calls }: Plan) {
  return buildModule(MODULE, (m) => {
    const made = new Map<ContractName, ContractDeploymentFuture>();
    const found = (name: ContractName) => made.get(name) as ContractDeploymentFuture;
    let last: Future[] = [];
    for (const { name, args } of contracts) {
      const artifact = loadArtifact(name) as unknown as Artifact;
      const future = m.contract(name, artifact, resolve(args, found) as never[], { id: name, after: last });
      made.set(name, future);
      last = [future];
    }
    for (const { step, contract, method, args } of calls) {
      const options = { id: idOf(step), after: last };
      last = [m.call(found(contract), method, resolve(args, found) as never[], options)];
    }
    return Object.fromEntries(made);
  });
}

async function run(connection: Connection, provider: EIP1193Provider, journal: Journal, settings: Settings) {
  const development = connection.chainId === DEVELOPMENT_CHAIN;
  let result: DeploymentResult;
  try {
    result = await ignite({
      provider,
      deploymentDir: journal.folder,
      artifactResolver: {
        loadArtifact: async (name) => loadArtifact(name as ContractName) as unknown as Artifact,
        getBuildInfo: async () => undefined,
      },
      ignitionModule: moduleOf(settings.plan),
      deploymentParameters: {},
      accounts: [settings.deployer],
      defaultSender: settings.deployer,
      config: {
        requiredConfirmations: development ? 1 : CONFIRMATIONS,
        blockPollingInterval: development ? DEVELOPMENT_POLL_MS : POLL_MS,
      },
    });
  } catch (cause) {
    const [what] = (cause as Error).message.split("\n");
    throw new ScriptError("DEPLOYMENT_STUCK", `${what}; what was done is kept, and the same command goes on`, {
      cause,
    });
  }
  if (result.type !== DeploymentResultType.SUCCESSFUL_DEPLOYMENT) throw refusal(result, journal);
  const { contracts } = result;
  return (name: ContractName) => {
    const { address } = contracts[`${MODULE}#${name}`];
    return new Contract(address, loadArtifact(name).abi, connection.provider);
  };
}

function refusal(result: Exclude<DeploymentResult, { type: "SUCCESSFUL_DEPLOYMENT" }>, journal: Journal): ScriptError {
  if (result.type === DeploymentResultType.RECONCILIATION_ERROR) {
    const what = Object.values(result.errors).flat()[0];
    return new ScriptError(
      "DEPLOYMENT_CHANGED",
      `${journal.folder} was begun with other contracts, parameters or powers (${what}): go on with those, or name another folder with --out`,
    );
  }
  const failed = "failed" in result ? result.failed.map(({ futureId, error }) => `${futureId}: ${error}`) : [];
  const errors = "errors" in result ? Object.values(result.errors).flat() : failed;
  const what = errors.join("; ") || "a transaction is not mined yet";
  return new ScriptError("DEPLOYMENT_STUCK", `${what}; what was done is kept in ${journal.folder}`);
}

/** Whether the journal is of this chain: a development chain ends with its process, and what was deployed to it is nowhere. */
export async function isOfThisChain({ provider, chainId }: Connection, journal: Journal): Promise<boolean> {
  for (const [step, hash] of journal.confirmed()) {
    if ((await provider.getTransactionReceipt(hash)) !== null) continue;
    if (chainId === DEVELOPMENT_CHAIN) return false;
    throw new ScriptError(
      "DEPLOYMENT_STUCK",
      `${journal.folder} has the transaction ${hash} of ${step}, which chain ${chainId} does not know: is the node behind?`,
    );
  }
  return true;
}

/** Signs what Ignition sends, where there is a key; an unlocked account is the node's to sign with. */
function sending(connection: Connection, journal: Journal, { deployerKey, onSend }: ResumableOptions): EIP1193Provider {
  const wallet = deployerKey === undefined ? undefined : new Wallet(deployerKey);
  const signed = async (asked: Record<string, string>) => {
    const { from: _, gas: gasLimit, ...rest } = asked;
    const fields = { ...rest, gasLimit, nonce: Number(asked["nonce"]), chainId: connection.chainId };
    const raw = await (wallet as Wallet).signTransaction(fields);
    journal.sign(raw);
    return raw;
  };
  return {
    request: async ({ method, params = [] }) => {
      const args = params as unknown[];
      if (method !== "eth_sendTransaction") return connection.request(method, args);
      const hash = wallet
        ? await connection.request("eth_sendRawTransaction", [await signed(args[0] as Record<string, string>)])
        : await connection.request(method, args);
      onSend?.(hash as string);
      return hash;
    },
  };
}

/** Tells Ignition what became of the transaction that it was about to send when it was killed. */
async function mend(connection: Connection, provider: EIP1193Provider, journal: Journal, deployer: string) {
  journal.mend();
  const nonce = journal.prepared();
  if (nonce === undefined) return;
  const hash = await whatBecameOf(connection, journal, nonce, deployer);
  if (hash === undefined) return journal.forget(nonce);
  await trackTransaction(journal.folder, hash, provider, 1);
}

async function whatBecameOf({ provider, request }: Connection, journal: Journal, nonce: number, from: string) {
  const raw = journal.signedFor(nonce);
  if (raw !== undefined) {
    const hash = Transaction.from(raw).hash as string;
    // Sent again, because nobody may have seen it: the same transaction counts once.
    await request("eth_sendRawTransaction", [raw]).catch(() => {});
    return (await provider.getTransaction(hash)) === null ? undefined : hash;
  }
  // Never signed here, so never sent; or by a node with an unlocked account, which knows it.
  if ((await provider.getTransactionCount(from, "pending")) <= nonce) return undefined;
  for (let number = await provider.getBlockNumber(); number > 0; number--) {
    const block = await provider.getBlock(number, true);
    const own = block?.prefetchedTransactions.find((sent) => sent.from === from && sent.nonce === nonce);
    if (own !== undefined) return own.hash;
  }
  return undefined;
}

/** What every step used, and the block of the first one. */
async function account({ provider }: Connection, journal: Journal, plan: Plan, earlier: Map<string, string>) {
  const confirmed = journal.confirmed();
  const steps: Step[] = [];
  let startBlock = Number.POSITIVE_INFINITY;
  for (const name of stepsOf(plan)) {
    const receipt = await provider.getTransactionReceipt(confirmed.get(name) as string);
    if (receipt === null) throw new ScriptError("DEPLOYMENT_STUCK", `The chain has dropped the transaction of ${name}`);
    startBlock = Math.min(startBlock, receipt.blockNumber);
    steps.push({ name, gas: receipt.gasUsed, fresh: !earlier.has(name) });
  }
  return { steps, startBlock };
}

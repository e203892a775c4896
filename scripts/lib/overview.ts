import type { Contract, EventLog } from "ethers";
import type { Deployment } from "../../offchain/chain/deployment.ts";
import { contractOf } from "./contracts.ts";
import type { Connection } from "./network.ts";
import { type OperatorStatus, operatorOf } from "./operators.ts";

const DAY = 86_400;
/** Commits whose receipts are read: what one costs hardly varies, and a node answers one receipt at a time. */
const SAMPLE = 32;

export interface OperatorView {
  operator: string;
  signer: string;
  endpoint: string;
  status: OperatorStatus;
  /** In the token's smallest unit. */
  stake: bigint;
  /** Of the stake that counts now, in parts of a million; zero outside the set. */
  shareMillionths: number;
  /** Block time in seconds from which the stake may be withdrawn; of those that left. */
  withdrawableAt: number | undefined;
}

export interface CheckpointStanding {
  number: number;
  hash: string;
  /** Block time, seconds. */
  committedAt: number;
  ageSeconds: number;
  openDisputes: number;
}

export interface Overview {
  chainId: number;
  profile: string;
  block: number;
  /** Block time, seconds. */
  time: number;
  operators: OperatorView[];
  epoch: number;
  /** Joins, rotations and exits that wait for the next epoch. */
  pendingChanges: number;
  /** Block time in seconds from which an epoch may begin; 0 before the first. */
  nextEpochAt: number;
  /** Block time in seconds; 0 while nothing is paused. */
  pausedUntil: number;
  attested: CheckpointStanding;
  final: CheckpointStanding;
  /** About checkpoints that are not final. */
  openDisputes: number;
  fallen: number;
  /** The ledger that takes over, if one is announced, and from when on. */
  successor: { ledger: string; notBefore: number } | undefined;
  cost: Cost;
}

/** What commits cost, by those of the last day, or since the deployment where that is less. */
export interface Cost {
  commits: number;
  overSeconds: number;
  /** Of one commit, on average. */
  gasPerCommit: bigint;
  gasPerDay: bigint;
  /** Wei for each gas, as the node has it now. */
  gasPrice: bigint;
  /** Wei. */
  weiPerDay: bigint;
}

/** How a deployment stands at the latest block: everything is read there, so that it fits together. */
export async function overviewOf(connection: Connection, deployment: Deployment): Promise<Overview> {
  const { provider } = connection;
  const head = await provider.getBlock("latest");
  if (head === null) throw new Error("the node has no latest block");
  const at = { blockTag: head.number };
  const registry = contractOf("OperatorRegistry", deployment, provider);
  const ledger = contractOf("CheckpointLedger", deployment, provider);
  const number = async (contract: Contract, method: string) => Number(await contract.getFunction(method)(at));
  const logs = (contract: Contract, event: string, from = deployment.startBlock) =>
    allLogs(contract, event, from, head.number);

  const [operators, attested, final, fell, [next, notBefore], cost] = await Promise.all([
    operatorsOf(registry, deployment, logs, head.number),
    standing(ledger, "latestAttested", head),
    standing(ledger, "latestFinal", head),
    logs(ledger, "CheckpointFell"),
    ledger.getFunction("successor")(at) as Promise<[string, bigint]>,
    costOf(connection, deployment, head, (from) => logs(ledger, "CheckpointCommitted", from)),
  ]);
  return {
    chainId: deployment.chainId,
    profile: deployment.profile,
    block: head.number,
    time: head.timestamp,
    operators,
    epoch: await number(registry, "epoch"),
    pendingChanges: await number(registry, "pendingChanges"),
    nextEpochAt: await number(registry, "nextEpochAt"),
    pausedUntil: await number(registry, "pausedUntil"),
    attested,
    final,
    openDisputes: await disputesBetween(ledger, final.number + 1, attested.number, head.number),
    fallen: fell.reduce((sum, { args }) => sum + Number(args.getValue("to") - args.getValue("from")) + 1, 0),
    successor: BigInt(next) === 0n ? undefined : { ledger: next, notBefore: Number(notBefore) },
    cost,
  };
}

type Logs = (contract: Contract, event: string, from?: number) => Promise<EventLog[]>;

async function operatorsOf(registry: Contract, deployment: Deployment, logs: Logs, block: number) {
  const endpoints = new Map<string, string>();
  for (const event of ["OperatorJoined", "EndpointChanged"])
    for (const { args } of await logs(registry, event))
      endpoints.set(args.getValue("operator"), args.getValue("endpoint"));
  const records = await Promise.all(
    [...endpoints].map(async ([operator, endpoint]) => {
      const record = await operatorOf(registry, operator, block);
      return { operator, endpoint, record, counts: BigInt(record.listedSigner) !== 0n };
    }),
  );
  const total = records.reduce((sum, { record, counts }) => sum + (counts ? record.stake : 0n), 0n);
  const until = async (leftAt: bigint) => {
    const active = leftAt + BigInt(deployment.parameters.unbondingSeconds);
    return Number(await registry.getFunction("wallTime")(active, { blockTag: block }));
  };
  return Promise.all(
    records.map(async ({ operator, endpoint, record, counts }): Promise<OperatorView> => {
      const { signer, status, stake, leftAt } = record;
      const shareMillionths = counts ? Number((stake * 1_000_000n) / total) : 0;
      const withdrawableAt = status === "left" ? await until(leftAt) : undefined;
      return { operator, signer, endpoint, status, stake, shareMillionths, withdrawableAt };
    }),
  );
}

async function standing(ledger: Contract, which: string, head: { number: number; timestamp: number }) {
  const at = { blockTag: head.number };
  const { number, hash } = await ledger.getFunction(which)(at);
  const record = await ledger.getFunction("checkpoint")(number, at);
  const committedAt = Number(record.committedAt);
  const ageSeconds = head.timestamp - committedAt;
  return { number: Number(number), hash, committedAt, ageSeconds, openDisputes: Number(record.openDisputes) };
}

async function disputesBetween(ledger: Contract, from: number, to: number, block: number): Promise<number> {
  let open = 0;
  for (let number = from; number <= to; number++) {
    const record = await ledger.getFunction("checkpoint")(number, { blockTag: block });
    if (!record.fallen) open += Number(record.openDisputes);
  }
  return open;
}

async function costOf(
  connection: Connection,
  deployment: Deployment,
  head: { number: number; timestamp: number },
  commitsFrom: (block: number) => Promise<EventLog[]>,
): Promise<Cost> {
  const { provider } = connection;
  const timeOf = async (block: number) => (await provider.getBlock(block))?.timestamp ?? 0;
  const since = Math.max(head.timestamp - DAY, await timeOf(deployment.startBlock));
  let [low, high] = [deployment.startBlock, head.number];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await timeOf(middle)) < since) low = middle + 1;
    else high = middle;
  }
  // Checkpoint 0 came with the contract.
  const commits = (await commitsFrom(low)).filter(({ args }) => args.getValue("number") > 0n);
  const hashes = commits.map(({ transactionHash }) => transactionHash);
  const receipts = await Promise.all(hashes.slice(-SAMPLE).map((hash) => provider.getTransactionReceipt(hash)));
  const used = receipts.flatMap((receipt) => receipt?.gasUsed ?? []);
  const gasPerCommit = used.length === 0 ? 0n : used.reduce((sum, gas) => sum + gas, 0n) / BigInt(used.length);
  const overSeconds = Math.max(head.timestamp - since, 1);
  const gasPerDay = (gasPerCommit * BigInt(hashes.length) * BigInt(DAY)) / BigInt(overSeconds);
  const gasPrice = BigInt((await connection.request("eth_gasPrice", [])) as string);
  return { commits: hashes.length, overSeconds, gasPerCommit, gasPerDay, gasPrice, weiPerDay: gasPerDay * gasPrice };
}

/** Nodes refuse ranges that are too long, each with a bound of its own: what is refused is asked for in two halves. */
async function allLogs(contract: Contract, event: string, from: number, to: number): Promise<EventLog[]> {
  try {
    return (await contract.queryFilter(contract.getEvent(event)(), from, to)) as EventLog[];
  } catch (error) {
    if (from >= to) throw error;
    const middle = Math.floor((from + to) / 2);
    const first = await allLogs(contract, event, from, middle);
    return [...first, ...(await allLogs(contract, event, middle + 1, to))];
  }
}

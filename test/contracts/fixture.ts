import assert from "node:assert/strict";
import {
  type Abi,
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  concat,
  createPublicClient,
  createWalletClient,
  custom,
  type Hex,
  hashTypedData,
  keccak256,
  numberToHex,
  type PublicClient,
  type parseEventLogs,
  toHex,
} from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import {
  checkpointLedgerAbi,
  equivocationCourtAbi,
  foldCourtAbi,
  guardianAbi,
  operatorRegistryAbi,
  stakeTokenAbi,
  tokenConsumerAbi,
  weftReaderAbi,
} from "../../offchain/chain/abi.ts";
import type { Deployment, DeploymentParameters } from "../../offchain/chain/deployment.ts";
import { deploy, deployContract } from "../../scripts/deploy.ts";
import { loadArtifact } from "../../scripts/lib/artifacts.ts";
import { hre } from "../../scripts/lib/hardhat.ts";
import { type Connection, fromHardhat } from "../../scripts/lib/network.ts";

export interface Operator {
  owner: Address;
  signer: PrivateKeyAccount;
  stake: bigint;
}

export interface Call {
  address: Address;
  abi: Abi;
  functionName: string;
  args?: readonly unknown[];
  account?: Address;
}

/** What a transaction may use: to estimate costs many times what it does. */
const MOST_GAS = 2n ** 24n;

/** A deployment on an embedded chain of its own, seen through viem and through ethers. */
export interface World {
  deployment: Deployment;
  connection: Connection;
  chain: PublicClient;
  accounts: Address[];
  registry: { address: Address; abi: typeof operatorRegistryAbi };
  ledger: { address: Address; abi: typeof checkpointLedgerAbi };
  court: { address: Address; abi: typeof equivocationCourtAbi };
  foldCourt: { address: Address; abi: typeof foldCourtAbi };
  guardian: { address: Address; abi: typeof guardianAbi };
  reader: { address: Address; abi: typeof weftReaderAbi };
  consumer: { address: Address; abi: typeof tokenConsumerAbi };
  token: { address: Address; abi: typeof stakeTokenAbi };
  /** Sends a transaction and returns its gas and logs. */
  send(call: Call): Promise<{ gas: bigint; logs: Parameters<typeof parseEventLogs>[0]["logs"] }>;
  /** Asks the chain's node anything. */
  request(method: string, params?: unknown[]): Promise<unknown>;
  /** Moves the clock and mines a block there. */
  pass(seconds: number): Promise<void>;
  /** Remembers the state; the returned function brings it back. */
  remember(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export async function openWorld(overrides: Partial<DeploymentParameters> = {}): Promise<World> {
  const hardhat = await hre.network.create("default");
  const connection = await fromHardhat(hardhat);
  const { deployment } = await deploy({ connection, overrides });
  const transport = custom(hardhat.provider, { retryCount: 0 });
  const chain = createPublicClient({ transport, pollingInterval: 10, cacheTime: 0 }) as PublicClient;
  const wallet = createWalletClient({ transport });
  const accounts = await wallet.getAddresses();
  const request = (method: string, params: unknown[] = []) => hardhat.provider.request({ method, params });
  const { contracts } = deployment;
  return {
    deployment,
    connection,
    chain,
    accounts,
    request,
    registry: { address: contracts.operatorRegistry, abi: operatorRegistryAbi },
    ledger: { address: contracts.checkpointLedger, abi: checkpointLedgerAbi },
    court: { address: contracts.equivocationCourt, abi: equivocationCourtAbi },
    foldCourt: { address: contracts.foldCourt, abi: foldCourtAbi },
    guardian: { address: contracts.guardian, abi: guardianAbi },
    reader: { address: contracts.weftReader, abi: weftReaderAbi },
    consumer: { address: contracts.tokenConsumer, abi: tokenConsumerAbi },
    token: { address: contracts.stakeToken, abi: stakeTokenAbi },
    async send({ account = accounts[0] as Address, ...call }) {
      const hash = await wallet.writeContract({ ...call, account, chain: null, gas: MOST_GAS } as Parameters<
        typeof wallet.writeContract
      >[0]);
      const receipt = await chain.waitForTransactionReceipt({ hash });
      assert.equal(receipt.status, "success");
      return { gas: receipt.gasUsed, logs: receipt.logs };
    },
    async pass(seconds) {
      // From the latest block's time on: a clock may tick between two calls.
      const { timestamp } = await chain.getBlock();
      await request("evm_setNextBlockTimestamp", [Number(timestamp) + seconds]);
      await request("evm_mine");
    },
    async remember() {
      const id = await request("evm_snapshot");
      return async () => {
        assert.equal(await request("evm_revert", [id]), true);
      };
    },
    close: () => hardhat.close(),
  };
}

const abis: Abi[] = [
  operatorRegistryAbi,
  checkpointLedgerAbi,
  equivocationCourtAbi,
  foldCourtAbi,
  guardianAbi,
  weftReaderAbi,
  tokenConsumerAbi,
];
const errors = abis.flat().filter(({ type }) => type === "error");

/** Fails unless the call reverts with exactly this custom error and, where given, these arguments. */
export async function reverts(world: World, call: Call, errorName: string, args?: readonly unknown[]): Promise<void> {
  try {
    // Errors pass through callers, so those of all contracts are known to every call.
    const abi = [...call.abi, ...errors];
    await world.chain.simulateContract({ account: world.accounts[0] as Address, ...call, abi });
  } catch (error) {
    const revert = error instanceof BaseError ? error.walk((e) => e instanceof ContractFunctionRevertedError) : null;
    if (!(revert instanceof ContractFunctionRevertedError)) throw error;
    assert.equal(revert.data?.errorName ?? revert.signature, errorName);
    if (args !== undefined) assert.deepEqual(revert.data?.args, args);
    return;
  }
  assert.fail(`${call.functionName} did not revert with ${errorName}`);
}

export function operatorAt(world: World, index: number, stake?: bigint): Operator {
  return {
    owner: world.accounts[index + 1] as Address,
    signer: privateKeyToAccount(keccak256(toHex(`hot key ${index}`))),
    stake: stake ?? BigInt(world.deployment.parameters.minStake),
  };
}

export function consent(world: World, operator: Address, signer: PrivateKeyAccount): Promise<Hex> {
  return signer.signTypedData({
    domain: {
      name: "Weft",
      version: "1",
      chainId: world.deployment.chainId,
      verifyingContract: world.registry.address,
    },
    types: {
      SignerConsent: [
        { name: "operator", type: "address" },
        { name: "signer", type: "address" },
      ],
    },
    primaryType: "SignerConsent",
    message: { operator, signer: signer.address },
  });
}

/** Mints, approves, and returns the call that joins. */
export async function prepareJoin(world: World, o: Operator): Promise<Call> {
  await world.send({ ...world.token, functionName: "mint", args: [o.owner, o.stake] });
  await world.send({
    ...world.token,
    functionName: "approve",
    args: [world.registry.address, o.stake],
    account: o.owner,
  });
  const proof = await consent(world, o.owner, o.signer);
  const args = [o.signer.address, "127.0.0.1:9000", o.stake, proof];
  return { ...world.registry, functionName: "join", args, account: o.owner };
}

/** Operators that join and form the first set. */
export async function found(world: World, count: number, stakes: bigint[] = []): Promise<Operator[]> {
  const operators = Array.from({ length: count }, (_, i) => operatorAt(world, i, stakes[i]));
  for (const operator of operators) await world.send(await prepareJoin(world, operator));
  await world.send({ ...world.registry, functionName: "activateEpoch", args: [[]] });
  return operators;
}

/** The operator set as the formats define it. */
export function setOf(operators: readonly Operator[]): bigint[] {
  const words = operators.map(({ signer, stake }) => (BigInt(signer.address) << 96n) | stake);
  return words.sort((a, b) => (a < b ? -1 : 1));
}

export async function deployHarness(world: World): Promise<{ address: Address; abi: Abi }> {
  const { contract } = await deployContract(await world.connection.account(), "FormatsHarness", []);
  return { address: contract.target as Address, abi: loadArtifact("FormatsHarness").abi as Abi };
}

export const segmentTypes = {
  Segment: [
    { name: "operator", type: "address" },
    { name: "incarnation", type: "bytes16" },
    { name: "sequence", type: "uint64" },
    { name: "previous", type: "bytes32" },
    { name: "snapshotsRoot", type: "bytes32" },
    { name: "snapshotCount", type: "uint32" },
  ],
} as const;

export const checkpointTypes = {
  Checkpoint: [
    { name: "number", type: "uint64" },
    { name: "parent", type: "bytes32" },
    { name: "registryPosition", type: "uint64" },
    { name: "registryHash", type: "bytes32" },
    { name: "cutRoot", type: "bytes32" },
    { name: "entryCount", type: "uint32" },
    { name: "segmentsRoot", type: "bytes32" },
    { name: "segmentCount", type: "uint32" },
    { name: "memoryRoot", type: "bytes32" },
    { name: "memoryTraceRoot", type: "bytes32" },
  ],
} as const;

export interface Header {
  operator: Address;
  incarnation: Hex;
  sequence: bigint;
  previous: Hex;
  snapshotsRoot: Hex;
  snapshotCount: number;
}

export function headerTypedData(deployment: Deployment, message: Header) {
  return { domain: deployment.domain, types: segmentTypes, primaryType: "Segment", message } as const;
}

export function headerHash(deployment: Deployment, header: Header): Hex {
  return hashTypedData(headerTypedData(deployment, header));
}

/** A tree as the formats define it, written down the obvious way and apart from the code under test. */
export class ReferenceTree {
  readonly kind: number;
  readonly depth: number;
  private readonly levels: Map<number, Hex>[];
  private readonly empties: Hex[];

  constructor(kind: number, depth: number, leaves: Map<number, Hex>) {
    this.kind = kind;
    this.depth = depth;
    this.empties = [keccak256(numberToHex(kind, { size: 1 }))];
    this.levels = [leaves];
    for (let level = 0; level < depth; level++) {
      const empty = this.empties[level] as Hex;
      this.empties.push(this.node(empty, empty));
      const above = new Map<number, Hex>();
      for (const index of this.levels[level]?.keys() ?? []) {
        const left = index - (index % 2);
        above.set(left / 2, this.node(this.at(level, left), this.at(level, left + 1)));
      }
      this.levels.push(above);
    }
  }

  get root(): Hex {
    return this.at(this.depth, 0);
  }

  proof(index: number): Hex[] {
    return Array.from({ length: this.depth }, (_, level) => {
      const own = Math.floor(index / 2 ** level);
      return this.at(level, own % 2 === 0 ? own + 1 : own - 1);
    });
  }

  private at(level: number, index: number): Hex {
    return this.levels[level]?.get(index) ?? (this.empties[level] as Hex);
  }

  private node(left: Hex, right: Hex): Hex {
    return keccak256(concat([numberToHex(0x80 | this.kind, { size: 1 }), left, right]));
  }
}

export function leaf(kind: number, data: Hex): Hex {
  return keccak256(concat([numberToHex(kind, { size: 1 }), data]));
}

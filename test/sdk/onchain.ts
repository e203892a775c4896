import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, createPublicClient, createWalletClient, type Hex, http, keccak256, parseAbi, toHex } from "viem";
import { hardhat } from "viem/chains";
import { checkpointLedgerAbi, operatorRegistryAbi } from "../../offchain/chain/abi.ts";
import type { Deployment } from "../../offchain/chain/deployment.ts";
import { fromHex, toHex as hexOf } from "../../offchain/core/bytes.ts";
import { encodeSet } from "../../offchain/core/registry.ts";
import { deploy } from "../../scripts/deploy.ts";
import { startEvmNode } from "../../scripts/lib/evm-node.ts";
import { connect } from "../../scripts/lib/network.ts";
import { activateEpoch, registerOperator } from "../../scripts/register-operator.ts";
import { type Keys, setOf, signerOf } from "../helpers/core.ts";
import { type Shape, World } from "./world.ts";

/** A real EVM node with the contracts and four operators, and what they commit there; no window ends by itself. */
export type Onchain = {
  url: string;
  deployment: Deployment;
  deploymentFile: string;
  keys: Keys[];
  client: ReturnType<typeof publicClient>;
  /** An answer of the first operator, whose checkpoints are yet to be committed. */
  write(shape?: Shape): Promise<World>;
  /** Commits the next checkpoints of what was written, up to this number. */
  commit(world: World, upTo: number): Promise<void>;
  /** Lets every challenge window end. */
  pass(): Promise<void>;
  /** In the place of the inference court one that says what it is told, until it is closed. */
  mockCourt(): Promise<{ say(turn: Hex, open: bigint, isVoid: boolean): Promise<void>; close(): Promise<void> }>;
  rpc(method: string, params?: unknown[]): Promise<unknown>;
  close(): Promise<void>;
};

/** What `npm run compile` makes of `MockTurnCourt`. */
const MOCK_COURT = new URL("../../artifacts/contracts/mocks/MockTurnCourt.sol/MockTurnCourt.json", import.meta.url);
const mockCourtAbi = parseAbi(["function set(bytes32 turn, uint256 open, bool voided)"]);

const publicClient = (url: string) => createPublicClient({ chain: hardhat, transport: http(url), cacheTime: 0 });

export async function openOnchain(folder: string): Promise<Onchain> {
  const node = await startEvmNode({ port: 0 });
  const connection = await connect(node.url);
  const overrides = { challengeWindowSeconds: 600, unbondingSeconds: 10_000 };
  const { deployment, path } = await deploy({ network: node.url, out: folder, overrides });
  const minter = await connection.account();
  const keys: Keys[] = [];
  for (let i = 0; i < 4; i++) {
    const owner = await connection.account(keccak256(toHex(`sdk owner ${i}`)));
    const signer = { privateKey: keccak256(toHex(`hot key ${i}`)) };
    await registerOperator({ deployment, owner, signer, endpoint: `127.0.0.1:${9000 + i}`, minter });
    keys.push({ operator: fromHex((await owner.getAddress()).toLowerCase()), signer: signerOf(`hot key ${i}`) });
  }
  await activateEpoch({ deployment, sender: minter });
  const client = publicClient(node.url);
  const wallet = createWalletClient({ chain: hardhat, transport: http(node.url) });
  const [account] = await wallet.getAddresses();
  const registry = { address: deployment.contracts.operatorRegistry, abi: operatorRegistryAbi } as const;
  const ledger = { address: deployment.contracts.checkpointLedger, abi: checkpointLedgerAbi } as const;
  const hashAt = async (number: bigint) =>
    fromHex(await client.readContract({ ...registry, functionName: "positionHash", args: [number] }));
  const rpc = (method: string, params: unknown[] = []) => client.request({ method, params } as never);
  return {
    url: node.url,
    deployment,
    deploymentFile: path as string,
    keys,
    client,
    rpc,
    async write(shape) {
      const position = await client.readContract({ ...registry, functionName: "position" });
      const at = { genesisHash: await hashAt(0n), position: Number(position), hash: await hashAt(position) };
      return new World(keys.slice(0, 2), shape, deployment.domain, at);
    },
    async commit(world, upTo) {
      const set = encodeSet(
        setOf(keys, [1000n * 10n ** 18n, 1000n * 10n ** 18n, 1000n * 10n ** 18n, 1000n * 10n ** 18n]),
      );
      const [latest] = await client.readContract({ ...ledger, functionName: "latestAttested" });
      for (let number = Number(latest) + 1; number <= upTo; number++) {
        const { checkpoint, hash } = world.made[number];
        const sorted = keys.toSorted((a, b) => (hexOf(a.signer.address) < hexOf(b.signer.address) ? -1 : 1));
        const signatures = concat(sorted.map(({ signer }) => hexOf(signer.sign(hash))));
        const struct = Object.fromEntries(
          Object.entries(checkpoint).map(([key, value]) => [key, typeof value === "number" ? value : hexOf(value)]),
        );
        const sent = await wallet.writeContract({
          ...ledger,
          functionName: "commit",
          args: [struct as never, set, signatures],
          account: account as Hex,
        });
        await client.waitForTransactionReceipt({ hash: sent, pollingInterval: 20 });
      }
    },
    async mockCourt() {
      const address = deployment.contracts.inferenceCourt;
      const real = await client.getCode({ address });
      const { deployedBytecode } = JSON.parse(readFileSync(MOCK_COURT, "utf8")) as { deployedBytecode: Hex };
      await rpc("hardhat_setCode", [address, deployedBytecode]);
      const say = async (turn: Hex, open: bigint, isVoid: boolean) => {
        const mock = { address, abi: mockCourtAbi, functionName: "set", args: [turn, open, isVoid] } as const;
        const hash = await wallet.writeContract({ ...mock, account: account as Hex });
        await client.waitForTransactionReceipt({ hash, pollingInterval: 20 });
      };
      return { say, close: async () => void (await rpc("hardhat_setCode", [address, real])) };
    },
    async pass() {
      await rpc("evm_increaseTime", [deployment.parameters.challengeWindowSeconds + 1]);
      await rpc("evm_mine");
    },
    async close() {
      await connection.close();
      await node.close();
    },
  };
}

/** Writes a receipt where command lines read it. */
export function receiptFile(folder: string, receipt: unknown): string {
  const file = join(folder, "receipt.json");
  writeFileSync(file, JSON.stringify(receipt));
  return file;
}

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import hre from "hardhat";
import {
  type Abi,
  type Address,
  createPublicClient,
  createWalletClient,
  custom,
  type Hex,
  zeroAddress,
  zeroHash,
} from "viem";
import { toHex, Writer } from "../../offchain/core/bytes.ts";
import { ListTree } from "../../offchain/core/list-tree.ts";
import { leafHash, TREE } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";

const golden = JSON.parse(readFileSync(new URL("../vectors/trace.json", import.meta.url), "utf8"));

/** The context of the golden trace. */
const context = new ListTree(
  crypto,
  TREE.context,
  golden.tokens.map((token: number) => leafHash(crypto, TREE.context, new Writer().u32(token).done())),
);

const accused = {
  turn: zeroHash,
  position: golden.tokens.length,
  token: 0,
  operator: zeroAddress,
  contextRoot: toHex(context.root),
  model: golden.model.root,
  constants: golden.model.constants,
  tensors: golden.tensorRoots.length,
  requestId: zeroHash,
  temperature: 0,
  gate: 0,
  memoryId: zeroHash,
  memoryCheckpoint: 0n,
  memoryCheckpointHash: zeroHash,
  opened: 0n,
  written: 0n,
  accuser: zeroAddress,
  bond: 0n,
};

describe("elements of the golden trace, as core opens them", () => {
  test("are right to the examiner, and nothing else when a byte is another", async () => {
    const hardhat = await hre.network.create("default");
    const transport = custom(hardhat.provider, { retryCount: 0 });
    const chain = createPublicClient({ transport, pollingInterval: 10, cacheTime: 0 });
    const wallet = createWalletClient({ transport });
    const [account] = (await wallet.getAddresses()) as [Address];
    const deploy = async (name: string, ...args: unknown[]) => {
      const artifact = await hre.artifacts.readArtifact(name);
      const [abi, bytecode] = [artifact.abi as Abi, artifact.bytecode as Hex];
      const hash = await wallet.deployContract({ abi, bytecode, args, account, chain: null });
      const { contractAddress } = await chain.waitForTransactionReceipt({ hash });
      return { abi, address: contractAddress as Address };
    };
    const models = await deploy("ModelRegistry");
    const elements = await deploy("ElementExaminer", account, models.address);
    const args = [golden.model.root, golden.model.leaves[0], golden.model.headProof, "golden"];
    const hash = await wallet.writeContract({ ...models, functionName: "registerExact", args, account, chain: null });
    await chain.waitForTransactionReceipt({ hash });
    for (const { kind, proof } of golden.elements) {
      const { position } = proof.place;
      const tokenProof = kind === "embedding" ? context.proof(position).map(toHex) : [];
      const whole = { ...proof, token: proof.token ?? 0, tokenProof };
      const judge = (shown: typeof whole) => {
        const which = { place: 0n, traceRoot: golden.traceRoot };
        return chain.readContract({ ...elements, functionName: "proveElement", args: [accused, which, shown, []] });
      };
      await assert.rejects(judge(whole), /InferenceCourtSound/, kind);
      const changed = structuredClone(whole);
      const [tile] = changed.operands[0].run.tiles;
      tile.values = tile.values.replace(/.$/, (digit: string) => (digit === "0" ? "1" : "0"));
      await assert.rejects(judge(changed), /InferenceCourtNotProven/, kind);
    }
    await hardhat.close();
  });
});

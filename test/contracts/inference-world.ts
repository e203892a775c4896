import hre from "hardhat";
import { type Abi, type Address, createPublicClient, createWalletClient, custom, type Hex } from "viem";
import type { Op } from "../../offchain/core/model-program.ts";
import type { Place, Prover } from "./plain-trace.ts";

/** The registry of models and the examiners, on an embedded chain of their own. */
export async function openExaminers() {
  const hardhat = await hre.network.create("default");
  const transport = custom(hardhat.provider, { retryCount: 0 });
  const chain = createPublicClient({ transport, pollingInterval: 10, cacheTime: 0 });
  const wallet = createWalletClient({ transport });
  const [account] = (await wallet.getAddresses()) as [Address];
  const deploy = async (name: string, ...args: unknown[]) => {
    const artifact = await hre.artifacts.readArtifact(name);
    const abi = artifact.abi as Abi;
    const bytecode = artifact.bytecode as Hex;
    const hash = await wallet.deployContract({ abi, bytecode, args, account, chain: null });
    const { contractAddress } = await chain.waitForTransactionReceipt({ hash });
    if (!contractAddress) throw new Error("not deployed");
    return { abi, address: contractAddress };
  };
  const models = await deploy("ModelRegistry");
  const elements = await deploy("ElementExaminer", account, models.address);
  return {
    async register(prover: Prover): Promise<bigint> {
      const args = [prover.caseOf.model, prover.head, prover.headProof(), "here"];
      const hash = await wallet.writeContract({ ...models, functionName: "registerExact", args, account, chain: null });
      return (await chain.waitForTransactionReceipt({ hash })).gasUsed;
    },
    /** What an element is, and what the trace says; and how much gas a transaction takes that shows it. */
    async element(prover: Prover, op: Op, place: Place): Promise<{ expected: bigint; stated: bigint; gas: bigint }> {
      const args = [prover.caseOf, prover.answerAt(), prover.element(op, place), []];
      const call = { ...elements, functionName: "proveElement", args, account };
      const [expected, stated] = (await chain.readContract(call)) as [bigint, bigint];
      return { expected, stated, gas: await chain.estimateContractGas(call) };
    },
    close: () => hardhat.close(),
  };
}

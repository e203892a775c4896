import hre from "hardhat";
import { type Abi, type Address, createPublicClient, createWalletClient, custom, type Hex } from "viem";
import type { Op } from "../../offchain/core/model-program.ts";
import type { Place, Prover } from "./plain-trace.ts";

/** Where the examiners read checkpoints, as far as their hashes say. */
const LEDGER: Address = "0x00000000000000000000000000000000001ed6e4";

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
  const elements = await deploy("ElementExaminer", LEDGER, models.address);
  const samples = await deploy("SampleExaminer", LEDGER, models.address);
  return {
    domain: { chainId: await chain.getChainId(), verifyingContract: LEDGER },
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
    /** Which token follows, and how much gas a transaction takes that shows it. */
    async token(prover: Prover, accused: object, proof: object): Promise<{ expected: bigint; gas: bigint }> {
      const args = [accused, prover.answerAt(), proof, []];
      const call = { ...samples, functionName: "proveSample", args, account };
      return { expected: (await chain.readContract(call)) as bigint, gas: await chain.estimateContractGas(call) };
    },
    close: () => hardhat.close(),
  };
}

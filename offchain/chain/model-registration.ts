import { encodeFunctionData } from "viem";
import { toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import { type Manifest, manifestLeaves, modelTree } from "../core/model-manifest.ts";
import type { Hashing } from "../core/ports.ts";
import { modelRegistryAbi as abi } from "./abi.ts";
import type { Deployment } from "./deployment.ts";
import { readContract } from "./read-contract.ts";
import { Rpc } from "./rpc.ts";
import { Sender } from "./sender.ts";

/** The gas of the registration; undefined where the model was registered before. */
export type Registered = { root: Hex; gas: bigint | undefined };

const EXACT = 2;

/**
 * Registers an exact model, so that whoever writes a wrong token with it can be accused. Anybody may, once.
 * @param account private key of the account that pays for it
 * @param uri where the model is found, at least one character
 * @throws WeftError `registration_failed`, `chain_unreachable`
 */
export async function registerModel(
  h: Hashing,
  { rpcUrl, deployment, account }: { rpcUrl: string; deployment: Deployment; account: Hex },
  manifest: Manifest,
  uri: string,
): Promise<Registered> {
  const rpc = new Rpc(rpcUrl);
  const sender = new Sender(rpc, account, deployment.chainId);
  const { modelRegistry: to } = deployment.contracts;
  const tree = modelTree(h, manifest);
  const root = toHex(tree.root);
  try {
    if ((await readContract(rpc, to, abi, "classOf", [root])) === EXACT) return { root, gas: undefined };
    const args = [root, toHex(manifestLeaves(manifest)[0]), tree.proof(0).map(toHex), uri] as const;
    const sent = await sender.send({ to, data: encodeFunctionData({ abi, functionName: "registerExact", args }) });
    if (sent.type === "mined") return { root, gas: sent.gas };
    throw new WeftError("registration_failed", `the model is not registered: ${sent.message}`, {
      field: "model",
      remedy: "check the RPC endpoint, the funds of the account and the deployment file",
    });
  } finally {
    rpc.stop();
  }
}

import type { Deployment } from "../../offchain/chain/deployment.ts";
import { deployContract } from "../../scripts/deploy.ts";
import { contractOf } from "../../scripts/lib/contracts.ts";
import { connect } from "../../scripts/lib/network.ts";
import { transact } from "../../scripts/lib/transact.ts";

/**
 * Deploys another ledger under the same registry and announces it to come next: what only the administrator may do.
 * @returns its address in lower case, and the block time from which on the old one takes nothing
 */
export async function announceSuccessor(rpcUrl: string, deployment: Deployment) {
  const connection = await connect(rpcUrl);
  const admin = await connection.account();
  const { contract } = await deployContract(admin, "CheckpointLedger", [deployment.contracts.operatorRegistry]);
  const latest = await connection.provider.getBlock("latest");
  const notBefore = latest!.timestamp + deployment.parameters.unbondingSeconds + 60;
  const ledger = contractOf("CheckpointLedger", deployment, admin);
  await transact("Announcing the successor", ledger, "announceSuccessor", [contract.target, notBefore]);
  await connection.close();
  return { ledger: (contract.target as string).toLowerCase(), notBefore };
}

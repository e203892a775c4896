/** What a dApp imports: the chain through viem, proofs, deployments. */
export { type Deployment, parseDeployment } from "../chain/deployment.ts";
export { WeftError } from "../core/errors.ts";
export type { ProofVerdict, ProvenToken, ReceiptVerdict, WeftActions } from "./actions.ts";
export type { CheckpointView, Successor } from "./ledger.ts";
export * from "./proof.ts";
export type { ReceiptSnapshot, SnapshotProofStruct } from "./receipt.ts";
export { type ViemClient, weftActions } from "./viem.ts";
export type { CheckpointEvent, WatchOptions } from "./watch.ts";
export type { ReceiptQuery } from "./workers.ts";

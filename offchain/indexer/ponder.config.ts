import { join } from "node:path";
import { createConfig } from "ponder";
import {
  availabilityCourtAbi,
  checkpointLedgerAbi,
  cutCourtAbi,
  equivocationCourtAbi,
  foldCourtAbi,
  inferenceCourtAbi,
  operatorRegistryAbi,
} from "../chain/abi.ts";
import { settingsFrom } from "./settings.ts";

const { deployment, rpc, folder, databaseUrl } = settingsFrom(process.env);
const { chainId, contracts, startBlock, profile } = deployment;
const isDevnet = profile === "devnet";

export default createConfig({
  database: databaseUrl
    ? { kind: "postgres", connectionString: databaseUrl }
    : { kind: "pglite", directory: join(folder, "pglite") },
  chains: {
    weft: {
      id: chainId,
      rpc,
      pollingInterval: isDevnet ? 100 : 1_000,
      // A devnet's chain is another one after every start, with the same addresses and numbers.
      disableCache: isDevnet,
    },
  },
  contracts: {
    OperatorRegistry: { chain: "weft", abi: operatorRegistryAbi, address: contracts.operatorRegistry, startBlock },
    CheckpointLedger: { chain: "weft", abi: checkpointLedgerAbi, address: contracts.checkpointLedger, startBlock },
    EquivocationCourt: { chain: "weft", abi: equivocationCourtAbi, address: contracts.equivocationCourt, startBlock },
    FoldCourt: { chain: "weft", abi: foldCourtAbi, address: contracts.foldCourt, startBlock },
    CutCourt: { chain: "weft", abi: cutCourtAbi, address: contracts.cutCourt, startBlock },
    AvailabilityCourt: { chain: "weft", abi: availabilityCourtAbi, address: contracts.availabilityCourt, startBlock },
    InferenceCourt: { chain: "weft", abi: inferenceCourtAbi, address: contracts.inferenceCourt, startBlock },
  },
});

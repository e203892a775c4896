import { join } from "node:path";
import type { Devnet, Operator } from "../../../offchain/cli/devnet.ts";
import { fromHex } from "../../../offchain/core/bytes.ts";
import { Replica } from "../../../offchain/core/replica.ts";
import { decodeSegment } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { separatorOf } from "../../../offchain/node/protocol-options.ts";
import { Store } from "../../../offchain/store/store.ts";

/** Opens what a worker left on disk; the worker must have ended. */
export function withStore<R>({ deployment }: Devnet, operator: Operator, use: (store: Store) => R): R {
  const store = Store.open(join(operator.folder, "data"), {
    identity: {
      operator: fromHex(operator.owner, 20),
      chainId: deployment.chainId,
      ledger: fromHex(deployment.contracts.checkpointLedger, 20),
    },
  });
  try {
    return use(store);
  } finally {
    store.close();
  }
}

/** What follows from the segments of a store. Throws on one that breaks a rule or does not chain. */
export function replicaOf(devnet: Devnet, operator: Operator, store: Store): Replica {
  const replica = new Replica({
    crypto,
    separator: separatorOf(crypto, devnet.deployment),
    self: fromHex(operator.owner, 20),
    registryGenesis: new Uint8Array(32),
  });
  for (const { hash, bytes } of store.allSegments())
    for (const effect of replica.step({ type: "restore", segment: decodeSegment(bytes), hash }))
      if (effect.type === "fault") throw effect.error;
  return replica;
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { JsonRpcProvider } from "ethers";
import { keccak256, toHex } from "viem";
import { commitCheckpoint } from "../../offchain/chain/committer.ts";
import { Rpc } from "../../offchain/chain/rpc.ts";
import { Sender } from "../../offchain/chain/sender.ts";
import type { CommitResult, Effect, ProtocolEvent } from "../../offchain/core/events.ts";
import type { Protocol } from "../../offchain/core/protocol.ts";
import type { Config } from "../../offchain/node/config.ts";
import { Driver } from "../../offchain/node/driver.ts";
import { Observer } from "../../offchain/node/observer.ts";
import type { RowBook } from "../../offchain/node/row-book.ts";
import type { WeftActions } from "../../offchain/sdk/actions.ts";
import { weft } from "../../offchain/sdk/ethers.ts";
import { weftActions } from "../../offchain/sdk/viem.ts";
import { until } from "../helpers/e2e/until.ts";
import { announceSuccessor } from "../helpers/successor.ts";
import { type Onchain, openOnchain } from "./onchain.ts";

describe("a ledger that another one succeeds", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-successor-"));
  let chain: Onchain;
  let provider: JsonRpcProvider;
  let readers: WeftActions[];
  let successor: string;

  before(async () => {
    chain = await openOnchain(folder);
    provider = new JsonRpcProvider(chain.url, undefined, { cacheTimeout: -1 });
    readers = [chain.client.extend(weftActions(chain.deployment)), weft(provider, chain.deployment)];
  });
  after(async () => {
    provider.destroy();
    await chain.close();
    rmSync(folder, { recursive: true });
  });

  test("readers are told of it when it is announced, and where to go on from when it has taken over", async () => {
    for (const actions of readers) assert.equal(await actions.getSuccessor(), undefined);
    const announced = await announceSuccessor(chain.url, chain.deployment);
    successor = announced.ledger;
    for (const actions of readers) {
      assert.deepEqual(await actions.getSuccessor(), { ...announced, retired: false });
      assert.equal((await actions.getLatestFinal()).successor, undefined, "the old one still takes checkpoints");
    }
    await chain.rpc("evm_increaseTime", [chain.deployment.parameters.unbondingSeconds + 60]);
    await chain.rpc("evm_mine");
    for (const actions of readers) {
      assert.deepEqual(await actions.getSuccessor(), { ...announced, retired: true });
      assert.equal((await actions.getLatestFinal()).successor, successor);
      assert.equal((await actions.getLatestAttested()).successor, successor);
    }
  });

  test("a worker that commits to it learns where to go, says so once, and tells the protocol to stop", async () => {
    const { made } = await chain.write();
    const rpc = new Rpc(chain.url);
    const sender = new Sender(rpc, keccak256(toHex("hot key 0")), chain.deployment.chainId);
    const observer = new Observer({ logLevel: "silent", operator: "0x" } as unknown as Config);
    const outcomes: CommitResult[] = [];
    const faults: unknown[] = [];
    const driver = new Driver({
      protocol: {
        step: (event: ProtocolEvent) => {
          if (event.type === "commit") outcomes.push(event.outcome);
          return [];
        },
      } as unknown as Protocol,
      store: { write() {}, segment: () => undefined },
      rows: {} as RowBook,
      now: () => 0,
      failpoint() {},
      onFault: (_kind, _operator, error) => faults.push(error),
      onAccused() {},
      onCommitted() {},
      onMined() {},
      onRetired: (ledger) => observer.retired(ledger),
      onFatal() {},
    });
    const { checkpointLedger } = chain.deployment.contracts;
    driver.connect({
      chain: {
        commit: (...args) => commitCheckpoint(sender, checkpointLedger, ...args),
        convict() {},
        condemn() {},
        challenge() {},
      },
    });
    const said: unknown[] = [];
    observer.log.error = ((fields: unknown) => said.push(fields)) as typeof observer.log.error;
    const set = chain.keys.map(({ signer }) => ({ signer: signer.address, stake: 1000n * 10n ** 18n }));
    set.sort((a, b) => Buffer.compare(a.signer, b.signer));
    const commit: Effect = { type: "commit", checkpoint: made[1].checkpoint, set, signatures: [] };
    for (const times of [1, 2]) {
      driver.carryOut([commit]);
      await until("the chain has answered", () => outcomes.length === times);
    }
    rpc.stop();
    assert.deepEqual(outcomes, [{ type: "retired" }, { type: "retired" }]);
    assert.deepEqual(faults, []);
    assert.equal(observer.successor?.toLowerCase(), successor);
    const [{ code, remedy }] = said as { code: string; remedy: string }[];
    assert.deepEqual([said.length, code, /successor\.md/.test(remedy)], [1, "ledger_retired", true]);
    assert.match(await observer.metrics.registry.metrics(), /^weft_ledger_retired 1$/m);
    observer.takes();
    assert.match(await observer.metrics.registry.metrics(), /^weft_ledger_retired 0$/m);
    assert.equal(observer.successor, undefined);
  });
});

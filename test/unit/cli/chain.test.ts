import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { JsonRpcProvider } from "ethers";
import { startChain } from "../../../offchain/cli/devnet/chain.ts";
import { freePorts } from "../../../offchain/cli/devnet/ports.ts";

test("the development chain's clock does not run ahead, however many transactions come", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-chain-"));
  const [port] = await freePorts(1);
  const chain = await startChain({ port, folder });
  const provider = new JsonRpcProvider(chain.rpcUrl, undefined, { cacheTimeout: -1, batchMaxCount: 1 });
  try {
    const bank = await provider.getSigner(0);
    const first = (await provider.getBlock("latest"))!;
    for (let i = 0; i < 40; i++) await bank.sendTransaction({ to: bank.address, value: 1n });
    const last = (await provider.getBlock("latest"))!;
    assert.ok(last.number >= first.number + 40, "a block for every transaction");
    assert.ok(last.timestamp >= first.timestamp);
    assert.ok(last.timestamp <= Date.now() / 1000 + 1, `${last.timestamp - Date.now() / 1000} s ahead`);
  } finally {
    provider.destroy();
    await chain.stop();
    rmSync(folder, { recursive: true });
  }
});

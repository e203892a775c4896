import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Rpc } from "../../../offchain/chain/rpc.ts";
import { Sender } from "../../../offchain/chain/sender.ts";
import { accountKey } from "../../../offchain/cli/devnet/accounts.ts";
import { startChain } from "../../../offchain/cli/devnet/chain.ts";
import { freePorts } from "../../../offchain/cli/devnet/ports.ts";

test("S11: what a reorganisation takes back together with the one before it keeps nothing waiting", async () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-sender-"));
  const [port] = await freePorts(1);
  const chain = await startChain({ port, folder });
  const rpc = new Rpc(chain.rpcUrl);
  const sender = new Sender(rpc, accountKey(1), 31_337);
  const call = { to: sender.address, data: "0x" } as const;
  try {
    const snapshot = await rpc.request("evm_snapshot");
    assert.equal((await sender.send(call)).type, "mined");
    const { request } = rpc;
    rpc.request = async (method: string, params?: unknown[]) => {
      const answer = await request.call(rpc, method, params);
      if (method !== "eth_sendRawTransaction") return answer as never;
      rpc.request = request;
      await request.call(rpc, "evm_revert", [snapshot]);
      return answer as never;
    };
    const began = performance.now();
    const lost = await sender.send(call);
    assert.equal(lost.type, "unreachable");
    assert.match((lost as { message: string }).message, /took back the transaction before this one/);
    assert.ok(performance.now() - began < 20_000, "no wait for a receipt that cannot come");
    assert.equal((await sender.send(call)).type, "mined");
  } finally {
    rpc.stop();
    await chain.stop();
    rmSync(folder, { recursive: true });
  }
});

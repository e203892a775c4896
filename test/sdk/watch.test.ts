import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Contract, JsonRpcProvider } from "ethers";
import { toFunctionSelector } from "viem";
import { toHex } from "../../offchain/core/bytes.ts";
import { createActions } from "../../offchain/sdk/actions.ts";
import { sourceOf as ethersSource } from "../../offchain/sdk/ethers.ts";
import { Ledger } from "../../offchain/sdk/ledger.ts";
import type { ChainSource } from "../../offchain/sdk/source.ts";
import { sourceOf as viemSource } from "../../offchain/sdk/viem.ts";
import { type CheckpointEvent, CheckpointFollower } from "../../offchain/sdk/watch.ts";
import { until } from "../helpers/e2e/until.ts";
import { type Onchain, openOnchain, receiptFile } from "./onchain.ts";
import type { World } from "./world.ts";

describe("watching checkpoints", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-watch-"));
  let chain: Onchain;
  let world: World;
  let provider: JsonRpcProvider;
  const ranges: [number, number][] = [];

  before(async () => {
    chain = await openOnchain(folder);
    world = await chain.write();
    provider = new JsonRpcProvider(chain.url, undefined, { cacheTimeout: -1 });
  });
  after(async () => {
    provider.destroy();
    await chain.close();
    rmSync(folder, { recursive: true });
  });

  const follow = (source: ChainSource) =>
    new CheckpointFollower(new Ledger(source, chain.deployment), chain.deployment, chain.deployment.startBlock);
  const brief = (events: CheckpointEvent[]) => events.map(({ type, number }) => `${type} ${number}`);

  test("attested, final, and taken back by a reorganisation; with viem as with ethers, in bounded ranges", async () => {
    const noted: ChainSource = { ...viemSource(chain.client) };
    const { logs } = noted;
    noted.logs = (address, topics, from, to) => {
      ranges.push([from, to]);
      return logs(address, topics, from, to);
    };
    const followers = [follow(noted), follow(ethersSource(provider))];
    const step = async () => {
      const [a, b] = await Promise.all(followers.map((one) => one.step()));
      assert.deepEqual(a, b);
      return brief(a);
    };
    assert.deepEqual(await step(), ["attested 0", "final 0"]);
    await chain.commit(world, 1);
    assert.deepEqual(await step(), ["attested 1"]);
    assert.deepEqual(await step(), []);
    const snapshot = await chain.rpc("evm_snapshot");
    await chain.commit(world, 3);
    assert.deepEqual(await step(), ["attested 2", "attested 3"]);
    await chain.pass();
    assert.deepEqual(await step(), ["final 1", "final 2", "final 3"]);
    assert.equal(await chain.rpc("evm_revert", [snapshot]), true);
    await chain.rpc("evm_mine");
    assert.deepEqual(await step(), ["removed 3", "removed 2"], "the last first");
    await chain.rpc("hardhat_mine", ["0x1388"]);
    await chain.commit(world, 3);
    await chain.pass();
    ranges.length = 0;
    assert.deepEqual(await step(), ["attested 2", "attested 3", "final 2", "final 3"]);
    assert.ok(ranges.length >= 3);
    for (const [i, [from, to]] of ranges.entries()) {
      assert.ok(to - from < 2_000);
      if (i > 0) assert.equal(from, ranges[i - 1][1] + 1);
    }
  });

  test("a chain that moves while a range is read: nothing of it is told, and nothing is lost", async () => {
    const source = { ...viemSource(chain.client) };
    const { block } = source;
    let bent = 1;
    source.block = async (which) => {
      const found = await block(which);
      if (which === "latest" || !found || bent-- <= 0) return found;
      return { ...found, hash: `0x${"11".repeat(32)}` };
    };
    const follower = follow(source);
    assert.deepEqual(await follower.step(), []);
    const events = [...(await follower.step()), ...(await follower.step())];
    assert.deepEqual(brief(events).sort(), [0, 1, 2, 3].flatMap((n) => [`attested ${n}`, `final ${n}`]).sort());
  });

  test("what became of a checkpoint is told only when the ledger still has that one under its number", async () => {
    const source = { ...viemSource(chain.client) };
    const { call } = source;
    let bent = true;
    const other = `0x${"11".repeat(32)}` as const;
    source.call = async (to, data, block) =>
      bent && data.startsWith(toFunctionSelector("checkpointHash(uint64)")) ? other : call(to, data, block);
    const follower = follow(source);
    assert.deepEqual(brief(await follower.step()), ["attested 0", "attested 1", "attested 2", "attested 3"]);
    bent = false;
    assert.deepEqual(brief(await follower.step()), ["final 0", "final 1", "final 2", "final 3"]);
  });

  test("a checkpoint that falls is told, and what it contained is not proven any more", async () => {
    const own = await openOnchain(mkdtempSync(join(folder, "fall-")));
    const talking = new JsonRpcProvider(own.url, undefined, { cacheTimeout: -1 });
    try {
      const story = await own.write();
      const { deployment } = own;
      const sources = [viemSource(own.client), ethersSource(talking)];
      const followers = sources.map(
        (source) => new CheckpointFollower(new Ledger(source, deployment), deployment, deployment.startBlock),
      );
      const step = async () => {
        const [a, b] = await Promise.all(followers.map((one) => one.step()));
        assert.deepEqual(a, b);
        return brief(a);
      };
      await own.commit(story, 2);
      assert.deepEqual(await step(), ["attested 0", "attested 1", "attested 2", "final 0"]);
      const { checkpointLedger, guardian } = deployment.contracts;
      const brake = new Contract(
        guardian,
        ["function invalidate(address ledger, uint64 number, bytes32 hash)"],
        await talking.getSigner(),
      );
      await (await brake.getFunction("invalidate").send(checkpointLedger, 2, toHex(story.made[2].hash))).wait();
      assert.deepEqual(await step(), ["fallen 2"]);
      for (const source of sources) {
        const actions = createActions(source, deployment);
        const fell = await actions.verifyReceipt(story.receipt(5, 2));
        assert.deepEqual(fell.status === "refused" && [fell.fault.code, fell.fault.field], [
          "checkpoint_fallen",
          "snapshots.1.proof.number",
        ]);
        assert.equal((await actions.getCheckpoint(2)).status, "fallen");
        assert.equal((await actions.getLatestAttested()).number, 1);
        const before = await actions.verifyReceipt(story.receipt(3, 2));
        assert.equal(before.status, "attested", JSON.stringify(before));
      }
      const file = receiptFile(folder, story.receipt(5, 2));
      const script = new URL("independent.mjs", import.meta.url).pathname;
      const alone = spawn(process.execPath, [
        script,
        file,
        own.url,
        checkpointLedger,
        deployment.contracts.operatorRegistry,
      ]);
      let said = "";
      alone.stdout.on("data", (text) => {
        said += text;
      });
      await once(alone, "close");
      assert.deepEqual(JSON.parse(said), { status: "refused", why: "the checkpoint fell" });
      await own.pass();
      assert.deepEqual(await step(), ["final 1"]);
    } finally {
      talking.destroy();
      await own.close();
    }
  });

  test("polls until it is told to stop, and says when the node does not answer", async () => {
    let dead = true;
    const alive = viemSource(chain.client);
    const source: ChainSource = {
      ...alive,
      chainId: () => (dead ? Promise.reject(new Error("no route")) : alive.chainId()),
    };
    const events: CheckpointEvent[] = [];
    const errors: string[] = [];
    const stop = createActions(source, chain.deployment).watchCheckpoints({
      onEvent: (event) => events.push(event),
      onError: ({ code }) => errors.push(code),
      pollMs: 20,
    });
    await until("it says so", () => errors.length > 1);
    dead = false;
    await until("all are told", () => events.length === 8);
    stop();
    assert.deepEqual(new Set(errors), new Set(["chain_unreachable"]));

    const second = events.find(({ type, number }) => type === "attested" && number === 2);
    const later: CheckpointEvent[] = [];
    let asked = 0;
    const counted: ChainSource = {
      ...alive,
      block(which) {
        asked += 1;
        return alive.block(which);
      },
    };
    const end = createActions(counted, chain.deployment).watchCheckpoints({
      onEvent(event) {
        later.push(event);
        end();
      },
      fromBlock: second!.blockNumber + 1,
      pollMs: 1,
    });
    await until("one is told", () => later.length > 0);
    const whenEnded = asked;
    await chain.rpc("evm_mine");
    await sleep(200);
    assert.deepEqual(brief(later), ["attested 3"], "from that block on, and nothing after the end");
    assert.equal(asked, whenEnded, "nobody is asked any more");
  });
});

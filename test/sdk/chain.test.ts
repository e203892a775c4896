import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Contract, JsonRpcProvider } from "ethers";
import { checkpointLedgerAbi } from "../../offchain/chain/abi.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import type { WeftActions } from "../../offchain/sdk/actions.ts";
import { weft } from "../../offchain/sdk/ethers.ts";
import { type Receipt, type SnapshotProof, toStruct } from "../../offchain/sdk/receipt.ts";
import { weftActions } from "../../offchain/sdk/viem.ts";
import { type Onchain, openOnchain, receiptFile } from "./onchain.ts";
import { SHAPE, type World } from "./world.ts";

const run = (...args: string[]) =>
  new Promise<{ code: number; out: string }>((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    );
  });

/** Two requests of one kind may be answered from one moment: what the chain says is asked for anew each time. */
const providerOf = (url: string) => new JsonRpcProvider(url, undefined, { cacheTimeout: -1 });

describe("what the chain stands for, by everybody who can say", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-sdk-"));
  let chain: Onchain;
  let world: World;
  let provider: JsonRpcProvider;
  let both: [string, WeftActions][];

  before(async () => {
    chain = await openOnchain(folder);
    provider = providerOf(chain.url);
    both = [
      ["viem", chain.client.extend(weftActions(chain.deployment))],
      ["ethers", weft(provider, chain.deployment)],
    ];
    world = await chain.write();
  });
  after(async () => {
    provider.destroy();
    await chain.close();
    rmSync(folder, { recursive: true });
  });

  /** Standing by viem and ethers, which agree to the letter; by the independent script; by the command. */
  async function standing(receipt: Receipt): Promise<string[]> {
    const [viem, ethers] = await Promise.all(
      both.map(async ([, actions]) => {
        const { block: _, ...verdict } = (await actions.verifyReceipt(receipt)) as Record<string, unknown>;
        return verdict;
      }),
    );
    assert.deepEqual(viem, ethers);
    const file = receiptFile(folder, receipt);
    const { contracts } = chain.deployment;
    const script = new URL("independent.mjs", import.meta.url).pathname;
    const alone = await run(script, file, chain.url, contracts.checkpointLedger, contracts.operatorRegistry);
    const command = ["offchain/cli/main.ts", "verify", file, "--rpc", chain.url, "--deployment", chain.deploymentFile];
    const told = await run(...command, "--json");
    assert.equal(told.code, viem.status === "final" && viem.court === "silent" ? 0 : 1, told.out);
    assert.deepEqual({ ...JSON.parse(told.out), block: undefined }, { ...viem, block: undefined });
    return [String(viem.status), JSON.parse(alone.out).status];
  }

  async function solidity(proof: SnapshotProof): Promise<boolean> {
    const address = chain.deployment.contracts.checkpointLedger;
    const byViem = await chain.client.readContract({
      address,
      abi: checkpointLedgerAbi,
      functionName: "verifySnapshot",
      args: [toStruct(proof)],
    });
    const ledger = new Contract(address, checkpointLedgerAbi, provider);
    assert.equal(await ledger.getFunction("verifySnapshot")(toStruct(proof)), byViem);
    return byViem;
  }

  test("before the commit, attested, final: viem, ethers, Solidity and an independent script agree", async () => {
    const receipt = world.receipt();
    const proofs = receipt.snapshots.map(({ proof }) => proof as SnapshotProof);
    assert.deepEqual(await standing(receipt), ["refused", "refused"]);
    await chain.commit(world, 2);
    assert.deepEqual(await standing(receipt), ["refused", "refused"], "its last part is in checkpoint 3");
    await chain.commit(world, 3);
    assert.deepEqual(await standing(receipt), ["attested", "attested"]);
    assert.deepEqual(
      await Promise.all(proofs.map(solidity)),
      proofs.map(() => true),
    );
    await chain.pass();
    assert.deepEqual(await standing(receipt), ["final", "final"]);
    for (const [name, actions] of both) {
      const verdict = await actions.verifyReceipt(receipt);
      assert.ok(verdict.status === "final", name);
      assert.deepEqual(
        verdict.answer.tokens.map(({ token }) => token),
        SHAPE.written.flatMap(({ ids }) => ids),
      );
      const one = await actions.verifyProof(proofs[2]);
      assert.ok(one.status === "final" && one.snapshot.type === "tokens");
      assert.equal(one.operator, verdict.answer.operator);
    }
  });

  test("a receipt that says something else is refused by all", async () => {
    const receipt = world.receipt(5, 2);
    const lie = structuredClone(receipt);
    lie.tokens[0] += 1;
    assert.deepEqual(await standing(lie), ["refused", "refused"]);
    const shifted = structuredClone(receipt);
    shifted.snapshots[1].proof!.segmentIndex ^= 1;
    assert.deepEqual(await standing(shifted), ["refused", "refused"]);
    assert.equal(await solidity(shifted.snapshots[1].proof!), false);
    const foreign = structuredClone(receipt);
    foreign.snapshots[1].proof!.header.operator = toHex(chain.keys[1].operator);
    assert.deepEqual(await standing(foreign), ["refused", "refused"]);
  });

  test("what was said and proven wrong is final all the same, and nobody acts on it", async () => {
    const receipt = world.receipt(5, 1);
    const server = createServer((_, response) => response.end(JSON.stringify(receipt)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const urls = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const prove = (actions: WeftActions, timeoutMs: number) =>
      actions.proveToken({ urls, requestId: world.requestId, position: 5, timeoutMs });
    const file = receiptFile(folder, receipt);
    const here = ["--rpc", chain.url, "--deployment", chain.deploymentFile];
    const court = await chain.mockCourt();
    try {
      for (const [says, open] of [
        ["accused", 2n],
        ["void", 0n],
      ] as const) {
        await court.say(world.turn, open, says === "void");
        assert.deepEqual(await standing(receipt), ["final", "final"]);
        for (const [name, actions] of both) {
          const verdict = await actions.verifyReceipt(receipt);
          assert.deepEqual([verdict.status, "court" in verdict && verdict.court], ["final", says], name);
          for (const { proof } of receipt.snapshots) {
            const one = await actions.verifyProof(proof);
            assert.deepEqual([one.status, "court" in one && one.court], ["final", says], name);
          }
          await assert.rejects(prove(actions, 0), { code: `turn_${says}` });
        }
      }
      const { out } = await run("offchain/cli/main.ts", "verify", file, ...here);
      assert.match(out, /^proven, and final\nvoid: .*\n/);
      await court.say(world.turn, 1n, false);
      const waiting = prove(both[0][1], 60_000);
      await court.say(world.turn, 0n, false);
      assert.equal((await waiting).token, 13, "it waits for the court");
    } finally {
      await court.close();
      server.close();
    }
  });

  test("checkpoints: the latest, by number, none", async () => {
    for (const [name, actions] of both) {
      const latest = await actions.getLatestFinal();
      assert.equal(latest.number, 3, name);
      assert.equal(latest.status, "final");
      assert.deepEqual(await actions.getLatestAttested(), latest);
      assert.deepEqual(await actions.getCheckpoint(3), latest);
      await assert.rejects(actions.getCheckpoint(99), { code: "unknown_checkpoint" });
    }
  });

  test("what cannot be said is no verdict", async () => {
    const receipt = world.receipt();
    const { deployment } = chain;
    const elsewhere = { ...deployment, chainId: 5, domain: { ...deployment.domain, chainId: 5 } };
    await assert.rejects(chain.client.extend(weftActions(elsewhere)).verifyReceipt(receipt), { code: "wrong_chain" });
    await assert.rejects(weft(provider, elsewhere).verifyReceipt(receipt), { code: "wrong_chain" });
    const token = deployment.contracts.stakeToken;
    const fake = {
      ...deployment,
      contracts: { ...deployment.contracts, checkpointLedger: token },
      domain: { ...deployment.domain, verifyingContract: token },
    };
    await assert.rejects(weft(provider, fake).getLatestFinal());
    const nobody = { request: () => Promise.reject(new Error("no route")) };
    await assert.rejects(weftActions(deployment)(nobody).getLatestFinal(), { code: "chain_unreachable" });
  });

  test("weft verify: what people read, and the exit code when nothing can be said", async () => {
    const file = receiptFile(folder, world.receipt());
    const verify = (...args: string[]) => run("offchain/cli/main.ts", "verify", ...args);
    const here = ["--rpc", chain.url, "--deployment", chain.deploymentFile];
    const proven = await verify(file, ...here);
    assert.equal(proven.code, 0);
    assert.match(proven.out, /^proven, and final\nrequest .*\n(.*\n)*ended {7}at 10 \(length\)\n/);
    const lie = receiptFile(folder, { ...world.receipt(), position: 4 });
    const refused = await verify(lie, ...here);
    assert.deepEqual([refused.code, /^not proven: .*field \w+/.test(refused.out)], [1, true], refused.out);
    const torn = join(folder, "torn.json");
    writeFileSync(torn, "{");
    assert.equal((await verify(torn, ...here)).code, 1);
    receiptFile(folder, world.receipt());
    for (const args of [
      [join(folder, "none.json"), ...here],
      [file, "--rpc", "http://127.0.0.1:9", "--deployment", chain.deploymentFile],
      [file, "--rpc", chain.url, "--deployment", join(folder, "none.json")],
      [file, "--rpc", chain.url],
    ])
      assert.equal((await verify(...args)).code, 2, args.join(" "));
  });

  test("proveToken asks workers, believes none of them, and gives what a contract takes", async () => {
    const receipt = world.receipt(5, 1);
    const lie = { ...receipt, tokens: [1] };
    const said: Record<string, unknown> = {
      "/honest": receipt,
      "/liar": lie,
      "/late": { ...receipt, status: "pending" },
    };
    const server = createServer((request, response) => {
      const worker = /^\/\w+/.exec(request.url as string)?.[0] ?? "";
      const body = said[worker];
      response.writeHead(body ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? { error: { code: "not_found", message: "no such answer" } }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const urls = ["/none", "/late", "/honest"].map((worker) => base + worker);
      for (const [name, actions] of both) {
        const token = await actions.proveToken({ urls, requestId: world.requestId, position: 5 });
        assert.equal(token.token, 13, name);
        assert.equal(token.kind, "written");
        assert.equal(token.turn, world.turn);
        const consumer = new Contract(
          chain.deployment.contracts.tokenConsumer,
          [
            "function prove((uint64,uint32,(address,bytes16,uint64,bytes32,bytes32,uint32),bytes32[],uint32,bytes16,bytes,bytes32[]),uint32,uint32)",
          ],
          provider,
        );
        const { number, segmentIndex, header, segmentProof, snapshotIndex, salt, body, snapshotProof } = token.proof;
        const tuple = [
          number,
          segmentIndex,
          Object.values(header),
          segmentProof,
          snapshotIndex,
          salt,
          body,
          snapshotProof,
        ];
        await consumer.getFunction("prove").staticCall(tuple, token.position, token.token);
        await assert.rejects(actions.proveToken({ urls: `${base}/liar`, requestId: world.requestId, position: 5 }), {
          code: "token_mismatch",
        });
        await assert.rejects(actions.getReceipt({ urls: [`${base}/none`], requestId: world.requestId }), {
          code: "no_receipt",
        });
      }
    } finally {
      server.close();
    }
  });
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Wallet } from "ethers";
import { keccak256, toHex } from "viem";
import { DeploymentError, loadDeployment, loadDeploymentOf, parseDeployment } from "../../offchain/chain/deployment.ts";
import { deploy } from "../../scripts/deploy.ts";
import { startEvmNode } from "../../scripts/lib/evm-node.ts";
import { type Connection, connect } from "../../scripts/lib/network.ts";
import { parseReceipt, proveReceipt, readCheckpoint } from "../../scripts/read-checkpoint.ts";
import { activateEpoch, registerOperator, signConsent } from "../../scripts/register-operator.ts";

const hot = (i: number) => keccak256(toHex(`hot ${i}`));
const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;

describe("scripts against a node over HTTP", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-"));
  let node: { url: string; close(): Promise<void> };
  let connection: Connection;

  before(async () => {
    node = await startEvmNode({ port: 0 });
    connection = await connect(node.url);
  });
  after(async () => {
    await connection.close();
    await node.close();
    rmSync(folder, { recursive: true });
  });

  test("deploy writes a file that the loader reads; four operators register and an epoch begins", async () => {
    const { deployment, path, gas } = await deploy({ network: node.url, out: folder });
    assert.deepEqual(loadDeployment(path as string), deployment);
    assert.deepEqual(loadDeploymentOf(31_337, folder), deployment);
    console.log(
      `gas: ${Object.entries(gas)
        .map(([step, used]) => `${step} ${used}`)
        .join(", ")}`,
    );

    const minter = await connection.account();
    for (let i = 0; i < 4; i++) {
      const owner = await connection.account(keccak256(toHex(`owner ${i}`)));
      // The third one keeps its hot key on another machine and brings only the consent.
      const wallet = new Wallet(hot(i));
      const consent = await signConsent(deployment, await owner.getAddress(), wallet);
      const signer = i === 2 ? { address: wallet.address, consent } : { privateKey: hot(i) };
      const joined = await registerOperator({ deployment, owner, signer, endpoint: `127.0.0.1:${9000 + i}`, minter });
      assert.equal(joined.position, BigInt(i + 1));
      assert.equal(joined.signer, wallet.address);
    }
    const { set, epoch, gas: activationGas } = await activateEpoch({ deployment, sender: minter });
    console.log(`gas: first activation of 4 ${activationGas}`);
    assert.equal(epoch, 1n);
    assert.equal(set.length, 4);
    const again = activateEpoch({ deployment, sender: minter });
    await assert.rejects(again, /OperatorRegistry(NothingPending|EpochTooEarly)/);

    const latest = await readCheckpoint(connection, deployment, "attested");
    assert.equal(latest.number, 0n);
    assert.equal(latest.final, true);
    assert.deepEqual(await readCheckpoint(connection, deployment, 0n), latest);
    await assert.rejects(readCheckpoint(connection, deployment, 9n), /CheckpointLedgerUnknown\(9\)/);

    const receipt = parseReceipt({
      number: 0,
      segmentIndex: 0,
      header: {
        operator: await minter.getAddress(),
        incarnation: `0x${"00".repeat(16)}`,
        sequence: "1",
        previous: hot(0),
        snapshotsRoot: hot(1),
        snapshotCount: 1,
      },
      segmentProof: [],
      snapshotIndex: 0,
      salt: `0x${"00".repeat(16)}`,
      body: "0x02",
      snapshotProof: [],
      position: 0,
      token: 1,
    });
    const verdict = await proveReceipt(deployment, receipt, minter);
    assert.equal(verdict.included, false);
    assert.equal(verdict.proven, undefined);
  });

  test("views see a clock that moves without transactions", async () => {
    const first = await connection.provider.getBlock("latest");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const second = await connection.provider.getBlock("latest");
    assert.ok((second?.timestamp ?? 0) > (first?.timestamp ?? 0));
  });

  test("failures have codes", async () => {
    await assert.rejects(deploy({ network: "http://127.0.0.1:59999" }), code("RPC_UNREACHABLE"));
    await assert.rejects(deploy({ network: "nowhere" }), code("UNKNOWN_NETWORK"));
    await assert.rejects(deploy({ network: node.url, deployerKey: hot(99) }), code("NO_FUNDS"));
    assert.throws(() => parseReceipt({ number: -1 }), code("BAD_ARGUMENT"));
    const overrides = { unbondingSeconds: 1 };
    await assert.rejects(deploy({ network: node.url, overrides }), /OperatorRegistryUnbondingTooShort\(1, 55\)/);
  });

  test("a deployment that is missing, torn, false or of another chain is refused by name", () => {
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    assert.throws(() => loadDeployment(join(folder, "none.json")), code("DEPLOYMENT_NOT_FOUND"));
    assert.throws(() => loadDeployment(write("torn.json", '{"chainId": 3')), code("DEPLOYMENT_NOT_JSON"));
    assert.throws(() => parseDeployment({ chainId: 1 }), /contracts: .*; domain: /);
    const good = loadDeployment(join(folder, "31337.json"));
    write("5.json", JSON.stringify(good));
    assert.throws(() => loadDeploymentOf(5, folder), /about chain 31337, not 5/);
    const foreign = { ...good, domain: { ...good.domain, verifyingContract: good.contracts.stakeToken } };
    assert.throws(() => parseDeployment(foreign), DeploymentError);
    assert.throws(() => parseDeployment(foreign), /domain\.verifyingContract: is not the ledger/);
  });

  test("the command line prints one line for a failure, and the generated ABIs are those of the contracts", async () => {
    // Not the synchronous kind: the node that the child asks runs in this process.
    const run = (...args: string[]) =>
      new Promise<{ status: unknown; stdout: string; stderr: string }>((resolve) => {
        execFile(process.execPath, args, (error, stdout, stderr) =>
          resolve({ status: error?.code ?? 0, stdout, stderr }),
        );
      });
    const deployment = join(folder, "31337.json");
    const [failed, generated, read] = await Promise.all([
      run("scripts/read-checkpoint.ts", "--network", "http://127.0.0.1:59999"),
      run("scripts/generate.ts", "--check"),
      run("scripts/read-checkpoint.ts", "--network", node.url, "--deployment", deployment),
    ]);
    assert.equal(failed.status, 1);
    assert.equal(
      failed.stderr,
      "error RPC_UNREACHABLE: No Ethereum node answers at http://127.0.0.1:59999: ECONNREFUSED\n",
    );
    assert.equal(generated.status, 0, generated.stderr);
    assert.equal(read.status, 0, read.stderr);
    assert.match(read.stdout, /^checkpoint attested \{[^}]*"final": true/);
  });
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Contract, parseEther, Wallet } from "ethers";
import { keccak256, toHex } from "viem";
import { type Deployment, DeploymentError, parseDeployment } from "../../offchain/chain/deployment.ts";
import { loadDeployment, loadDeploymentOf } from "../../offchain/chain/deployment-file.ts";
import { ROLE, requireNothingRetained, retainedBy } from "../../scripts/deploy/authority.ts";
import { deploy } from "../../scripts/deploy.ts";
import { loadArtifact } from "../../scripts/lib/artifacts.ts";
import { contractOf } from "../../scripts/lib/contracts.ts";
import { startEvmNode } from "../../scripts/lib/evm-node.ts";
import { type Connection, connect } from "../../scripts/lib/network.ts";
import { signConsent } from "../../scripts/lib/operators.ts";
import { proveReceipt, readCheckpoint, tokenProofOf } from "../../scripts/read-checkpoint.ts";
import { activateEpoch, registerOperator } from "../../scripts/register-operator.ts";

const hot = (i: number) => keccak256(toHex(`hot ${i}`));
const elsewhere = (connection: Connection) => ({ ...connection, chainId: 5 });
/** Not the synchronous kind: the node that the child asks runs in this process. */
const run = (args: string[], env: Record<string, string> = {}) =>
  new Promise<{ status: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, stdout, stderr }),
    );
  });
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

  /** Capitals in an address are a checksum that whoever writes a deployment file may leave out. */
  const withoutChecksums = (deployment: Deployment) =>
    parseDeployment(JSON.parse(JSON.stringify(deployment).replace(/0x\w{40}/g, (address) => address.toLowerCase())));

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
    const lower = withoutChecksums(deployment);
    const { set, epoch, gas: activationGas } = await activateEpoch({ deployment: lower, sender: minter });
    console.log(`gas: first activation of 4 ${activationGas}`);
    assert.equal(epoch, 1n);
    assert.equal(set.length, 4);
    const again = activateEpoch({ deployment, sender: minter });
    await assert.rejects(again, /OperatorRegistry(NothingPending|EpochTooEarly)/);

    const latest = await readCheckpoint(connection, deployment, "attested");
    assert.equal(latest.number, 0);
    assert.equal(latest.status, "final");
    assert.deepEqual(await readCheckpoint(connection, deployment, 0), latest);
    await assert.rejects(readCheckpoint(connection, deployment, 9), code("unknown_checkpoint"));

    const receipt = tokenProofOf({
      requestId: hot(0),
      turn: hot(0),
      status: "final",
      canonical: { type: "unknown" },
      court: "silent",
      position: 0,
      tokens: [1],
      snapshots: [
        {
          type: "tokens",
          sequence: 1,
          index: 0,
          first: 0,
          kind: "written",
          tokens: [1],
          proof: {
            number: 0,
            segmentIndex: 0,
            header: {
              operator: await minter.getAddress(),
              incarnation: `0x${"00".repeat(16)}`,
              sequence: 1,
              previous: hot(0),
              snapshotsRoot: hot(1),
              snapshotCount: 1,
            },
            signature: `0x${"00".repeat(65)}`,
            segmentProof: [],
            snapshotIndex: 0,
            salt: `0x${"00".repeat(16)}`,
            body: "0x02",
            snapshotProof: [],
          },
        },
      ],
    });
    const verdict = await proveReceipt(deployment, receipt, minter);
    assert.equal(verdict.included, false);
    assert.equal(verdict.proven, undefined);
  });

  test("a deployment file that names other addresses is kept, unless it is told otherwise", async () => {
    const text = () => readFileSync(join(folder, "31337.json"), "utf8");
    const kept = text();
    const nonce = await connection.provider.getTransactionCount(await (await connection.account()).getAddress());
    const again = deploy({ network: node.url, out: folder });
    await assert.rejects(again, code("DEPLOYMENT_EXISTS"));
    await assert.rejects(again, /--force/);
    assert.equal(text(), kept);
    const after = await connection.provider.getTransactionCount(await (await connection.account()).getAddress());
    assert.equal(after, nonce, "it was refused before anything was sent");
    const { deployment } = await deploy({ network: node.url, out: folder, force: true });
    assert.deepEqual(loadDeploymentOf(31_337, folder), deployment);
    writeFileSync(join(folder, "31337.json"), kept);
  });

  test("the devnet's profile is for chain 31337, and other chains have no default", async () => {
    const overrides = { minOperators: 5 };
    const other = elsewhere(connection);
    await assert.rejects(deploy({ connection: other, overrides }), /--profile/);
    await assert.rejects(deploy({ connection: other, profile: "devnet" }), code("WRONG_PROFILE"));
    const forced = await deploy({ connection: other, profile: "devnet", force: true });
    assert.equal(forced.deployment.chainId, 5);
    await assert.rejects(deploy({ connection: other, profile: "testnet" }), /no default governor/);
  });

  test("who deploys keeps nothing: all powers are those of who was named for them", async () => {
    const other = elsewhere(connection);
    const deployer = await (await connection.account()).getAddress();
    const [admin, guard, minter] = [1, 2, 3].map((i) => new Wallet(keccak256(toHex(`governor ${i}`))).address);
    const named = { admin, guardian: guard, minter, adminDelaySeconds: 3600 } as const;
    const own = deploy({ connection: other, profile: "testnet", powers: { admin: deployer } });
    await assert.rejects(own, code("BAD_ARGUMENT"));
    const { deployment } = await deploy({ connection: other, profile: "testnet", powers: named });
    assert.equal(deployment.profile, "testnet");
    const { contracts } = deployment;
    const at = (name: "AccessManager" | "Guardian" | "StakeToken" | "OperatorRegistry" | "CheckpointLedger") =>
      contractOf(name, deployment, connection.provider);
    const manager = at("AccessManager");
    const has = async (role: bigint, account: string) => [...(await manager.getFunction("hasRole")(role, account))];
    assert.deepEqual(await has(ROLE.admin, admin as string), [true, 3600n]);
    assert.deepEqual(await has(ROLE.guardian, guard as string), [true, 0n]);
    assert.deepEqual(await has(ROLE.minter, minter as string), [true, 0n]);
    assert.deepEqual(await has(ROLE.clock, contracts.guardian), [true, 0n]);
    assert.deepEqual(await has(ROLE.fall, contracts.guardian), [true, 0n]);
    for (const court of [contracts.foldCourt, contracts.cutCourt, contracts.availabilityCourt])
      for (const role of [ROLE.court, ROLE.fall]) assert.deepEqual(await has(role, court), [true, 0n]);
    assert.deepEqual(await has(ROLE.court, contracts.inferenceCourt), [true, 0n]);
    assert.deepEqual(await has(ROLE.fall, contracts.inferenceCourt), [false, 0n]);
    for (const role of Object.values(ROLE)) assert.deepEqual(await has(role, deployer), [false, 0n]);
  });

  test("a power that the deployer kept is found, whatever role it hides in", async () => {
    const { deployment } = await deploy({ network: node.url });
    const deployer = await connection.account();
    const address = await deployer.getAddress();
    const at = (name: "AccessManager" | "Guardian" | "StakeToken" | "OperatorRegistry" | "CheckpointLedger") =>
      contractOf(name, deployment, deployer);
    const governed = {
      manager: at("AccessManager"),
      token: at("StakeToken"),
      registry: at("OperatorRegistry"),
      ledger: at("CheckpointLedger"),
      guardian: at("Guardian"),
      court: contractOf("EquivocationCourt", deployment, deployer),
    };
    const elsewhere = deployment.contracts.guardian;
    const powers = { admin: elsewhere, guardian: elsewhere, minter: elsewhere, adminDelaySeconds: 0 };
    const retained = () => retainedBy(address, governed, powers, deployment.startBlock);
    const mint = `mint of ${governed.token.target}`;
    const brake = ["pause", "resume", "invalidate"].map((method) => `${method} of ${governed.guardian.target}`);
    assert.deepEqual(await retained(), ["role 0", "role 3", "role 2", ...brake, mint]);
    await (await governed.manager.getFunction("grantRole")(77n, address, 5)).wait();
    for (const role of [2n, 3n, 0n]) {
      await (await governed.manager.getFunction("renounceRole")(role, address)).wait();
    }
    assert.deepEqual(await retained(), ["role 77"]);
    const refused = requireNothingRetained(address, governed, powers, deployment.startBlock);
    await assert.rejects(refused, code("RETAINS_POWER"));
  });

  test("an owner without funds gets some on the development chain only", async () => {
    const { deployment } = await deploy({ network: node.url });
    const minter = await connection.account();
    const signer = { privateKey: hot(7) };
    const owner = await connection.account(keccak256(toHex("poor owner")));
    const options = { deployment: { ...deployment, chainId: 5 }, owner, signer, endpoint: "h:1", minter };
    await assert.rejects(registerOperator(options), code("NO_FUNDS"));
    assert.equal(await connection.provider.getBalance(await owner.getAddress()), 0n);
  });

  test("register-operator says when the epoch is not due, and when the owner has joined", async () => {
    const file = join(folder, "second.json");
    const { deployment } = await deploy({ network: node.url });
    writeFileSync(file, JSON.stringify(deployment));
    const args = ["scripts/register-operator.ts", "--network", node.url, "--deployment", file, "--activate"];
    args.push("--owner-key-env", "OWNER_KEY", "--signer", "SIGNER_KEY", "--endpoint", "h:1");
    const env = { OWNER_KEY: keccak256(toHex("owner 8")), SIGNER_KEY: hot(8) };
    const joined = await run(args, env);
    assert.equal(joined.status, 0, joined.stderr);
    assert.match(joined.stdout, /^registered \{[\s\S]*\nnot activated: .*OperatorRegistryTooFewOperators\(1, 4\)/);
    const supply = async () =>
      new Contract(deployment.contracts.stakeToken, loadArtifact("StakeToken").abi, connection.provider)
        .getFunction("totalSupply")
        .staticCall();
    assert.equal(await supply(), parseEther("1000"));
    const again = await run(args, env);
    assert.equal(again.status, 1);
    assert.match(again.stderr, /^error ALREADY_JOINED: The owner 0x\w+ has joined already: it is pending, .*\n$/);
    assert.equal(await supply(), parseEther("1000"), "nothing was minted for a join that cannot be");
  });

  test("the embedded chain leaves a file only where one is asked for", async () => {
    const before = existsSync("deployments/31337.json") ? readFileSync("deployments/31337.json", "utf8") : undefined;
    const { status, stdout, stderr } = await run(["scripts/deploy.ts"]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /no file/);
    const now = existsSync("deployments/31337.json") ? readFileSync("deployments/31337.json", "utf8") : undefined;
    assert.equal(now, before);
    const out = join(folder, "asked");
    assert.equal((await run(["scripts/deploy.ts", "--out", out])).status, 0);
    assert.equal(loadDeploymentOf(31_337, out).profile, "devnet");
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
    assert.throws(() => tokenProofOf({ number: -1 }), code("BAD_ARGUMENT"));
    const overrides = { unbondingSeconds: 1 };
    const refused = { code: "BAD_PARAMETERS", field: "unbondingSeconds", message: /more than 3755 / };
    await assert.rejects(deploy({ network: node.url, overrides }), refused);
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

  test("the command line prints one line for a failure", async () => {
    const deployment = join(folder, "31337.json");
    const [failed, read] = await Promise.all([
      run(["scripts/read-checkpoint.ts", "--network", "http://127.0.0.1:59999"]),
      run(["scripts/read-checkpoint.ts", "--network", node.url, "--deployment", deployment]),
    ]);
    assert.equal(failed.status, 1);
    assert.equal(
      failed.stderr,
      "error RPC_UNREACHABLE: No Ethereum node answers at http://127.0.0.1:59999: ECONNREFUSED\n",
    );
    assert.equal(read.status, 0, read.stderr);
    assert.match(read.stdout, /^checkpoint attested \{[^}]*"status": "final"/);
  });
});

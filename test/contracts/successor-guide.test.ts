import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Contract, id, parseEther, Wallet } from "ethers";
import { keccak256, toHex } from "viem";
import { contractOf, readOperatorSet } from "../../scripts/lib/contracts.ts";
import { type Connection, connect } from "../../scripts/lib/network.ts";
import { blocksOf, Session } from "../pack/session.ts";
import { type Onchain, openOnchain } from "../sdk/onchain.ts";

const root = new URL("../..", import.meta.url).pathname;
const blocks = blocksOf(readFileSync(join(root, "docs", "successor.md"), "utf8"));
/** Functions of the doors that the guide names. */
const SELECTORS: Record<string, string> = {
  openDispute: "openDispute(uint64,bytes32)",
  closeDispute: "closeDispute(uint64,bytes32)",
  fell: "fell(uint64,bytes32)",
};

let folder: string;
let chain: Onchain;
let connection: Connection;
let session: Session;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "weft-successor-"));
  chain = await openOnchain(folder);
  connection = await connect(chain.url);
  session = new Session(folder);
});
after(async () => {
  await session.end();
  await connection.close();
  await chain.close();
  rmSync(folder, { recursive: true });
});

const pass = async (seconds: number) => {
  await chain.rpc("evm_increaseTime", [seconds]);
  await chain.rpc("evm_mine");
};

/** Runs lines of the guide with the names that it uses. */
async function follow(lines: string, names: Record<string, unknown>): Promise<void> {
  const body = `return (async () => {\n${lines}\n})();`;
  await new Function(...Object.keys(names), body)(...Object.values(names));
}

test("docs/successor.md, from the announcement to the last stake", async () => {
  const { deployment } = chain;
  const admin = await connection.account();
  const deployer = new Wallet(keccak256(toHex("successor's deployer")));
  await (await admin.sendTransaction({ to: deployer.address, value: parseEther("1") })).wait();
  writeFileSync(join(folder, "deployer.json"), deployer.encryptSync("guide"));
  const environment = {
    RPC: chain.url,
    DEPLOYMENT: chain.deploymentFile,
    KEYS: folder,
    WEFT_KEYSTORE_PASSWORD: "guide",
  };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${value}\n`);
  await session.follow({ language: "sh", text: `cd ${root}\n${exports.join("")}` });
  const [deploys, grants, announces, leaves, ...none] = blocks;
  assert.deepEqual(none, []);

  const made = (await session.follow(deploys)).trim().split("\n").at(-1)!.split(" ");
  const [newLedger, newCourt, newFoldCourt, newCutCourt, newAvailabilityCourt, newInferenceCourt] = made;
  const checkpointCourts = { newFoldCourt, newCutCourt, newAvailabilityCourt };
  const oldLedger = contractOf("CheckpointLedger", deployment, admin);
  const oldRegistry = contractOf("OperatorRegistry", deployment, admin);
  const manager = contractOf("AccessManager", deployment, admin);
  const selector = (name: string) => id(SELECTORS[name]).slice(0, 10);
  const newCourts = { newCourt, newInferenceCourt, ...checkpointCourts };
  await follow(grants.text, { manager, ...newCourts, oldLedger, newLedger, selector });
  for (const name of Object.keys(SELECTORS)) {
    const role = await manager.getFunction("getTargetFunctionRole")(newLedger, selector(name));
    assert.equal(role, name === "fell" ? 5n : 1n, name);
  }
  const alone = [newCourt, newInferenceCourt];
  for (const court of [...alone, ...Object.values(checkpointCourts)])
    for (const role of alone.includes(court) ? [1n] : [1n, 5n])
      assert.deepEqual([...(await manager.getFunction("hasRole")(role, court))], [true, 0n]);

  const now = (await connection.provider.getBlock("latest"))!.timestamp;
  const { unbondingSeconds } = deployment.parameters;
  const early = follow(announces.text, { oldLedger, newLedger, notBefore: now + unbondingSeconds - 1 });
  await assert.rejects(early, /NoticeTooShort|reverted/);
  await follow(announces.text, { oldLedger, newLedger, notBefore: now + unbondingSeconds + 60 });
  assert.equal(await oldLedger.getFunction("retired")(), false);
  await pass(unbondingSeconds + 60);
  assert.equal(await oldLedger.getFunction("retired")(), true);

  const calls = leaves.text.trim().split("\n");
  const withdraws = calls.pop() as string;
  assert.match(withdraws, /withdraw\(\)/);
  const [retires, exits, activates, ...more] = calls;
  assert.deepEqual(more, []);
  const owners = await Promise.all([0, 1, 2, 3].map((i) => connection.account(keccak256(toHex(`sdk owner ${i}`)))));
  const common = { oldRegistry, oldLedger };
  await follow(retires, common);
  for (const owner of owners) await follow(exits, { ...common, owner });
  await pass(2);
  await follow(activates, { ...common, set: await readOperatorSet(oldRegistry, deployment) });
  await pass(unbondingSeconds + 1);
  for (const owner of owners) await follow(withdraws, { ...common, owner });
  const token = contractOf("StakeToken", deployment, connection.provider);
  assert.equal(await token.getFunction("balanceOf")(oldRegistry.target), 0n, "all stakes have left");
  const next = new Contract(newLedger, oldLedger.interface, connection.provider);
  assert.equal(await next.getFunction("registry")(), oldRegistry.target);
  assert.equal(await next.getFunction("turnCourt")(), newInferenceCourt);
});

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encryptKeystoreJson, parseEther, Wallet } from "ethers";
import { stringify } from "yaml";
import { type Connection, connect } from "../../../scripts/lib/network.ts";
import { activateEpoch, registerOperator } from "../../../scripts/register-operator.ts";
import type { Deployment } from "../../chain/deployment.ts";
import type { Hex } from "../../core/chain.ts";
import { accountKey } from "./accounts.ts";
import { ROOT } from "./child.ts";

/** One operator of a devnet; addresses in lower case. */
export type Operator = {
  /** From 1. */
  index: number;
  name: string;
  folder: string;
  configFile: string;
  owner: Hex;
  signer: Hex;
  /** In the token's smallest unit. */
  stake: bigint;
  apiUrl: string;
  /** host:port of the mesh, as in the registry. */
  endpoint: string;
};

export type PrepareOptions = {
  rpcUrl: string;
  deployment: Deployment;
  /** Gets a folder for each operator. */
  folder: string;
  /** Stake of each, in whole tokens. */
  stakes: readonly number[];
  /** Two for each operator: mesh and API. */
  ports: readonly number[];
};

const PASSWORD = "devnet";
/** Costs an attacker nothing, and a worker's start neither; right for keys that live for minutes. */
const SCRYPT = { N: 2 ** 10, r: 8, p: 1 };
const HOT_FUNDS = parseEther("100");

/** Makes folders, keys and configurations, registers and stakes everybody, and activates the epoch. */
export async function prepareOperators(options: PrepareOptions): Promise<Operator[]> {
  const connection = await connect(options.rpcUrl);
  try {
    const operators = [];
    for (const index of options.stakes.keys()) operators.push(await prepare(connection, options, index));
    await activateEpoch({ deployment: options.deployment, sender: await connection.account() });
    return operators;
  } finally {
    await connection.close();
  }
}

async function prepare(connection: Connection, options: PrepareOptions, at: number): Promise<Operator> {
  const { deployment, rpcUrl } = options;
  const [meshPort, apiPort] = options.ports.slice(2 * at);
  // Account 0 deploys, mints and pays.
  const bank = await connection.account();
  const owner = new Wallet(accountKey(at + 1));
  const hot = Wallet.createRandom();
  const endpoint = `127.0.0.1:${meshPort}`;
  const operator: Operator = {
    index: at + 1,
    name: `worker ${at + 1}`,
    folder: join(options.folder, `operator-${at + 1}`),
    configFile: join(options.folder, `operator-${at + 1}`, "weft.yaml"),
    owner: owner.address.toLowerCase() as Hex,
    signer: hot.address.toLowerCase() as Hex,
    stake: parseEther(String(options.stakes[at])),
    apiUrl: `http://127.0.0.1:${apiPort}`,
    endpoint,
  };
  const keystore = await encryptKeystoreJson({ address: hot.address, privateKey: hot.privateKey }, PASSWORD, {
    scrypt: SCRYPT,
  });
  const config = {
    operator: operator.owner,
    keystore: "signer.json",
    passwordFile: "password",
    dataFolder: "data",
    listen: endpoint,
    api: { listen: `127.0.0.1:${apiPort}` },
    chain: { rpc: rpcUrl, deployment: "deployment.json", pollMs: 200 },
    model: join(ROOT, "models", "weft-austen"),
  };
  mkdirSync(operator.folder, { recursive: true, mode: 0o700 });
  const put = (name: string, text: string) => writeFileSync(join(operator.folder, name), `${text}\n`, { mode: 0o600 });
  put("owner.key", owner.privateKey);
  put("signer.json", keystore);
  put("password", PASSWORD);
  put("deployment.json", JSON.stringify(deployment, null, 2));
  put("weft.yaml", stringify(config).trimEnd());

  await (await bank.sendTransaction({ to: hot.address, value: HOT_FUNDS })).wait();
  await registerOperator({
    deployment,
    owner: await connection.account(owner.privateKey),
    signer: { privateKey: hot.privateKey },
    endpoint,
    stake: operator.stake,
    minter: bank,
  });
  return operator;
}

import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventLog } from "ethers";
import type { Devnet, Operator } from "../../offchain/cli/devnet.ts";
import { contractOf } from "../lib/contracts.ts";
import { type Connection, connect } from "../lib/network.ts";
import { paths } from "../lib/paths.ts";
import { must } from "./must.ts";

const CONVICTED = 6n;
const ATTESTED_LEAD_MS = 60_000;

/** What the demo reads from the chain by itself, without asking a worker. */
export class Onchain {
  readonly #net: Devnet;
  readonly #connection: Connection;

  static async open(net: Devnet): Promise<Onchain> {
    return new Onchain(net, await connect(net.chain.rpcUrl));
  }

  private constructor(net: Devnet, connection: Connection) {
    this.#net = net;
    this.#connection = connection;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #contract(name: Parameters<typeof contractOf>[0]) {
    return contractOf(name, this.#net.deployment, this.#connection.provider);
  }

  async untilFinal(number: number): Promise<void> {
    const ledger = this.#contract("CheckpointLedger");
    const deadline = Date.now() + ATTESTED_LEAD_MS;
    while (!(await ledger.getFunction("isFinal")(number))) {
      must(Date.now() < deadline, `checkpoint ${number} did not become final`);
      await sleep(250);
    }
  }

  /** Gas of every commit so far. */
  async commits(): Promise<{ number: number; gas: number }[]> {
    const ledger = this.#contract("CheckpointLedger");
    const logs = await ledger.queryFilter(ledger.getEvent("CheckpointCommitted"), this.#net.deployment.startBlock);
    const commits = [];
    for (const log of logs as EventLog[]) {
      const number = Number(log.args.getValue("number"));
      // Checkpoint 0 is the constructor's.
      if (number > 0) commits.push({ number, gas: await this.#gasOf(log.transactionHash) });
    }
    return commits;
  }

  /** Waits until an operator is convicted and its stake gone, and tells who brought the verdict and what it cost. */
  async untilConvicted(operator: Operator, timeoutMs: number): Promise<{ reporter: string; gas: number }> {
    const registry = this.#contract("OperatorRegistry");
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const record = await registry.getFunction("operatorOf")(operator.owner);
      if (record.status === CONVICTED && record.stake === 0n) {
        const filter = registry.getEvent("OperatorConvicted")(null, null, operator.owner);
        const [log] = (await registry.queryFilter(filter, this.#net.deployment.startBlock)) as EventLog[];
        return { reporter: String(record.reporter).toLowerCase(), gas: await this.#gasOf(log.transactionHash) };
      }
      must(
        Date.now() < deadline,
        `${operator.name} contradicted itself and has not lost its stake in ${timeoutMs / 1000} s`,
      );
      await sleep(200);
    }
  }

  async #gasOf(transaction: string): Promise<number> {
    return Number((await this.#connection.provider.getTransactionReceipt(transaction))?.gasUsed ?? 0);
  }
}

export type Verdict = {
  included: boolean;
  final: boolean;
  proven?: { transaction: string; gas: string; turn: string };
  verifyGas: string;
};

/** Has a receipt proven to the consumer contract by the script that anybody would use. */
export async function prove(net: Devnet, receipt: object): Promise<Verdict> {
  const file = join(net.folder, "receipt.json");
  writeFileSync(file, JSON.stringify(receipt, null, 2));
  const args = ["--network", net.chain.rpcUrl, "--deployment", net.deploymentFile, "--receipt", file];
  const child = spawn(process.execPath, [join(paths.root, "scripts/read-checkpoint.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const verdict = /^verdict (\{[\s\S]*\n\})$/m.exec(out)?.[1];
  must(code === 0 && verdict !== undefined, `read-checkpoint refused the receipt ${file}: ${out.trim()}`);
  return JSON.parse(verdict!) as Verdict;
}

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Contract } from "ethers";
import type { Operator } from "../../../offchain/cli/devnet.ts";
import type { Hex } from "../../../offchain/core/chain.ts";
import { parseReceipt, type SnapshotProof, toStruct } from "../../../offchain/sdk/receipt.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { type Connection, connect } from "../../../scripts/lib/network.ts";
import type { Net } from "./net.ts";
import { until } from "./until.ts";

const ENOUGH = 10n ** 24n;
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;

/** Writes more into an operator's configuration, before its worker starts. */
export function configure({ configFile }: Operator, more: Record<string, string | number>): void {
  appendFileSync(
    configFile,
    Object.entries(more)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
      .join(""),
  );
}

/** What shows the first token of a committed answer: the turn's opening, and the snapshot that has the token. */
export async function shownIn(apiUrl: string, requestId: Hex) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(LOOK_MS)) {
    const reply = await fetch(`${apiUrl}/v1/receipts/${requestId}`);
    if (!reply.ok) continue;
    const { turn, position, snapshots } = parseReceipt(await reply.json());
    const [open, ...rest] = snapshots;
    const tokens = rest.find(
      (one) => one.type === "tokens" && one.first <= position && position < one.first + one.tokens.length,
    );
    if (open?.proof && tokens?.proof) return { turn, position, open: signed(open.proof), tokens: signed(tokens.proof) };
  }
  throw new Error(`waited ${PATIENCE_MS} ms in vain for the proof of ${requestId}`);
}

const signed = (proof: SnapshotProof) => ({ proof: toStruct(proof), signature: proof.signature });

/** Somebody who is no operator, with the stake tokens to accuse whom he likes. */
export class Accuser {
  readonly court: Contract;
  readonly #net: Net;
  readonly #connection: Connection;

  private constructor(net: Net, connection: Connection, court: Contract) {
    this.#net = net;
    this.#connection = connection;
    this.court = court;
  }

  /** From now on everybody has stake tokens for bonds. */
  static async open(net: Net): Promise<Accuser> {
    const connection = await connect(net.devnet.chain.rpcUrl);
    const account = await connection.account();
    const { deployment } = net.devnet;
    const accuser = new Accuser(net, connection, contractOf("InferenceCourt", deployment, account));
    const token = contractOf("StakeToken", deployment, account);
    for (const to of [await account.getAddress(), ...net.operators.map(({ signer }) => signer)])
      await (await token.getFunction("mint")(to, ENOUGH)).wait();
    await (await token.getFunction("approve")(accuser.court.target, ENOUGH)).wait();
    return accuser;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Accuses the author of the first token of an answer, once that is committed. @returns the accusation's id */
  async accuse(apiUrl: string, requestId: Hex): Promise<string> {
    const { position, open, tokens } = await shownIn(apiUrl, requestId);
    const accuse = this.court.getFunction("accuse");
    const args = [open.proof, open.signature, tokens.proof, tokens.signature, position, ENOUGH] as const;
    const sent = await (await accuse(...args)).wait();
    for (const log of sent.logs) {
      const parsed = this.court.interface.parseLog(log);
      if (parsed?.name === "Accused") return parsed.args.getValue("id");
    }
    throw new Error("nobody was accused");
  }

  /** Of an answer, once that is committed. */
  async receipt(apiUrl: string, requestId: Hex) {
    const read = async () => parseReceipt(await (await fetch(`${apiUrl}/v1/receipts/${requestId}`)).json());
    await until("the answer is committed", async () => (await read()).status !== "pending");
    return read();
  }

  async turnOf(apiUrl: string, requestId: Hex): Promise<Hex> {
    return (await this.receipt(apiUrl, requestId)).turn;
  }

  isVoid(turn: Hex): Promise<boolean> {
    return this.court.getFunction("isVoid")(turn);
  }

  /** How an accusation stands: 1 open, 2 convicted, 3 dismissed. */
  async stateOf(id: string): Promise<bigint> {
    return (await this.court.getFunction("accusationOf")(id)).state;
  }

  /** Of an operator in the registry; 6 is convicted. */
  async statusOf(owner: Hex): Promise<bigint> {
    const registry = contractOf("OperatorRegistry", this.#net.devnet.deployment, this.#connection.provider);
    return (await registry.getFunction("operatorOf")(owner)).status;
  }
}

import type { Contract, EventLog, Result } from "ethers";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { type Connection, connect } from "../../../scripts/lib/network.ts";
import type { Net } from "./net.ts";

/** State of the court's challenges. */
export const STATE = { open: 1n, answered: 2n, closed: 3n } as const;
const ENOUGH = 10n ** 24n;

/** Somebody who is no operator, and asks for what checkpoints contain. */
export class Asker {
  readonly court: Contract;
  readonly #ledger: Contract;
  readonly #registry: Contract;
  readonly #net: Net;
  readonly #connection: Connection;

  private constructor(net: Net, connection: Connection, of: (name: "AvailabilityCourt") => Contract) {
    this.#net = net;
    this.#connection = connection;
    this.court = of("AvailabilityCourt");
    this.#ledger = contractOf("CheckpointLedger", net.devnet.deployment, connection.provider);
    this.#registry = contractOf("OperatorRegistry", net.devnet.deployment, connection.provider);
  }

  static async open(net: Net): Promise<Asker> {
    const connection = await connect(net.devnet.chain.rpcUrl);
    const account = await connection.account();
    const { deployment } = net.devnet;
    const asker = new Asker(net, connection, (name) => contractOf(name, deployment, account));
    const token = contractOf("StakeToken", deployment, account);
    await (await token.getFunction("mint")(await account.getAddress(), ENOUGH)).wait();
    await (await token.getFunction("approve")(asker.court.target, ENOUGH)).wait();
    return asker;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** A committed checkpoint as contracts take it. */
  async checkpoint(number: number): Promise<Record<string, unknown>> {
    const filter = this.#ledger.getEvent("CheckpointCommitted")(number);
    const [log] = (await this.#ledger.queryFilter(filter, this.#net.devnet.deployment.startBlock)) as EventLog[];
    return (log.args.getValue("checkpoint") as Result).toObject();
  }

  /** Sends a challenge. @returns its id */
  async ask(method: string, ...args: unknown[]): Promise<string> {
    const receipt = await (await this.court.getFunction(method)(...args, ENOUGH)).wait();
    for (const log of receipt.logs) {
      const parsed = this.court.interface.parseLog(log);
      if (parsed?.name === "Challenged") return parsed.args.getValue("id");
    }
    throw new Error("nothing was asked");
  }

  async stateOf(id: string): Promise<bigint> {
    return (await this.court.getFunction("challengeOf")(id)).state;
  }

  async isFallen(number: number): Promise<boolean> {
    return (await this.#ledger.getFunction("checkpoint")(number)).fallen;
  }

  /** Status in the registry: 6 is convicted. */
  async statusOf(operator: string): Promise<number> {
    return Number((await this.#registry.getFunction("operatorOf")(operator)).status);
  }
}

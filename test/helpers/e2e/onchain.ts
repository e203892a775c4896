import { type EventLog, Wallet } from "ethers";
import { accountKey } from "../../../offchain/cli/devnet/accounts.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Hex } from "../../../offchain/core/chain.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { type Connection, connect } from "../../../scripts/lib/network.ts";
import { registerOperator } from "../../../scripts/register-operator.ts";
import type { Net } from "./net.ts";
import { withStore } from "./stores.ts";

/** Accounts after those of a devnet's operators. */
const FIRST_STRANGER = 40;

/** What a worker derives from the chain: everything committed, and where the registry is. */
export type Derived = { committed: string[]; position: number; positionHash: string };

/** The chain as anybody sees it, without a worker. */
export class Onchain {
  readonly #net: Net;
  readonly #connection: Connection;

  private constructor(net: Net, connection: Connection) {
    this.#net = net;
    this.#connection = connection;
  }

  static async open(net: Net): Promise<Onchain> {
    return new Onchain(net, await connect(net.devnet.chain.rpcUrl));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #contract(name: Parameters<typeof contractOf>[0]) {
    return contractOf(name, this.#net.devnet.deployment, this.#connection.provider);
  }

  async derived(): Promise<Derived> {
    const [ledger, registry] = [this.#contract("CheckpointLedger"), this.#contract("OperatorRegistry")];
    const { startBlock } = this.#net.devnet.deployment;
    const logs = (await ledger.queryFilter(ledger.getEvent("CheckpointCommitted"), startBlock)) as EventLog[];
    const position = await registry.getFunction("position")();
    return {
      committed: logs.map(({ args }) => String(args.getValue("hash"))),
      position: Number(position),
      positionHash: await registry.getFunction("positionHash")(position),
    };
  }

  async isFinal(number: number): Promise<boolean> {
    return this.#contract("CheckpointLedger").getFunction("isFinal")(number);
  }

  /** @param amount in the stake token's smallest unit */
  async give(to: Hex, amount: bigint): Promise<void> {
    const token = contractOf("StakeToken", this.#net.devnet.deployment, await this.#connection.account());
    await (await token.getFunction("mint")(to, amount)).wait();
  }

  /** One more operator, that never comes: the registry's next position. */
  async join(which: number): Promise<void> {
    await registerOperator({
      deployment: this.#net.devnet.deployment,
      owner: await this.#connection.account(accountKey(FIRST_STRANGER + which)),
      signer: { privateKey: Wallet.createRandom().privateKey },
      endpoint: "127.0.0.1:1",
      minter: await this.#connection.account(),
    });
  }
}

/** What a worker that has ended had derived. */
export function derivedBy(net: Net, index: number): Derived {
  return withStore(net.devnet, net.operators[index - 1], (store) => {
    const derived: Derived = { committed: [], position: 0, positionHash: "" };
    for (const event of store.chainLog.events())
      if (event.kind === "committed") derived.committed.push(toHex(event.hash));
      else if (event.kind === "registry") {
        derived.position = event.event.position;
        derived.positionHash = toHex(event.event.hash);
      }
    return derived;
  });
}

import type { Contract, EventLog, Provider } from "ethers";
import type { Hex } from "../../../offchain/core/chain.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import type { Net } from "./net.ts";

/** An accusation as it was opened; the bond in the stake token's smallest unit. */
export type Accused = { id: Hex; turn: Hex; bond: bigint };

/** What the chain says of disputes about tokens, and of those who were in them. */
export class CourtRecord {
  readonly #net: Net;
  readonly #court: Contract;

  constructor(net: Net, court: Contract) {
    this.#net = net;
    this.#court = court;
  }

  get #provider(): Provider {
    return this.#court.runner!.provider!;
  }

  /** What one account has accused an operator of. */
  async accusationsOf(owner: Hex, by: Hex): Promise<Accused[]> {
    const accused = this.#court.getEvent("Accused")(null, owner, by);
    const logs = (await this.#court.queryFilter(accused, this.#net.devnet.deployment.startBlock)) as EventLog[];
    return logs.map(({ args: [id, , , { turn, bond }] }) => ({ id, turn, bond }));
  }

  /** All that was said in a dispute, in order; of an answer with its place. */
  async courseOf(id: Hex): Promise<string[]> {
    const address = await this.#court.getAddress();
    const { startBlock: fromBlock } = this.#net.devnet.deployment;
    const logs = await this.#provider.getLogs({ address, topics: [null, id], fromBlock });
    return logs.flatMap((log) => {
      const said = this.#court.interface.parseLog(log);
      const place = said?.fragment.inputs.findIndex(({ name }) => name === "place") ?? -1;
      return said ? [place < 0 ? said.name : `${said.name} ${said.args[place]}`] : [];
    });
  }

  /** Of an account, in the stake token's smallest unit: what it has, and what the court owes it. */
  async purseOf(account: Hex): Promise<{ has: bigint; owed: bigint }> {
    const token = contractOf("StakeToken", this.#net.devnet.deployment, this.#provider);
    const [has, owed] = [token.getFunction("balanceOf"), this.#court.getFunction("creditOf")];
    return { has: await has(account), owed: await owed(account) };
  }

  /** Whose accusation cost an operator its stake, in lower case. */
  async reporterOf(owner: Hex): Promise<string> {
    const registry = contractOf("OperatorRegistry", this.#net.devnet.deployment, this.#provider);
    return (await registry.getFunction("operatorOf")(owner)).reporter.toLowerCase();
  }
}

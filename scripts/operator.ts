import { Command } from "commander";
import { type Contract, formatEther, type Signer, ZeroAddress } from "ethers";
import type { Deployment } from "../offchain/chain/deployment.ts";
import {
  asOwner,
  type HotKeyOptions,
  hotKey,
  type OwnerOptions,
  withHotKeyOptions,
  withOwnerOptions,
} from "./lib/command.ts";
import { contractOf } from "./lib/contracts.ts";
import { runMain } from "./lib/errors.ts";
import {
  checkEndpoint,
  consented,
  type HotKey,
  type OperatorRecord,
  type OperatorStatus,
  operatorOf,
} from "./lib/operators.ts";
import { isMain } from "./lib/paths.ts";
import { say } from "./lib/print.ts";
import { ScriptError } from "./lib/script-error.ts";
import { transact } from "./lib/transact.ts";

/** Why an operator cannot do something now, by where it stands. */
const REASONS: Record<OperatorStatus, string> = {
  none: "never joined: register it first",
  pending: "waits for the epoch that takes it in",
  active: "is in the set: ask for its exit first",
  exiting: "asked to leave, and does so at the next epoch that has room",
  left: "left the set, and its stake unbonds",
  withdrawn: "left, and has its stake back",
  convicted: "was convicted, and its stake is lost",
};

/** What an operator's owner does with the registry between joining and its stake's return. */
export class OwnerDesk {
  readonly #deployment: Deployment;
  readonly #owner: Signer;
  readonly #registry: Contract;

  /** @param owner connected to a provider */
  constructor(deployment: Deployment, owner: Signer) {
    this.#deployment = deployment;
    this.#owner = owner;
    this.#registry = contractOf("OperatorRegistry", deployment, owner);
  }

  /** Asks to leave; returns how many changes wait for an epoch, and from when on (block time in seconds) one may begin. */
  async exit(): Promise<{ pendingChanges: bigint; nextEpochAt: bigint }> {
    await this.#standing("leave", ["pending", "active"]);
    await transact("Asking to leave", this.#registry, "requestExit", []);
    return { pendingChanges: await this.#read("pendingChanges"), nextEpochAt: await this.#read("nextEpochAt") };
  }

  /** Takes the stake back; returns it, in the token's smallest unit. */
  async withdraw(): Promise<bigint> {
    const { leftAt, stake } = await this.#standing("withdraw", ["left"]);
    await this.#running();
    const until = await this.#read("wallTime", leftAt + BigInt(this.#deployment.parameters.unbondingSeconds));
    const now = BigInt((await this.#owner.provider?.getBlock("latest"))?.timestamp ?? 0);
    if (now < until) throw new ScriptError("NOT_YET", `The stake unbonds until ${time(until)}: withdraw it then`);
    await transact("Withdrawing", this.#registry, "withdraw", []);
    return stake;
  }

  /** Signs with another hot key from now on; returns its address. */
  async rotate(key: HotKey): Promise<string> {
    const { signer, listedSigner } = await this.#standing("rotate its key", ["active"]);
    await this.#running();
    if (signer !== listedSigner) {
      throw new ScriptError("NOT_YET", `The key ${signer} is not in the set yet, and one rotation waits at a time`);
    }
    const { address, consent } = await consented(this.#deployment, await this.#owner.getAddress(), key);
    const belongs = await this.#registry.getFunction("operatorOfSigner")(address);
    if (belongs !== ZeroAddress) {
      throw new ScriptError("BAD_ARGUMENT", `The key ${address} belongs to ${belongs} for ever: make a new one`);
    }
    await transact("Rotating the key", this.#registry, "rotateSigner", [address, consent]);
    return address;
  }

  /** Tells peers where to dial. */
  async endpoint(endpoint: string): Promise<void> {
    checkEndpoint(endpoint);
    await this.#standing("move", ["pending", "active", "exiting"]);
    await transact("Setting the endpoint", this.#registry, "setEndpoint", [endpoint]);
  }

  async #standing(verb: string, allowed: OperatorStatus[]): Promise<OperatorRecord> {
    const owner = await this.#owner.getAddress();
    const record = await operatorOf(this.#registry, owner);
    if (allowed.includes(record.status)) return record;
    throw new ScriptError("WRONG_STATUS", `The operator ${owner} cannot ${verb}: it ${REASONS[record.status]}`);
  }

  async #running(): Promise<void> {
    const until = await this.#read("pausedUntil");
    if (until > 0n) throw new ScriptError("NOT_YET", `The contracts are paused until ${time(until)}`);
  }

  async #read(method: string, ...args: unknown[]): Promise<bigint> {
    return (await this.#registry.getFunction(method)(...args)) as bigint;
  }
}

function time(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString();
}

async function main(): Promise<void> {
  const program = new Command("operator").description("What an operator's owner does after it has registered.");
  const command = (name: string, description: string) =>
    withOwnerOptions(program.command(name).description(description));
  const at = (o: OwnerOptions, act: (desk: OwnerDesk) => Promise<void>) =>
    asOwner(o, (deployment, owner) => act(new OwnerDesk(deployment, owner)));

  command("exit", "leave: the stake stays slashable until it is withdrawn").action((o: OwnerOptions) =>
    at(o, async (desk) => {
      const { pendingChanges, nextEpochAt } = await desk.exit();
      say(`leaving: ${pendingChanges} changes wait for an epoch, which may begin from ${time(nextEpochAt)} on`);
    }),
  );
  command("withdraw", "take the stake back, when it has unbonded").action((o: OwnerOptions) =>
    at(o, async (desk) => say(`withdrawn: ${formatEther(await desk.withdraw())} tokens`)),
  );
  withHotKeyOptions(command("rotate", "sign with another hot key")).action((o: OwnerOptions & HotKeyOptions) =>
    at(o, async (desk) =>
      say(`rotated: ${await desk.rotate(await hotKey(o))} signs, and is in the set from the next epoch on`),
    ),
  );
  command("endpoint <host:port>", "be dialled elsewhere").action((endpoint: string, o: OwnerOptions) =>
    at(o, async (desk) => {
      await desk.endpoint(endpoint);
      say(`moved: peers dial ${endpoint}`);
    }),
  );
  await program.parseAsync();
}

if (isMain(import.meta.url)) await runMain(main);

import { Command, Option } from "commander";
import { formatEther, formatUnits, isAddress } from "ethers";
import { deploy } from "../deploy.ts";
import { keyFor } from "../lib/keys.ts";
import { connect } from "../lib/network.ts";
import { paths } from "../lib/paths.ts";
import { say } from "../lib/print.ts";
import { DEVELOPMENT_CHAIN, loadParameters, type Profile, profiles } from "../lib/profiles.ts";
import { ScriptError } from "../lib/script-error.ts";
import type { Powers } from "./authority.ts";
import { settingsFor } from "./settings.ts";

interface Options {
  network: string;
  keystore?: string;
  profile?: Profile;
  parameters?: string;
  out?: string;
  force?: boolean;
  dryRun?: boolean;
  admin?: string;
  adminDelay: string;
  guardian?: string;
  minter?: string;
}

export async function main(): Promise<void> {
  const o = new Command("deploy")
    .description(
      "Deploys the contracts, and goes on where it was stopped. The key is the keystore's, else WEFT_DEPLOYER_KEY, else the node's account 0.",
    )
    .option("--network <name|url>", "a network of hardhat.config.ts, or the URL of a node", "default")
    .option("--keystore <file>", "encrypted key of the deployer; password in WEFT_KEYSTORE_PASSWORD, or asked for")
    .addOption(
      new Option("--profile <profile>", `parameters; devnet by default on chain ${DEVELOPMENT_CHAIN} alone`).choices(
        Object.keys(profiles),
      ),
    )
    .option("--parameters <file>", "parameters of one's own, like those in scripts/parameters")
    .option("--out <folder>", "where <chainId>.json goes; deployments/ by default, nowhere for the embedded chain")
    .option("--admin <address>", "who governs; needed but for the devnet's profile")
    .option("--admin-delay <seconds>", "between what the administrator announces and what it can do", "0")
    .option("--guardian <address>", "who may pause and invalidate; the administrator by default")
    .option("--minter <address>", "who may mint stake; the administrator by default")
    .option("--dry-run", "send nothing: print the addresses that are to come, and what it costs")
    .option("--force", "overwrite a file that names other addresses; allow the devnet's profile on any chain")
    .parse()
    .opts<Options>();
  const overrides = o.parameters === undefined ? undefined : loadParameters(o.parameters);
  const wishes = { profile: o.profile, overrides, powers: powersOf(o), force: o.force };
  const connection = await connect(o.network);
  try {
    const deployerKey = await keyFor(o.keystore, "WEFT_DEPLOYER_KEY");
    if (connection.embedded && !o.dryRun) {
      // The chain is gone when this process ends: there is nothing to resume, and a file would name contracts that are nowhere.
      const { path, gas } = await deploy({ ...wishes, connection, out: o.out, deployerKey });
      for (const [step, used] of Object.entries(gas)) say(`${step.padEnd(56)} ${used} gas`);
      return say(path ?? "no file, because the embedded chain ends here: give --network, or --out");
    }
    const deployer = await (await connection.account(deployerKey)).getAddress();
    const settings = settingsFor(connection.chainId, deployer, wishes);
    const out = o.out ?? paths.deployments;
    if (o.dryRun) {
      const { rehearse } = await import("./rehearsal.ts");
      const { steps, gas, gasPrice, cost, balance } = await rehearse(connection, settings, out);
      for (const { name, address, gas: used, done } of steps) {
        say(`${name.padEnd(56)} ${done ? "done" : `${used} gas`}${address ? `  ${address}` : ""}`);
      }
      say(
        `${gas} gas at ${formatUnits(gasPrice, "gwei")} gwei: ${formatEther(cost)} ether; ${deployer} has ${formatEther(balance)}`,
      );
      return say("dry run: nothing was sent");
    }
    const { deployResumably } = await import("./ignition.ts");
    const onSend = (hash: string) => say(`sent ${hash}`);
    const { path, steps } = await deployResumably(connection, settings, { out, deployerKey, force: o.force, onSend });
    for (const { name, gas, fresh } of steps) say(`${name.padEnd(56)} ${gas} gas${fresh ? "" : ", done before"}`);
    if (!steps.some(({ fresh }) => fresh)) say(`nothing to do: all ${steps.length} steps were done before`);
    say(path);
  } finally {
    await connection.close();
  }
}

function powersOf({ admin, adminDelay, guardian, minter }: Options): Partial<Powers> {
  const adminDelaySeconds = Number(adminDelay);
  if (!Number.isInteger(adminDelaySeconds) || adminDelaySeconds < 0 || adminDelaySeconds > 0xffff_ffff) {
    throw new ScriptError("BAD_ARGUMENT", `--admin-delay ${adminDelay} is not a number of seconds`);
  }
  const powers: Partial<Powers> = { adminDelaySeconds };
  for (const [name, address] of Object.entries({ admin, guardian, minter })) {
    if (address === undefined) continue;
    if (!isAddress(address)) throw new ScriptError("BAD_ARGUMENT", `--${name} ${address} is not an address`);
    powers[name as "admin" | "guardian" | "minter"] = address;
  }
  return powers;
}

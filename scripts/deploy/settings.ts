import type { DeploymentParameters } from "../../offchain/chain/deployment.ts";
import type { Connection } from "../lib/network.ts";
import { checkParameters, DEVELOPMENT_CHAIN, type Profile, profiles } from "../lib/profiles.ts";
import { ScriptError } from "../lib/script-error.ts";
import { handOver, type Powers } from "./authority.ts";
import { contractsOf, type Plan } from "./plan.ts";

/** What whoever deploys says about it. */
export interface Wishes {
  /** On the development chain the devnet's by default; on others it must be given. */
  profile?: Profile | undefined;
  /** Parameters that differ from the profile's. */
  overrides?: Partial<DeploymentParameters> | undefined;
  /**
   * Who governs. On a devnet the deployer by default; elsewhere an administrator must be given, and has all powers that
   * are not given to others.
   */
  powers?: Partial<Powers> | undefined;
  /** Overwrites a file that names other addresses, and lets the devnet's profile on any chain. */
  force?: boolean | undefined;
}

/** What is deployed, checked as far as it can be without sending anything. */
export interface Settings {
  chainId: number;
  profile: Profile;
  parameters: DeploymentParameters;
  powers: Powers;
  deployer: string;
  plan: Plan;
}

/** @throws ScriptError `BAD_ARGUMENT`, `WRONG_PROFILE` or `BAD_PARAMETERS` */
export function settingsFor(chainId: number, deployer: string, wishes: Wishes): Settings {
  const profile = profileFor(chainId, wishes);
  const parameters = checkParameters({ ...profiles[profile], ...wishes.overrides });
  const powers = powersFor(profile, deployer, wishes.powers);
  const plan = { contracts: contractsOf(parameters, deployer), calls: handOver(powers, deployer) };
  return { chainId, profile, parameters, powers, deployer, plan };
}

function profileFor(chainId: number, { profile, force }: Wishes): Profile {
  if (profile === undefined) {
    if (chainId === DEVELOPMENT_CHAIN) return "devnet";
    throw new ScriptError("BAD_ARGUMENT", `Chain ${chainId} has no default profile: give one with --profile`);
  }
  if (profile !== "devnet" || chainId === DEVELOPMENT_CHAIN || force) return profile;
  throw new ScriptError(
    "WRONG_PROFILE",
    `The devnet's stake unbonds in an hour, and chain ${chainId} is no devnet: give --profile testnet, or --force`,
  );
}

function powersFor(profile: Profile, deployer: string, given: Partial<Powers> = {}): Powers {
  const admin = given.admin ?? (profile === "devnet" ? deployer : undefined);
  const remedy = "give a multisig's address with --admin";
  if (admin === undefined) throw new ScriptError("BAD_ARGUMENT", `The ${profile} has no default governor: ${remedy}`);
  if (profile !== "devnet" && admin.toLowerCase() === deployer.toLowerCase()) {
    throw new ScriptError("BAD_ARGUMENT", `The deployer's key is no governor: ${remedy}`);
  }
  return { admin, adminDelaySeconds: 0, guardian: admin, minter: admin, ...given };
}

export async function requireFunds(connection: Connection, account: string): Promise<void> {
  if ((await connection.provider.getBalance(account)) > 0n) return;
  throw new ScriptError("NO_FUNDS", `The deployer ${account} has no funds on chain ${connection.chainId}`);
}

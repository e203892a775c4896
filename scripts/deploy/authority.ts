import { type Contract, type EventLog, Interface } from "ethers";
import { type ContractName, loadArtifact } from "../lib/artifacts.ts";
import { ScriptError } from "../lib/script-error.ts";
import { type Call, ref } from "./plan.ts";

/** Roles of the access manager; 0 is its administrator. */
export const ROLE = { admin: 0n, court: 1n, minter: 2n, guardian: 3n, clock: 4n, fall: 5n } as const;

/** Who gets the powers that people have; addresses. */
export interface Powers {
  admin: string;
  /** Seconds between what the administrator announces and what it can do. */
  adminDelaySeconds: number;
  guardian: string;
  minter: string;
}

export interface Governed {
  manager: Contract;
  token: Contract;
  registry: Contract;
  ledger: Contract;
  court: Contract;
  guardian: Contract;
}

type Door = { target: keyof Governed; methods: string[]; role: bigint };

/** Every function that not everybody may call, and the role that may. `announceSuccessor`, `nameTurnCourt` and `retire` stay the administrator's. */
const doors: readonly Door[] = [
  { target: "registry", methods: ["slash"], role: ROLE.court },
  { target: "registry", methods: ["pause", "resume"], role: ROLE.clock },
  { target: "ledger", methods: ["openDispute", "closeDispute"], role: ROLE.court },
  { target: "ledger", methods: ["fell"], role: ROLE.fall },
  { target: "guardian", methods: ["pause", "resume", "invalidate"], role: ROLE.guardian },
  { target: "token", methods: ["mint"], role: ROLE.minter },
];

/** Courts about checkpoints: what they condemn falls. */
const checkpointCourts: readonly ContractName[] = ["FoldCourt", "CutCourt", "AvailabilityCourt"];

const governedNames: Record<keyof Governed, ContractName> = {
  manager: "AccessManager",
  token: "StakeToken",
  registry: "OperatorRegistry",
  ledger: "CheckpointLedger",
  court: "EquivocationCourt",
  guardian: "Guardian",
};

/** What is governed, among the contracts that `found` gives. */
export function governedBy(found: (name: ContractName) => Contract): Governed {
  const entries = Object.entries(governedNames).map(([key, name]) => [key, found(name)]);
  return Object.fromEntries(entries) as Governed;
}

/** Names the court of turns, sets who may do what, and hands the administration over; `deployer` is the administrator until then. */
export function handOver(powers: Powers, deployer: string): Call[] {
  const call = (step: string, method: string, ...args: unknown[]): Call => {
    return { step, contract: governedNames.manager, method, args };
  };
  const guarded = doors.map(({ target, methods, role }) => {
    const { abi } = loadArtifact(governedNames[target]);
    const selectors = methods.map((method) => new Interface(abi).getFunction(method)?.selector);
    const step = `${methods.join(", ")} role of ${governedNames[target]}`;
    return call(step, "setTargetFunctionRole", ref(governedNames[target]), selectors, role);
  });
  const holders: [string, bigint, unknown, number][] = [
    ["court", ROLE.court, ref(governedNames.court), 0],
    ["court of InferenceCourt", ROLE.court, ref("InferenceCourt"), 0],
    ...checkpointCourts.flatMap((name): [string, bigint, unknown, number][] => [
      [`court of ${name}`, ROLE.court, ref(name), 0],
      [`fall of ${name}`, ROLE.fall, ref(name), 0],
    ]),
    ["clock", ROLE.clock, ref(governedNames.guardian), 0],
    ["fall", ROLE.fall, ref(governedNames.guardian), 0],
    ["guardian", ROLE.guardian, powers.guardian, 0],
    ["minter", ROLE.minter, powers.minter, 0],
    ["administrator", ROLE.admin, powers.admin, powers.adminDelaySeconds],
  ];
  const granted = holders.map(([name, ...args]) => call(`${name} granted`, "grantRole", ...args));
  const named: Call = {
    step: "InferenceCourt named",
    contract: governedNames.ledger,
    method: "nameTurnCourt",
    args: [ref("InferenceCourt")],
  };
  const left = same(deployer, powers.admin) ? [] : [call("deployer leaves", "renounceRole", ROLE.admin, deployer)];
  return [named, ...guarded, ...granted, ...left];
}

/** What `account` may do though no one named it for that: empty when the hand-over is complete. */
export async function retainedBy(account: string, governed: Governed, powers: Powers, from: number): Promise<string[]> {
  const { manager } = governed;
  const named = new Set<bigint>();
  if (same(account, powers.admin)) named.add(ROLE.admin);
  if (same(account, powers.guardian)) named.add(ROLE.guardian);
  if (same(account, powers.minter)) named.add(ROLE.minter);
  const found: string[] = [];
  // Grants are read from the log, so that a role that nobody thought of is found too.
  const grants = (await manager.queryFilter(manager.getEvent("RoleGranted")(null, account), from)) as EventLog[];
  const roles = new Set([ROLE.admin, ...grants.map(({ args }) => args.getValue("roleId") as bigint)]);
  for (const role of roles) {
    if (named.has(role)) continue;
    const [holds] = (await manager.getFunction("hasRole")(role, account)) as [boolean, bigint];
    if (holds) found.push(`role ${role}`);
  }
  for (const { target: key, methods, role } of doors) {
    if (named.has(role)) continue;
    const target = governed[key];
    for (const method of methods) {
      const selector = target.interface.getFunction(method)?.selector;
      const [now, delay] = (await manager.getFunction("canCall")(account, target.target, selector)) as [
        boolean,
        bigint,
      ];
      if (now || delay > 0n) found.push(`${method} of ${target.target}`);
    }
  }
  for (const contract of [governed.token, governed.registry, governed.ledger, governed.guardian]) {
    const authority = (await contract.getFunction("authority")()) as string;
    if (!same(authority, String(manager.target))) found.push(`another authority over ${contract.target}, ${authority}`);
  }
  return found;
}

/** @throws ScriptError `RETAINS_POWER` */
export async function requireNothingRetained(...args: Parameters<typeof retainedBy>): Promise<void> {
  const found = await retainedBy(...args);
  if (found.length === 0) return;
  throw new ScriptError("RETAINS_POWER", `The deployer ${args[0]} still has: ${found.join("; ")}`);
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

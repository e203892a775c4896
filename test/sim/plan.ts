import type { Lane } from "../../offchain/mesh/types.ts";
import type { Conditions } from "./conditions.ts";
import type { DiskFaults } from "./disk.ts";

/** Everything that a simulation does, as plain data: it prints as JSON, and a smaller one can be made of it. */
export type Plan = {
  seed: number;
  profile: ProfileName;
  /** Their index is their node. Founders are in the first set; the others are there when an action lets them join. */
  operators: OperatorPlan[];
  network: Conditions;
  disk: DiskFaults;
  chain: ChainPlan;
  protocol: ProtocolPlan;
  load: LoadPlan;
  /** Long-term memories, where there are any. */
  memory?: MemoryPlan;
  /** Chance that a worker is killed before an effect is carried out. */
  crashBeforeEffect: number;
  actions: Action[];
  /** Milliseconds: then every fault is over, and at the end everything must have come right. */
  healAt: number;
  endAt: number;
};

export const PROFILES = ["default", "long", "nightly", "signed"] as const;
export type ProfileName = (typeof PROFILES)[number];

/** How a Byzantine worker lies; an honest one does not. */
export const ROLES = [
  "honest",
  "equivocator",
  "forker",
  "false-beats",
  "false-attester",
  "withholder",
  "flooder",
  "garbage",
  "censor",
  "invalid-segments",
  "false-rows",
  "forger",
  "impostor",
  "false-teacher",
] as const;
export type Role = (typeof ROLES)[number];

export type OperatorPlan = { stake: number; role: Role; founder: boolean };

export type ChainPlan = {
  blockMs: number;
  mempoolMs: number;
  pollMs: number;
  epochSeconds: number;
  challengeWindowSeconds: number;
  /** Chances: a provider does not answer, or answers as of some blocks ago; a commit is reported as failed. */
  silent: number;
  behind: number;
  misreport: number;
};

export type ProtocolPlan = {
  capacity: number;
  shortestMs: number;
  longestMs: number;
  censorshipMs: number;
  retentionSeconds: number;
};

export type MemoryPlan = {
  memories: { columns: number; orders: number[]; salt: number; writers: number[] }[];
  /** Shares of the requests whose answer teaches a memory, and that read one. */
  teaching: number;
  reading: number;
};

export type LoadPlan = { requestsPerSecond: number; maxLength: number; tokenMs: number };

/** What happens at a time; whatever has an `ms` is over by itself after so long. Nodes are indices. */
export type Action = { at: number } & (
  | { kind: "partition"; ms: number; from: number[]; to: number[]; oneWay: boolean; abrupt: boolean }
  | { kind: "flap"; a: number; b: number }
  | { kind: "slow-lane"; ms: number; lane: Lane; from?: number; bytesPerMs: number }
  | { kind: "lossy"; ms: number; node: number; loss: number; tailMs: number }
  | { kind: "chaos"; ms: number; vanish: number; repeat: number; reorder: number }
  | { kind: "crash"; node: number; downMs: number }
  | { kind: "stop"; node: number; ms: number }
  | { kind: "clock-jump"; node: number; ms: number }
  | { kind: "clock-drift"; node: number; rate: number }
  | { kind: "disk-full"; node: number; ms: number }
  | { kind: "restore"; node: number; ageMs: number; downMs: number }
  /** A second process of the operator, from a disk as it was `ageMs` before. */
  | { kind: "twin"; node: number; ageMs: number; ms: number }
  | { kind: "reorg"; ms: number; depth: number; nodes: number[]; wins: boolean }
  | { kind: "chain-stop"; ms: number }
  | { kind: "censor"; ms: number; nodes: number[] }
  | { kind: "blind"; node: number; ms: number }
  | { kind: "join"; node: number }
  | { kind: "leave"; node: number }
  | { kind: "rotate"; node: number }
  /** The guardian pauses the contracts; `expires`: the pause ends by itself, and nobody ends it. */
  | { kind: "pause"; ms: number; expires: boolean }
  /** The guardian makes a checkpoint that is not final fall: the one `back` before the latest, or the earliest. */
  | { kind: "invalidate"; back: number }
  /** A court opens a dispute about such a checkpoint, and in the end dismisses it, or makes the checkpoint fall. */
  | { kind: "dispute"; ms: number; back: number; falls: boolean }
);
export type ActionKind = Action["kind"];

/** Whether an action goes on, or was over less than `afterMs` ago. */
export function isFelt(action: Action, now: number, afterMs: number): boolean {
  const ms = ("ms" in action ? action.ms : 0) + ("downMs" in action ? action.downMs : 0);
  return now >= action.at && now < action.at + ms + afterMs;
}

/** The nodes that an action is about. */
export function nodesOf(action: Action): number[] {
  switch (action.kind) {
    case "partition":
      return [...action.from, ...action.to];
    case "flap":
      return [action.a, action.b];
    case "slow-lane":
      return action.from === undefined ? [] : [action.from];
    case "reorg":
    case "censor":
      return action.nodes;
    case "chaos":
    case "chain-stop":
    case "pause":
    case "invalidate":
    case "dispute":
      return [];
    default:
      return [action.node];
  }
}

import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod/v4";
import { WeftError } from "../core/errors.ts";
import { DRIFT_DEGREES } from "./protocol-options.ts";

const hostPort = z.string().regex(/^[^\s:]+:\d{1,5}$/, "is not host:port");
const path = z.string().min(1);

/** What an operator writes down to run a worker. Paths are relative to the file. */
const schema = z.strictObject({
  /** Owner address (cold): who this worker is in the registry. */
  operator: z.string().regex(/^0x[0-9a-fA-F]{40}$/, "is not an address"),
  /** The hot key: an encrypted V3 file, and where its password is. */
  keystore: path,
  passwordFile: path.optional(),
  /** What the worker keeps: segments, evidence, checkpoints, rows. One folder for one operator. */
  dataFolder: path,
  /** Where peers reach the mesh; what the registry says of this operator must lead here. */
  listen: hostPort,
  api: z.strictObject({ listen: hostPort }),
  chain: z.strictObject({
    rpc: z.url({ protocol: /^https?$/ }),
    /** deployments/<chainId>.json */
    deployment: path,
    pollMs: z.int().min(50).default(500),
    /** Blocks to wait before an event is believed. */
    confirmations: z.int().min(0).default(0),
  }),
  model: path,
  threads: z.int().min(1).default(1),
  /** Answers written at the same time; more are refused as busy. */
  concurrentTurns: z.int().min(1).default(8),
  /** How many of them another worker's gateway may have ordered; half of them unless it is said. */
  turnsPerGateway: z.int().min(1).optional(),
  /** New turns are refused when less disk is free. */
  minimumFreeDiskBytes: z
    .int()
    .min(0)
    .default(256 * 1024 * 1024),
  /** How long an author may be silent before the gateway asks another. */
  authorSilenceMs: z.int().min(100).default(1_500),
  /** How far what was learnt may turn the memories before this worker proposes a checkpoint at the shortest interval. */
  driftDegrees: z.number().min(0).max(90).default(DRIFT_DEGREES),
  /** How many questions about one checkpoint may be asked on the chain, each under a bond, where nobody serves what they are about. */
  challengesPerCheckpoint: z.int().min(0).default(40),
  /** How many checkpoints may be asked about at once, one question of each. */
  challengesAtOnce: z.int().min(1).max(16).default(4),
  /** Of the answers of others, the part that is re-executed while there is nothing else to do. */
  watchShare: z.number().min(0).max(1).default(0.02),
  /** To which drift raises that part: memories that turn faster than checkpoints come, or an author whose state differs. */
  watchShareMost: z.number().min(0).max(1).default(0.2),
  /** How many accusations of wrong tokens may be open at once, by what their bonds cost when nobody else accuses. */
  openAccusations: z.int().min(0).default(8),
  /** How many others that are accused may be answered for at once, each under a bond. */
  answersForOthers: z.int().min(0).default(0),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
});

export type Config = z.output<typeof schema>;

/** @throws WeftError `bad_config` that names every field at fault. */
export function parseConfig(value: unknown, source: string): Config {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  throw new WeftError("bad_config", `${source}: ${faults.join("; ")}`, {
    field: parsed.error.issues[0].path.join("."),
    remedy: "see docs/operate.md for every key",
  });
}

/** Reads a YAML (or JSON) file and makes its paths absolute. */
export function loadConfig(file: string): Config {
  if (!existsSync(file))
    throw new WeftError("bad_config", `there is no ${file}`, { field: "config", remedy: "name an existing file" });
  let value: unknown;
  try {
    value = parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new WeftError("bad_config", `${file} is not YAML`, { field: "config", cause });
  }
  const config = parseConfig(value, file);
  const at = (name: string) => (isAbsolute(name) ? name : resolve(dirname(file), name));
  return {
    ...config,
    keystore: at(config.keystore),
    passwordFile: config.passwordFile && at(config.passwordFile),
    dataFolder: at(config.dataFolder),
    model: at(config.model),
    chain: { ...config.chain, deployment: at(config.chain.deployment) },
  };
}

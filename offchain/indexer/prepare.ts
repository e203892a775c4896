import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createPublicClient, http } from "viem";
import { checkpointLedgerAbi, operatorRegistryAbi } from "../chain/abi.ts";
import type { Deployment } from "../chain/deployment.ts";
import { WeftError } from "../core/errors.ts";
import { CONTENT_TABLES } from "./content/tables.ts";
import type { Sql } from "./sql.ts";

export const APP = fileURLToPath(new URL(".", import.meta.url));
const OURS = "^weft_[0-9a-f]{12}$";
const RPC_TIMEOUT_MS = 10_000;

/** What the chain says of itself, and whether what was indexed is still so. */
export type ChainCheck = {
  /** Hash of the block that the contracts were made in. */
  origin: string;
  checkpointHash(number: number): Promise<string>;
  positionHash(position: number): Promise<string>;
};

/** @throws WeftError `wrong_chain`, `chain_unreachable` */
export async function checkChain(rpc: string, { chainId, contracts, startBlock }: Deployment): Promise<ChainCheck> {
  const client = createPublicClient({ transport: http(rpc, { timeout: RPC_TIMEOUT_MS, retryCount: 1 }) });
  const ask = async <T>(question: Promise<T>): Promise<T> => {
    try {
      return await question;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
      throw new WeftError("chain_unreachable", `the chain does not answer: ${why}`, {
        field: "rpc",
        cause,
        remedy: "check the address of the RPC endpoint",
      });
    }
  };
  const actual = await ask(client.getChainId());
  if (actual !== chainId)
    throw new WeftError("wrong_chain", `the RPC endpoint is of chain ${actual}, the deployment of ${chainId}`, {
      field: "rpc",
      remedy: "name the endpoint of the deployment's chain",
    });
  const { hash: origin } = await ask(client.getBlock({ blockNumber: BigInt(startBlock) }));
  const ledger = { address: contracts.checkpointLedger, abi: checkpointLedgerAbi };
  const registry = { address: contracts.operatorRegistry, abi: operatorRegistryAbi };
  return {
    origin,
    checkpointHash: (number) =>
      ask(client.readContract({ ...ledger, functionName: "checkpointHash", args: [BigInt(number)] })),
    positionHash: (position) =>
      ask(client.readContract({ ...registry, functionName: "positionHash", args: [BigInt(position)] })),
  };
}

/**
 * The schema of Ponder's tables: another one for another chain, deployment or version of the handlers, each of which
 * asks for everything to be indexed anew.
 */
export function schemaName(deployment: Deployment, origin: string): string {
  const hash = createHash("sha256").update(JSON.stringify([deployment.contracts, deployment.chainId, origin]));
  for (const file of globSync(["ponder.*.ts", "schema/*.ts", "src/*.ts"], { cwd: APP }).sort())
    hash.update(file).update(readFileSync(`${APP}/${file}`));
  return `weft_${hash.digest("hex").slice(0, 12)}`;
}

/**
 * Makes the database ready for Ponder to start, or to go on. The caller sees to it that nobody else uses the schema.
 * @param alone nobody else has schemas of ours in this database: those that are not used any more go
 */
export async function prepare(
  sql: Sql,
  schema: string,
  { chainId, profile }: Deployment,
  chain: ChainCheck,
  alone: boolean,
): Promise<void> {
  for (const statement of CONTENT_TABLES) await sql.query(statement);
  const schemas = await sql.query<{ name: string }>("SELECT nspname AS name FROM pg_namespace WHERE nspname ~ $1", [
    OURS,
  ]);
  const names = schemas.map(({ name }) => name);
  if (alone) for (const name of names) if (name !== schema) await dropSchema(sql, name);
  // A devnet's chain is another one after every start, with the same number.
  if (!names.includes(schema)) return profile === "devnet" ? forgetLogs(sql, chainId) : undefined;
  if (!(await isStillSo(sql, schema, chain))) return startOver(sql, schema, chainId);
  // Whoever held it was killed: its lock would be respected until it is old.
  if (await hasTable(sql, schema, "_ponder_meta"))
    await sql.query(`UPDATE "${schema}"._ponder_meta SET value = jsonb_set(value, '{is_locked}', '0')`);
}

/** Forgets what was read of the chain and what was made of it. What workers served stays: it is named by its hashes. */
export async function startOver(sql: Sql, schema: string, chainId: number): Promise<void> {
  await dropSchema(sql, schema);
  await forgetLogs(sql, chainId);
}

async function dropSchema(sql: Sql, schema: string): Promise<void> {
  await sql.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
}

/** Ponder's copies of blocks and logs, by which it would believe what the chain took back. */
async function forgetLogs(sql: Sql, chainId: number): Promise<void> {
  const tables = await sql.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'ponder_sync' AND column_name = 'chain_id'`,
  );
  for (const { name } of tables) await sql.query(`DELETE FROM ponder_sync."${name}" WHERE chain_id = $1`, [chainId]);
}

async function hasTable(sql: Sql, schema: string, table: string): Promise<boolean> {
  const found = await sql.query("SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2", [schema, table]);
  return found.length > 0;
}

/** Of a block that Ponder holds for final: its number is digits 27 to 42 of what it calls a checkpoint. */
const FINALIZED = "(SELECT min(substr(finalized_checkpoint, 27, 16)::bigint) FROM SCHEMA._ponder_checkpoint)";

/** Whether the chain still says what was indexed for good: it may have been reorganised deeper than Ponder undoes. */
async function isStillSo(sql: Sql, schema: string, chain: ChainCheck): Promise<boolean> {
  if (!(await hasTable(sql, schema, "_ponder_checkpoint"))) return true;
  const newest = async (table: string, columns: string, where: string, order: string) => {
    const finalized = FINALIZED.replace("SCHEMA", `"${schema}"`);
    const [row] = await sql.query<{ number: number; hash: string }>(
      `SELECT ${columns} FROM "${schema}".${table} WHERE ${where} <= ${finalized} ORDER BY ${order} DESC LIMIT 1`,
    );
    return row;
  };
  const checkpoint = await newest("checkpoint", "number, hash", "fallen_at IS NULL AND committed_block", "number");
  if (checkpoint && (await chain.checkpointHash(checkpoint.number)) !== checkpoint.hash) return false;
  const change = await newest("registry_change", "position AS number, position_hash AS hash", "block", "position");
  return !change || (await chain.positionHash(change.number)) === change.hash;
}

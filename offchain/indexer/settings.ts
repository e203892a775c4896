import { z } from "zod/v4";
import type { Deployment } from "../chain/deployment.ts";
import { loadDeployment } from "../chain/deployment-file.ts";
import { WeftError } from "../core/errors.ts";

const schema = z.object({
  /** File of the deployment. */
  WEFT_INDEXER_DEPLOYMENT: z.string().min(1),
  WEFT_INDEXER_RPC: z.url({ protocol: /^https?$/ }),
  /** Folder of PGlite; not used with PostgreSQL. */
  WEFT_INDEXER_FOLDER: z.string().min(1),
  /** Addresses of workers' HTTP interfaces, separated by commas. */
  WEFT_INDEXER_WORKERS: z.string().default(""),
  DATABASE_URL: z.string().min(1).optional(),
  /** The schema of Ponder's tables. */
  DATABASE_SCHEMA: z.string().regex(/^[a-z0-9_]{1,45}$/),
});

export type Settings = {
  deployment: Deployment;
  rpc: string;
  folder: string;
  workers: string[];
  databaseUrl: string | undefined;
  databaseSchema: string;
};

/**
 * What `weft indexer` tells the process that it starts, by its environment.
 * @throws WeftError `bad_config`; DeploymentError
 */
export function settingsFrom(env: Record<string, string | undefined>): Settings {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue.path.join(".");
    throw new WeftError("bad_config", `${field}: ${issue.message}`, { field, remedy: "start it with weft indexer" });
  }
  const known = parsed.data;
  return {
    deployment: loadDeployment(known.WEFT_INDEXER_DEPLOYMENT),
    rpc: known.WEFT_INDEXER_RPC,
    folder: known.WEFT_INDEXER_FOLDER,
    workers: known.WEFT_INDEXER_WORKERS.split(",").filter((url) => url !== ""),
    databaseUrl: known.DATABASE_URL,
    databaseSchema: known.DATABASE_SCHEMA,
  };
}

import { Counter, Gauge, type Registry } from "prom-client";
import { codeOf } from "../core/errors.ts";
import { crypto } from "../crypto/crypto.ts";
import { separatorOf } from "../node/protocol-options.ts";
import { Collector } from "./content/collector.ts";
import { Proofs } from "./content/proofs.ts";
import { ReportCollector, Reports } from "./content/reports.ts";
import { ContentStore } from "./content/store.ts";
import type { Settings } from "./settings.ts";
import { connectPostgres, type Sql, sqlOn } from "./sql.ts";
import { Standings } from "./standing.ts";

declare global {
  /** Ponder's own, of which the metrics are what /metrics shows. */
  var PONDER_COMMON: { metrics: { registry: Registry }; shutdown: { add(work: () => Promise<void>): void } };
}

export type Content = {
  proofs: Proofs;
  reports: Reports;
  standings: Standings;
  /** How many checkpoints are committed, and of how many the content is here. */
  collected(): Promise<{ committed: number; collected: number }>;
};

const CONNECTIONS = 8;

/**
 * Begins to collect what workers serve, in the process that has the database open: PGlite can be open once.
 * @param database Ponder's, whose client is with PGlite the one that there is
 */
export async function openContent(settings: Settings, database: unknown): Promise<Content> {
  const { databaseUrl, databaseSchema, deployment, workers } = settings;
  const sql: Sql = databaseUrl
    ? await connectPostgres(databaseUrl, CONNECTIONS)
    : sqlOn((database as { $client: Parameters<typeof sqlOn>[0] }).$client);
  const store = new ContentStore(sql, crypto, databaseSchema);
  const { metrics, shutdown } = globalThis.PONDER_COMMON;
  const registers = [metrics.registry];
  const collected = new Counter({
    name: "weft_indexer_snapshots_collected_total",
    help: "Snapshots that were verified and kept.",
    registers,
  });
  const newest = new Gauge({
    name: "weft_indexer_newest_collected_checkpoint",
    help: "The highest number of a checkpoint of which everything is here.",
    registers,
  });
  const troubles = new Counter({
    name: "weft_indexer_worker_troubles_total",
    help: "Answers of workers that did not come, or were not what is committed.",
    labelNames: ["worker", "code"],
    registers,
  });
  let highest = 0;
  const separator = separatorOf(crypto, deployment);
  const keys = async () => {
    const rows = await sql.query<{ operator: string; address: string }>(
      `SELECT operator, address FROM "${databaseSchema}".signer`,
    );
    return new Set(rows.map(({ operator, address }) => `${operator}:${address}`));
  };
  const reports = new Reports(sql, databaseSchema);
  const reportCollector = new ReportCollector({
    crypto,
    separator,
    reports,
    workers,
    keys,
    onTrouble: (worker, error) => troubles.inc({ worker, code: codeOf(error) }),
  });
  const collector = new Collector({
    crypto,
    separator,
    store,
    workers,
    keys,
    onTrouble(worker, checkpoint, error) {
      troubles.inc({ worker, code: codeOf(error) });
      if (codeOf(error) !== "worker_failed")
        process.stderr.write(`weft: checkpoint ${checkpoint} from ${worker}: ${String(error)}\n`);
    },
    onCollected(checkpoint, snapshots) {
      collected.inc(snapshots);
      highest = Math.max(highest, checkpoint);
      newest.set(highest);
    },
  });
  shutdown.add(async () => {
    await Promise.all([collector.stop(), reportCollector.stop()]);
    await sql.close();
  });
  if (workers.length > 0) {
    collector.start();
    reportCollector.start();
  }
  return {
    proofs: new Proofs(sql, crypto, databaseSchema),
    reports,
    standings: new Standings(sql, databaseSchema),
    collected: () => store.counts(),
  };
}

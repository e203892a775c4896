import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod/v4";
import type { ReportItem } from "../../api/ports.ts";
import { reportJson } from "../../api/reports.ts";
import { type Bytes, fromHex, toHex } from "../../core/bytes.ts";
import { reportSigner, type SignedReport } from "../../core/check-report.ts";
import { WeftError } from "../../core/errors.ts";
import type { Crypto } from "../../core/ports.ts";
import type { Sql } from "../sql.ts";
import { CONTENT_SCHEMA } from "./tables.ts";
import { ask } from "./workers.ts";

/** Of one reporter so many; the oldest go. */
const KEPT = 2 ** 16;
const POLL_MS = 2_000;
/** So often what no known key signed is asked for again: the chain may be read only later. */
const TRIES = 300;

const bytes = (count: number) =>
  z
    .string()
    .length(2 + 2 * count)
    .transform((text) => fromHex(text, count));
const uint32 = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const page = z.object({
  items: z.array(
    z.object({
      id: z.int().positive(),
      reporter: bytes(20),
      model: bytes(32),
      turn: bytes(32),
      author: bytes(20),
      agrees: z.boolean(),
      position: uint32,
      distance: uint32,
      signature: bytes(65),
    }),
  ),
  last: z.int().min(0),
});

/** A report as it is kept: the fields that are signed, and the signature. */
export type KeptReport = Omit<ReportItem, "id">;
type Row = Omit<KeptReport, "position" | "distance"> & { position: string | number; distance: string | number };

const KEEP = `
  INSERT INTO ${CONTENT_SCHEMA}.report (reporter, turn, model, author, agrees, position, distance, signature)
  SELECT x.* FROM json_to_recordset($1::json) AS x(
    reporter text, turn text, model text, author text, agrees boolean, position bigint, distance bigint, signature text)
  ON CONFLICT DO NOTHING`;
const FORGET = `
  DELETE FROM ${CONTENT_SCHEMA}.report WHERE reporter = $1 AND arrived <= (
    SELECT arrived FROM ${CONTENT_SCHEMA}.report WHERE reporter = $1 ORDER BY arrived DESC OFFSET ${KEPT} LIMIT 1)`;

/** What workers found in one another's turns. */
export class Reports {
  readonly #sql: Sql;
  readonly #view: string;

  constructor(sql: Sql, databaseSchema: string) {
    this.#sql = sql;
    this.#view = `"${databaseSchema}".report`;
  }

  /** Those of a committed turn, by reporter. */
  async of(turn: string): Promise<KeptReport[]> {
    const rows = await this.#sql.query<Row>(
      `SELECT reporter, model, turn, author, agrees, position, distance, signature FROM ${this.#view}
       WHERE turn = $1 ORDER BY reporter`,
      [turn],
    );
    return rows.map((row) => ({ ...row, position: Number(row.position), distance: Number(row.distance) }));
  }

  async keep(signed: readonly SignedReport[]): Promise<void> {
    const rows = signed.map(reportJson);
    await this.#sql.query(KEEP, [JSON.stringify(rows)]);
    for (const reporter of new Set(rows.map((row) => row.reporter))) await this.#sql.query(FORGET, [reporter]);
  }
}

export type ReportCollectorOptions = {
  crypto: Crypto;
  /** EIP-712 domain separator of the ledger. */
  separator: Bytes;
  reports: Pick<Reports, "keep">;
  workers: readonly string[];
  /** Keys that the registry ever named, as operator:signer. */
  keys(): Promise<Set<string>>;
  onTrouble(worker: string, error: unknown): void;
};

/** Asks workers, over and over, for what they reported since; keeps what an operator's key signed. */
export class ReportCollector {
  readonly #o: ReportCollectorOptions;
  readonly #stopped = new AbortController();
  /** Of each worker the last that was read, and how often the next page was read. A process that starts reads all anew. */
  readonly #read = new Map<string, { after: number; tries: number }>();
  #running: Promise<unknown> | undefined;

  constructor(options: ReportCollectorOptions) {
    this.#o = options;
  }

  start(): void {
    this.#running ??= Promise.all(this.#o.workers.map((worker) => this.#follow(worker)));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #follow(worker: string): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const more = await this.#next(worker).catch((error: unknown) => {
        this.#o.onTrouble(worker, error);
        return false;
      });
      if (!more) await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** One page. True when there is more. */
  async #next(worker: string): Promise<boolean> {
    const { after, tries } = this.#read.get(worker) ?? { after: 0, tries: 0 };
    const { items, last } = await ask(worker, `/v1/reports?after=${after}`, (body) => page.parse(body));
    if (items.some(({ id }, i) => id <= (items[i - 1]?.id ?? after)))
      throw new WeftError("worker_failed", `${worker}: its reports do not follow one another`);
    const signed = items.map(({ id: _, signature, ...report }) => ({ report, signature }));
    const kept = signed.length === 0 ? [] : await this.#checked(signed);
    if (kept.length > 0) await this.#o.reports.keep(kept);
    if (kept.length < signed.length && tries < TRIES) {
      this.#read.set(worker, { after, tries: tries + 1 });
      throw new WeftError("content_refused", "a report is not signed by its reporter");
    }
    const highest = items.at(-1)?.id ?? after;
    // With another data folder it counts from the beginning.
    this.#read.set(worker, { after: last < after ? 0 : highest, tries: 0 });
    return highest > after && highest < last;
  }

  async #checked(signed: readonly SignedReport[]): Promise<SignedReport[]> {
    const { crypto, separator, keys } = this.#o;
    const known = await keys();
    return signed.filter((one) => {
      const signer = reportSigner(crypto, separator, one);
      return signer !== undefined && known.has(`${toHex(one.report.reporter)}:${toHex(signer)}`);
    });
  }
}

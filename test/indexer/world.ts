import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkpointLedgerAbi } from "../../offchain/chain/abi.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { parseProof, toStruct } from "../../offchain/sdk/receipt.ts";
import { until } from "../helpers/e2e/until.ts";
import { type ContentServer, serveContents } from "../helpers/indexer/content-server.ts";
import { type IndexerProcess, startIndexer } from "../helpers/indexer/indexer.ts";
import { type Content, Scenery } from "../helpers/indexer/scenery.ts";

const PATIENCE_MS = 120_000;
/** Of a segment of ours. */
export const SNAPSHOTS = 5;

/** A chain with checkpoints, workers that serve them, three of which lie, and indexers of all that. */
export class World {
  scenery!: Scenery;
  honest!: ContentServer;
  readonly liars: ContentServer[] = [];
  readonly #folders: string[] = [];
  readonly #running: IndexerProcess[] = [];

  async open(): Promise<void> {
    this.scenery = await Scenery.open();
    const { contents } = this.scenery;
    this.honest = await serveContents(contents, 3);
    // A byte of a body, of a signature, and of a head.
    this.liars.push(await serveContents(contents, 3, { part: "segments", fromEnd: 0 }));
    this.liars.push(await serveContents(contents, 3, { part: "headers", fromEnd: 1 }));
    this.liars.push(await serveContents(contents, 3, { part: "cut", fromEnd: 9 }));
    for (let i = 0; i < 4; i++) await this.scenery.commit(4 + i, SNAPSHOTS);
  }

  /** What was opened, also where that failed half-way. */
  async close(): Promise<void> {
    await this.stop();
    for (const server of [this.honest, ...this.liars]) await server?.close();
    await this.scenery?.close();
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }

  folder(): string {
    const made = mkdtempSync(join(tmpdir(), "weft-indexer-"));
    this.#folders.push(made);
    return made;
  }

  /** Resolves when all of history is indexed. */
  async start(options: { folder: string; databaseUrl?: string | undefined }): Promise<IndexerProcess> {
    const workers = [...this.liars, this.honest].map(({ url }) => url);
    const started = await startIndexer(this.scenery, { ...options, workers });
    this.#running.push(started);
    await started.ready();
    return started;
  }

  /** Every indexer that was started. */
  async stop(): Promise<void> {
    for (const { child } of this.#running.splice(0)) await child.stop();
  }

  /** Until what is committed last is indexed, and all of it collected. */
  async caughtUp(indexer: IndexerProcess): Promise<void> {
    const last = this.scenery.contents[this.scenery.contents.length - 1];
    await until(
      "everything is indexed",
      async () => {
        const query = '{ checkpoints(orderBy: "number", orderDirection: "desc", limit: 1) { items { hash } } }';
        const { checkpoints } = await indexer.graphql<{ checkpoints: { items: { hash: string }[] } }>(query);
        const { body } = await indexer.get("/collected");
        const { committed, collected } = body as { committed: number; collected: number };
        const all = this.scenery.contents.length;
        return checkpoints.items[0]?.hash === toHex(last.hash) && committed === all && collected === all;
      },
      PATIENCE_MS,
    );
  }

  /** Until it has read the newest block: Ponder that is asking for a block when it goes away asks for it for a minute. */
  async atHead(indexer: IndexerProcess): Promise<void> {
    await until(
      "the newest block is indexed",
      async () => {
        const height = Number(await this.scenery.ask<string>("eth_blockNumber"));
        const { weft } = (await indexer.get("/status")).body as { weft: { block: { number: number } } };
        return weft.block.number >= height;
      },
      PATIENCE_MS,
    );
  }

  /** Asks the ledger itself about every snapshot of these checkpoints. */
  async proveAll(indexer: IndexerProcess, contents: readonly Content[]): Promise<number> {
    const ledger = { address: this.scenery.deployment.contracts.checkpointLedger, abi: checkpointLedgerAbi };
    let proven = 0;
    for (const { number, segments } of contents)
      for (const [segment, { snapshots }] of segments.entries())
        for (const snapshot of snapshots.keys()) {
          const { status, body } = await indexer.get(`/proofs/${number}/${segment}/${snapshot}`);
          assert.equal(status, 200, JSON.stringify(body));
          const args = [toStruct(parseProof(body))] as const;
          const isIn = await this.scenery.client.readContract({ ...ledger, functionName: "verifySnapshot", args });
          assert.ok(isIn, `snapshot ${number}/${segment}/${snapshot} proves`);
          proven += 1;
        }
    return proven;
  }
}

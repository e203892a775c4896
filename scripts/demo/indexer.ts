import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Child, Devnet, TokenReceipt, WorkerProcess } from "../../offchain/cli/devnet.ts";
import { freePorts } from "../../offchain/cli/devnet.ts";
import { parseProof, type SnapshotProof } from "../../offchain/sdk/receipt.ts";
import { must } from "./must.ts";

const PATIENCE_MS = 90_000;
const POLL_MS = 100;

/** `weft indexer` beside the demo's workers, of whom one is dead. */
export class DemoIndexer {
  readonly #url: string;
  readonly #child: Child;
  readonly #startedAt = performance.now();
  #readyAt: number | undefined;

  static async start(net: Devnet, workers: readonly WorkerProcess[]): Promise<DemoIndexer> {
    const [port] = await freePorts(1);
    const folder = join(net.folder, "indexer");
    const urls = workers.map(({ operator }) => operator.apiUrl).join(",");
    const where = ["--deployment", net.deploymentFile, "--rpc", net.chain.rpcUrl, "--workers", urls];
    const args = ["indexer", ...where, "--port", String(port), "--folder", folder];
    const log = join(net.folder, "indexer.log");
    return new DemoIndexer(`http://127.0.0.1:${port}`, net.runModule("the indexer", "offchain/cli/main.ts", args, log));
  }

  private constructor(url: string, child: Child) {
    this.#url = url;
    this.#child = child;
    void this.#watch();
  }

  async #watch(): Promise<void> {
    while (!this.#child.exited()) {
      const ready = await fetch(`${this.#url}/ready`).catch(() => undefined);
      if (ready?.ok) break;
      await sleep(POLL_MS);
    }
    this.#readyAt = performance.now();
  }

  /** Asks it for the proof of the token that a worker's receipt is about; it must be the very same. Times in ms. */
  async compare({ receipt }: TokenReceipt): Promise<{ startedMs: number; askedMs: number; snapshots: number }> {
    const { turn, position } = receipt;
    const said = receipt.snapshots.find(
      (one) => one.type === "tokens" && one.first <= position && position < one.first + one.tokens.length,
    )?.proof;
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      must(!this.#child.exited(), `the indexer ended, see ${this.#child.logFile}`);
      must(Date.now() < deadline, `the indexer has no proof after ${PATIENCE_MS / 1000} s, see ${this.#child.logFile}`);
      const began = performance.now();
      const answer = await fetch(`${this.#url}/proofs/${turn}/${position}`).catch(() => undefined);
      const proof = answer?.ok ? ((await answer.json()) as SnapshotProof & { requestId: string | null }) : undefined;
      // Its request is known once the checkpoint in which the turn was opened is collected as well.
      if (proof && proof.requestId !== null) {
        const askedMs = performance.now() - began;
        must(isDeepStrictEqual(parseProof(proof), said), "the indexer's proof is not the worker's");
        const metrics = await (await fetch(`${this.#url}/metrics`)).text();
        const snapshots = Number(/^weft_indexer_snapshots_collected_total (\d+)/m.exec(metrics)?.[1]);
        return { startedMs: (this.#readyAt ?? began) - this.#startedAt, askedMs, snapshots };
      }
      await sleep(POLL_MS);
    }
  }
}

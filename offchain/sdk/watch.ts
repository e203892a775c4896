import { decodeEventLog, toEventSelector } from "viem";
import { checkpointLedgerAbi } from "../chain/abi.ts";
import type { Deployment } from "../chain/deployment.ts";
import { WeftError } from "../core/errors.ts";
import type { Ledger } from "./ledger.ts";
import type { Hex } from "./receipt.ts";
import type { SourceBlock, SourceLog } from "./source.ts";

/** `removed`: a reorganisation took back what was attested; it may come again. What is final or fell is told once. */
export type CheckpointEvent = {
  type: "attested" | "final" | "fallen" | "removed";
  number: number;
  hash: Hex;
  /** Of the block that committed it. */
  blockNumber: number;
};

export type WatchOptions = {
  onEvent(event: CheckpointEvent): void;
  /** A poll failed; the next one tries again. */
  onError?(error: WeftError): void;
  /** Block to begin at; the deployment's by default. */
  fromBlock?: number;
  pollMs?: number;
};

const POLL_MS = 2_000;
/** Blocks of one question for logs: what public nodes allow. */
const RANGE = 2_000;
/** Blocks that are remembered by their hash: deeper reorganisations are followed from the first of these. */
const REMEMBERED = 256;

const abi = checkpointLedgerAbi.filter((item) => item.type === "event" && item.name === "CheckpointCommitted");
const COMMITTED = toEventSelector(abi[0]);

type Watched = CheckpointEvent & { type: "attested" | "final" | "fallen" };

/** Follows the ledger's log by asking, range by range; a parent that does not fit is walked back from. */
export class CheckpointFollower {
  readonly #ledger: Ledger;
  readonly #address: Hex;
  readonly #first: number;
  /** Blocks that were read up to, oldest first; all logs up to the last are told. */
  #read: SourceBlock[] = [];
  /** Told, and not yet settled deeper than what is remembered. */
  #known: Watched[] = [];

  constructor(ledger: Ledger, deployment: Deployment, fromBlock: number) {
    this.#ledger = ledger;
    this.#address = deployment.contracts.checkpointLedger;
    this.#first = fromBlock;
  }

  /** Reads what is new. @throws WeftError when the node does not answer; then nothing of the unread part is told. */
  async step(): Promise<CheckpointEvent[]> {
    await this.#ledger.ready();
    const events = await this.#walkBack();
    const head = await this.#ledger.ask("its latest block", (source) => source.block("latest"));
    if (!head) return events;
    const next = () => (this.#read.at(-1)?.number ?? this.#first - 1) + 1;
    while (next() <= head.number) {
      const from = next();
      const to = Math.min(head.number, from + RANGE - 1);
      const end = to === head.number ? head : await this.#block(to);
      const logs = await this.#ledger.ask("its logs", (source) => source.logs(this.#address, [COMMITTED], from, to));
      // The range was read from the chain that its end is on, or it is read again.
      if (!end || (await this.#block(to))?.hash !== end.hash) return events;
      for (const log of logs) events.push(this.#attested(log));
      this.#read.push(end);
      if (this.#read.length > REMEMBERED) this.#read.shift();
    }
    events.push(...(await this.#settle()));
    return events;
  }

  #block(number: number): Promise<SourceBlock | undefined> {
    return this.#ledger.ask(`block ${number}`, (source) => source.block(number));
  }

  /** Takes back what stands in blocks that are not on the chain any more. */
  async #walkBack(): Promise<CheckpointEvent[]> {
    for (let last = this.#read.at(-1); last; last = this.#read.at(-1)) {
      if ((await this.#block(last.number))?.hash === last.hash) break;
      this.#read.pop();
    }
    const reached = this.#read.at(-1)?.number ?? this.#first - 1;
    const gone = this.#known.filter(({ blockNumber }) => blockNumber > reached);
    this.#known = this.#known.filter(({ blockNumber }) => blockNumber <= reached);
    return gone.reverse().map((one) => ({ ...one, type: "removed" }));
  }

  #attested(log: SourceLog): CheckpointEvent {
    const [topic, ...rest] = log.topics;
    const { args } = decodeEventLog({ abi, data: log.data, topics: [topic, ...rest] });
    const event = {
      type: "attested",
      number: Number(args.number),
      hash: args.hash,
      blockNumber: log.blockNumber,
    } as const;
    this.#known.push({ ...event });
    return event;
  }

  /** What of the attested became final, or fell. */
  async #settle(): Promise<CheckpointEvent[]> {
    const open = this.#known.filter(({ type }) => type === "attested");
    if (open.length === 0) return [];
    const { value } = await this.#ledger.atLatest(async (view) => {
      const settled: { one: Watched; type: "final" | "fallen" }[] = [];
      for (const one of open) {
        const now = await view.checkpoint(one.number);
        if (!now || now.hash !== one.hash) break; // the next step walks back
        if (now.status !== "attested") settled.push({ one, type: now.status });
      }
      return settled;
    });
    const oldest = this.#read[0]?.number ?? 0;
    for (const { one, type } of value) one.type = type;
    this.#known = this.#known.filter(({ type, blockNumber }) => type === "attested" || blockNumber >= oldest);
    return value.map(({ one }) => ({ ...one }));
  }
}

/** Tells of checkpoints from now on, until what is returned is called. */
export function watchCheckpoints(ledger: Ledger, deployment: Deployment, options: WatchOptions): () => void {
  const follower = new CheckpointFollower(ledger, deployment, options.fromBlock ?? deployment.startBlock);
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const poll = async () => {
    try {
      for (const event of await follower.step()) if (!stopped) options.onEvent(event);
    } catch (error) {
      if (!stopped)
        options.onError?.(
          error instanceof WeftError ? error : new WeftError("internal", String(error), { cause: error }),
        );
    }
    if (!stopped) timer = setTimeout(poll, options.pollMs ?? POLL_MS);
  };
  void poll();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { styleText } from "node:util";
import { Command } from "commander";
import { Listr, PRESET_TIMER } from "listr2";
import {
  type Devnet,
  receiptOf,
  startDevnet,
  type TokenReceipt,
  untilMeshed,
  type WorkerProcess,
} from "../offchain/cli/devnet.ts";
import { describe } from "../offchain/cli/devnet-command.ts";
import { oneLine } from "../offchain/cli/report.ts";
import { DemoIndexer } from "./demo/indexer.ts";
import { measurements } from "./demo/measure.ts";
import { changeStory } from "./demo/memory.ts";
import { must } from "./demo/must.ts";
import { Onchain, prove, type Verdict } from "./demo/onchain.ts";
import { type FollowUp, followUp, type Story, tellAgain, tellStory } from "./demo/story.ts";
import { table } from "./demo/table.ts";

/** Four workers and a liar, with stakes such that > 2/3 survive one death and one dishonesty at once. */
const STAKES = [1000, 1000, 1000, 1000, 100];
const COVERED_MS = 60_000;
const CONVICTED_MS = 60_000;

type Run = {
  net: Devnet;
  workers: WorkerProcess[];
  onchain: Onchain;
  story: Story;
  next: FollowUp;
  verdict: Verdict;
  conviction: { reporter: string; gas: number };
  indexer: DemoIndexer;
  receipt: TokenReceipt;
};

const { keep } = new Command("demo")
  .description("Writes a story on four workers, kills its author, settles it on a chain, and convicts a liar.")
  .option("--keep", "leave everything running at the end, until Ctrl-C")
  .parse()
  .opts<{ keep?: boolean }>();

const run = {} as Run;
const say = (text: string) => process.stdout.write(text);
let ending = false;

/** Stops everything; the folder stays where something failed, because the logs are there. */
async function end(code: number, keepFolder: boolean): Promise<never> {
  // A second Ctrl-C does not wait; the children are killed with this process.
  if (ending) process.exit(code);
  ending = true;
  // The progress display hid it.
  if (process.stderr.isTTY) process.stderr.write("\x1b[?25h");
  await run.onchain?.close().catch(() => {});
  await run.net?.stopAll({ keep: keepFolder });
  process.exit(code);
}
process.on("SIGINT", () => void end(130, false));
process.on("SIGTERM", () => void end(143, false));

/** Runs steps one after another; each returns what it found, shown beside its title. */
async function steps(list: [title: string, step: (note: (text: string) => void) => Promise<string>][]): Promise<void> {
  await new Listr(
    list.map(([title, step]) => ({
      title,
      task: async (_context: unknown, task: { title: string; output: string }) => {
        const found = await step((text) => {
          task.output = text;
        });
        task.title = `${title}: ${found}`;
      },
    })),
    {
      registerSignalListeners: false,
      fallbackRenderer: "simple",
      rendererOptions: { timer: PRESET_TIMER },
      fallbackRendererOptions: { timer: PRESET_TIMER },
      // A terminal without a width breaks every word.
      fallbackRendererCondition: () => !process.stdout.isTTY || !process.stdout.columns,
    },
  ).run();
}

const setUp: Parameters<typeof steps>[0] = [
  [
    "A chain, the contracts and five staked operators",
    async (note) => {
      run.net = await startDevnet({ stakes: STAKES, onStep: note });
      run.onchain = await Onchain.open(run.net);
      return `${run.net.chain.rpcUrl}, stakes ${STAKES.join(", ")}`;
    },
  ],
  [
    "Four workers, each a process with its own folder and key",
    async (note) => {
      run.workers = run.net.operators.slice(0, 4).map((operator) => run.net.spawnWorker(operator));
      await Promise.all(run.workers.map((worker) => worker.ready));
      note("connecting");
      await untilMeshed(run.workers);
      return run.workers.map(({ pid }) => `pid ${pid}`).join(", ");
    },
  ],
];

const settlement: Parameters<typeof steps>[0] = [
  [
    "The same request, undisturbed, at another worker",
    async () => {
      const { name } = await tellAgain(run.workers, run.story, run.next.author);
      return `${name} writes the identical ${run.story.answer.text.length} characters`;
    },
  ],
  [
    "A checkpoint that covers the story",
    async (note) => {
      const { answer } = run.story;
      // The last token: what comes before it in its track is covered with it.
      const position = answer.first + answer.tokens - 1;
      const receipt = await receiptOf(run.workers[0].operator.apiUrl, answer.started.request_id, position, COVERED_MS);
      const said = Buffer.from(answer.text).at(-1);
      must(receipt.token === said, `the receipt's token is ${receipt.token}, the client read ${said}`);
      const opening = await receiptOf(
        run.workers[0].operator.apiUrl,
        answer.started.request_id,
        answer.first,
        COVERED_MS,
      );
      must(opening.token === Buffer.from(answer.text)[0], "the receipt of the first token is of another token");
      note(`checkpoint ${receipt.number} is committed, its challenge window runs`);
      await run.onchain.untilFinal(receipt.number);
      run.receipt = receipt;
      note("proving the last token to the consumer contract");
      run.verdict = await prove(run.net, receipt.receipt);
      must(run.verdict.included && run.verdict.final && run.verdict.proven, "the consumer did not accept the token");
      return `number ${receipt.number} is final, and a contract believes the token at ${position}; the answer's first is in number ${opening.number}`;
    },
  ],
  [
    "The same proof from an indexer, which asks workers and believes none",
    async (note) => {
      note("indexing the chain, and collecting what workers serve");
      const { startedMs, askedMs, snapshots } = await run.indexer.compare(run.receipt);
      return `the worker's receipt again, out of ${snapshots} snapshots (started in ${(startedMs / 1000).toFixed(1)} s, answered in ${Math.round(askedMs)} ms)`;
    },
  ],
  [
    "A memory that one worker was taught changes another's story",
    async (note) => {
      const [, taught, asked] = run.workers.filter((worker) => !worker.exited());
      const { told, without, tokens, checkpoint } = await changeStory(taught, asked, note);
      const begun = (text: string) => `"…${text.trim().split(/[,.;]/)[0].replace(/\s+/g, " ").slice(0, 48)}"`;
      return `${asked.name} says ${begun(told)} instead of ${begun(without)}: ${taught.name} wrote ${tokens} tokens, in checkpoint ${checkpoint}`;
    },
  ],
  [
    "The fifth operator tells two workers different things",
    async () => {
      const liar = run.net.operators[4];
      const living = run.workers.filter((worker) => !worker.exited()).map(({ operator }) => operator);
      const logFile = join(liar.folder, "saboteur.log");
      const args = ["--config", liar.configFile, "--show-a", living[0].owner, "--show-b", living[1].owner];
      const saboteur = run.net.runModule("the saboteur", "scripts/demo/saboteur.ts", args, logFile);
      const failed = saboteur.exit.then(({ code, signal }) => {
        must(code === 0, `the saboteur ended (${signal ?? code}), see ${logFile}`);
        return new Promise<never>(() => {});
      });
      run.conviction = await Promise.race([run.onchain.untilConvicted(liar, CONVICTED_MS), failed]);
      failed.catch(() => {});
      await saboteur.stop();
      const reporter = living.find(({ signer }) => signer === run.conviction.reporter);
      must(reporter, `${run.conviction.reporter} reported it, which is no worker's key`);
      return `convicted by ${reporter.name}, its stake is gone`;
    },
  ],
];

async function main(): Promise<void> {
  const began = performance.now();
  await steps(setUp);
  const ready = performance.now();
  const heading = (text: string) => say(`\n${styleText("bold", text)}\n\n`);
  heading("A story, streamed by worker 1 and written by worker 2");
  run.story = await tellStory(run.net, run.workers, say);
  heading("It goes on, written by a worker that has had no part in it yet");
  run.next = await followUp(run.workers, run.story, say);
  say("\n");
  run.indexer = await DemoIndexer.start(run.net, run.workers);
  await steps(settlement);
  const living = run.workers.filter((worker) => !worker.exited()).map(({ operator }) => operator);
  must(living.length === 3, `${living.length} workers are alive at the end, not three`);
  const rows = await measurements({ ...run, followUp: run.next, living, peers: run.workers.length - 1 });
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  rows.push(["time", `${seconds(ready - began)} to set up, ${seconds(performance.now() - ready)} for the rest`]);
  say(table("Measured in this run", rows));
  if (!keep) return end(0, false);
  say(describe(run.net, living));
  // The processes hold their channels, so this one stays until a signal.
}

await main().catch(async (error: unknown) => {
  if (ending) return;
  process.stderr.write(`\ndemo: ${oneLine(error)}\n`);
  if (process.env["WEFT_DEBUG"] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  const folder = run.net?.folder;
  if (folder !== undefined && existsSync(folder)) process.stderr.write(`demo: the logs are in ${folder}\n`);
  await end(1, true);
});

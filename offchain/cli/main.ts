#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import type { AskOptions } from "./ask.ts";
import { fail } from "./report.ts";
import type { VerifyOptions } from "./verify.ts";

/** The `weft` command. What a command needs is loaded when it runs, so that help is instant. */

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

const NPM_WATCH_MS = 500;

function atLeast(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(`Not a whole number from ${least}.`);
    return value;
  };
}

const weft = new Command("weft")
  .description("A worker of the Weft network: writes, replicates, attests and settles.")
  .version(version);

weft
  .command("start")
  .description("Runs a worker until it is told to stop.")
  .requiredOption("-c, --config <yaml>", "what the operator wrote down, see docs/operate.md")
  .action(async (options: { config: string }) => (await import("./start.ts")).start(options));

weft
  .command("key")
  .description("Hot keys.")
  .command("new")
  .description("Makes a hot key in an encrypted file, and prints its address.")
  .requiredOption("-o, --out <file>", "file to make; an existing one is not overwritten")
  .option("-p, --password-file <file>", "file that holds the password; else WEFT_PASSWORD is read")
  .action(async (options: { out: string; passwordFile?: string }) => (await import("./key.ts")).newKey(options));

weft
  .command("devnet")
  .description("Runs a chain and staked workers on this machine until it is told to stop.")
  .option("--operators <n>", "how many, at least 4", atLeast(4), 4)
  .option("--base-folder <folder>", "where the folders of the operators go; by default a temporary one")
  .option("--keep", "do not remove the temporary folder at the end")
  .action(async (options: { operators: number; baseFolder?: string; keep?: boolean }) =>
    (await import("./devnet-command.ts")).devnet(options),
  );

const atWorker = (command: Command) =>
  command
    .option("-w, --worker <url>", "HTTP interface of a worker", "http://127.0.0.1:8080")
    .option("-t, --token <token>", "who asks; else WEFT_TOKEN is read, and without it everybody's anonymous identity");

atWorker(weft.command("ask"))
  .description("Has a prompt gone on with, and writes the words as they come.")
  .argument("<prompt>")
  .option("-n, --tokens <n>", "the most that the answer may have", atLeast(1), 200)
  .option("--temperature <t>", "0 takes the likeliest token", Number, 0.8)
  .option("-m, --memory <name>", "a memory of yours that the answer reads")
  .addOption(
    new Option("-g, --gate <gate>", "how far it is listened to").choices(["off", "weak", "medium", "strong", "auto"]),
  )
  .option("--learn", "the memory is taught the answer")
  .action(async (prompt: string, options: AskOptions) => (await import("./ask.ts")).ask(prompt, options));

const numbers = (text: string): number[] => text.split(",").map(atLeast(1));
const memory = weft
  .command("memory")
  .description("Long-term memories of your own, which any worker can read and teach.");
atWorker(memory.command("make"))
  .description("Makes a memory, and prints its id. The same name is the same memory at every worker.")
  .argument("<name>")
  .option("--orders <lengths>", "how many tokens it remembers by, such as 3,4,5", numbers)
  .option("--writers <addresses>", "operators that may teach it, separated by commas; else everybody", (text) =>
    text.split(","),
  )
  .action(async (name: string, options) => (await import("./memory.ts")).make(name, options));
atWorker(memory.command("list"))
  .description("Lists the memories that you made at this worker.")
  .action(async (options) => (await import("./memory.ts")).list(options));
atWorker(memory.command("show"))
  .description("What a memory is, and how much is in it by the latest checkpoint.")
  .argument("<id>")
  .option("--name <name>", "its name, where it was made at another worker")
  .action(async (id: string, options) => (await import("./memory.ts")).show(id, options));
atWorker(memory.command("teach"))
  .description("Teaches a text file: workers write it, so it costs what writing costs.")
  .argument("<id>")
  .argument("<file>")
  .option("--name <name>", "its name, where it was made at another worker")
  .option("--key <key>", "of an earlier call that broke off: what it taught is not taught again")
  .action(async (id: string, file: string, options) => (await import("./memory.ts")).teach(id, file, options));

const model = weft.command("model").description("Models.");
model
  .command("compile")
  .description("Makes of an exact model's config and weights what runs and what is answered for, see docs/models.md.")
  .argument("<config>", "config.json")
  .argument("<weights>", "a safetensors file")
  .requiredOption("-o, --out <folder>", "the model folder to make")
  .action(async (config: string, weights: string, options: { out: string }) =>
    (await import("./model.ts")).compile(config, weights, options),
  );
model
  .command("register")
  .description(
    "Registers a worker's exact model on the chain: from then on wrong tokens of its can be brought to court.",
  )
  .requiredOption("-c, --config <yaml>", "the worker's configuration; its hot key pays")
  .requiredOption("-u, --uri <uri>", "where the model is found")
  .action(async (options: { config: string; uri: string }) => (await import("./model.ts")).register(options));

weft
  .command("verify")
  .description(
    "Checks a receipt against the chain and nothing else. Exit code 0: proven and final, 1: not, 2: cannot say.",
  )
  .argument("<receipt>", "file with what GET /v1/receipts/{request id} gave")
  .requiredOption("--rpc <url>", "an Ethereum node that you trust")
  .requiredOption("--deployment <file>", "deployments/<chain id>.json")
  .option("--json", "the verdict as JSON")
  .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
  .action(async (file: string, options: VerifyOptions) => {
    process.exitCode = await (await import("./verify.ts")).verify(file, options);
  });

weft
  .command("indexer")
  .description("Follows the contracts, collects what workers serve, and answers questions about both over HTTP.")
  .requiredOption("-d, --deployment <file>", "the deployment, deployments/<chainId>.json")
  .requiredOption("-r, --rpc <url>", "an RPC endpoint of its chain")
  .option("-w, --workers <urls>", "HTTP interfaces of workers, separated by commas; without any, the chain's side only")
  .option("--host <address>", "where to listen", "127.0.0.1")
  .option("-p, --port <port>", "where to listen", atLeast(1), 4_269)
  .option("--folder <folder>", "where PGlite keeps its files", ".weft/indexer")
  .option("--database-url <url>", "a PostgreSQL database instead of PGlite; DATABASE_URL says the same")
  .action(async (options) => (await import("./indexer.ts")).indexer(options));

// npm and npx hand no signal on: whoever ends them would leave a devnet behind.
const parent = process.ppid;
if (process.env["npm_command"] !== undefined)
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
  }, NPM_WATCH_MS).unref();

await weft.parseAsync().catch(fail);

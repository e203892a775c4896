// The one entry of every npm script. Plain JavaScript that any Node >= 18 runs: it brings a newer Node when the host's
// is too old, installs the lockfile's packages when they are missing or stale, compiles the contracts when they changed,
// and then runs the task.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const NODE_MIN = [22, 18]; // the first that runs TypeScript without a flag
const NODE_BROUGHT = "24";
const [task = "help", ...args] = process.argv.slice(2);

const say = (text) => process.stderr.write(`${text}\n`);

function run(command, commandArgs, options = {}) {
  const done = spawnSync(command, commandArgs, { cwd: root, stdio: "inherit", ...options });
  if (done.error) {
    say(`bootstrap: cannot run ${command}: ${done.error.message}`);
    process.exit(1);
  }
  if (done.status !== 0) process.exit(done.status ?? 1);
  return done;
}

/** The folder that holds a Node >= NODE_MIN; the host's own when it is new enough. */
function nodeFolder() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return dirname(process.execPath);
  const platform = process.platform === "win32" ? "win" : process.platform;
  const spec = `node-${platform}-${process.arch}@${NODE_BROUGHT}`;
  say(`Node ${process.versions.node} is older than ${NODE_MIN.join(".")}: bringing ${spec} (once, from npm)`);
  const found = spawnSync("npx", ["-y", "-p", spec, "-c", "command -v node"], { cwd: root, encoding: "utf8" });
  const path = found.stdout?.trim().split("\n").at(-1);
  if (found.status !== 0 || !path) {
    say(
      `bootstrap: npm could not bring Node ${NODE_BROUGHT}:\n${found.stderr}\nInstall Node >= ${NODE_MIN.join(".")} and try again.`,
    );
    process.exit(1);
  }
  return dirname(path);
}

/** True when `stampName` already holds `digest`: the step it stands for need not be run again. */
function fresh(stampName, digest) {
  const path = join(root, "node_modules", ".weft", stampName);
  return existsSync(path) && readFileSync(path, "utf8") === digest;
}

function stamp(stampName, digest) {
  mkdirSync(join(root, "node_modules", ".weft"), { recursive: true });
  writeFileSync(join(root, "node_modules", ".weft", stampName), digest);
}

function digestOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(path).update(readFileSync(join(root, path)));
  return hash.digest("hex");
}

function filesBelow(folder, ending) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(ending))
    .sort();
}

const bin = nodeFolder();
const env = {
  ...process.env,
  PATH: `${bin}:${process.env.PATH}`,
  HARDHAT_DISABLE_TELEMETRY_PROMPT: "true",
  // Halves the time in which a process is up, and there are many.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, "node_modules", ".weft", "compiled"),
};
const node = join(bin, "node");

function install() {
  const digest = digestOf(["package.json", "package-lock.json", ".npmrc"]) + process.arch;
  if (fresh("install", digest)) return;
  say("Installing the packages of the lockfile");
  // npm leaves native packages out when it runs on an old Node, so it runs on the one that was brought.
  run("npm", ["ci", "--no-audit", "--no-fund"], { env });
  stamp("install", digest);
}

function compile() {
  const digest = digestOf([...filesBelow("contracts", ".sol"), "hardhat.config.ts", "package-lock.json"]);
  if (fresh("compile", digest) && existsSync(join(root, "artifacts"))) return;
  say("Compiling the contracts");
  run(node, ["node_modules/hardhat/dist/src/cli.js", "build", "--quiet"], { env });
  stamp("compile", digest);
}

const tasks = {
  setup: () => {},
  compile: () => {},
  demo: () => run(node, ["scripts/demo.ts", ...args], { env }),
  test: () => run(node, ["scripts/test.ts", ...args], { env }),
  weft: () => run(node, ["offchain/cli/main.ts", ...args], { env }),
  run: () => run(node, args, { env }),
  generate: () => run(node, ["scripts/generate.ts", ...args], { env }),
  build: () => run(node, ["scripts/build.ts"], { env }),
  format: () => run(join(root, "node_modules/.bin/biome"), ["check", "--write", "."], { env }),
};

if (!Object.hasOwn(tasks, task)) {
  say(`bootstrap: no task "${task}". There are: ${Object.keys(tasks).join(", ")}.`);
  process.exit(2);
}
install();
if (task !== "test") compile(); // there it is a step among others, beside which the first of them run
tasks[task]();

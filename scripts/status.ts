import { Command } from "commander";
import { formatEther, formatUnits } from "ethers";
import { atDeployment, type DeploymentOptions, withDeploymentOptions } from "./lib/command.ts";
import { explain, runMain } from "./lib/errors.ts";
import { type CheckpointStanding, type OperatorView, type Overview, overviewOf } from "./lib/overview.ts";
import { isMain } from "./lib/paths.ts";
import { print } from "./lib/print.ts";

/** How a deployment stands, for people. */
export function render(view: Overview): string {
  const { cost, successor } = view;
  const epoch =
    view.pendingChanges === 0 ? "no change waits" : `${view.pendingChanges} wait, from ${time(view.nextEpochAt)} on`;
  const rows: [string, string][] = [
    ["chain", `${view.chainId}, ${view.profile}; block ${view.block} of ${time(view.time)}`],
    ["attested", checkpoint(view.attested)],
    ["final", checkpoint(view.final)],
    ["disputes", `${view.openDisputes} open; ${view.fallen} checkpoints fell`],
    ["paused", view.pausedUntil === 0 ? "no" : `until ${time(view.pausedUntil)}`],
    ["epoch", `${view.epoch}; ${epoch}`],
    ["commits", `${cost.commits} in ${span(cost.overSeconds)}, ${cost.gasPerCommit} gas each`],
    [
      "cost a day",
      `${cost.gasPerDay} gas, ${formatEther(cost.weiPerDay)} ether at ${formatUnits(cost.gasPrice, "gwei")} gwei`,
    ],
  ];
  if (successor !== undefined) rows.push(["successor", `${successor.ledger} from ${time(successor.notBefore)} on`]);
  const head = rows.map(([name, text]) => `${name.padEnd(12)}${text}`);
  const title = `${"operator".padEnd(44)}${"status".padEnd(11)}${"stake".padStart(14)}${"share".padStart(9)}  endpoint`;
  return [...head, "", title, ...view.operators.map(operator), ""].join("\n");
}

function operator({ operator: owner, status, stake, shareMillionths, endpoint, withdrawableAt }: OperatorView): string {
  const share = `${(shareMillionths / 10_000).toFixed(1)} %`;
  const until = withdrawableAt === undefined ? "" : `, may withdraw from ${time(withdrawableAt)} on`;
  return `${owner.padEnd(44)}${status.padEnd(11)}${formatEther(stake).padStart(14)}${share.padStart(9)}  ${endpoint}${until}`;
}

function checkpoint({ number, hash, ageSeconds }: CheckpointStanding): string {
  return `${number}, committed ${span(ageSeconds)} ago, ${hash}`;
}

function time(seconds: number): string {
  return seconds === 0 ? "now" : new Date(seconds * 1000).toISOString();
}

function span(seconds: number): string {
  const [d, h, m] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60];
  if (d > 0) return `${d} d ${h} h`;
  return h > 0 ? `${h} h ${m} min` : m > 0 ? `${m} min ${seconds % 60} s` : `${seconds} s`;
}

async function main(): Promise<void> {
  const command = new Command("status").description(
    "Prints how a deployment stands: operators, checkpoints, pauses, disputes, what it costs.",
  );
  const o = withDeploymentOptions(command)
    .option("--json", "for programs: amounts as decimal strings, times in seconds")
    .parse()
    .opts<DeploymentOptions & { json?: boolean }>();
  await atDeployment(o, async (deployment, connection) => {
    const view = await overviewOf(connection, deployment).catch((error: unknown) => {
      throw explain("Reading the contracts", error);
    });
    if (o.json) print("", view);
    else process.stdout.write(render(view));
  });
}

if (isMain(import.meta.url)) await runMain(main);

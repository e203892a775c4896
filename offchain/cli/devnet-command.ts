import { type Devnet, type Operator, startDevnet, untilMeshed } from "./devnet.ts";

/** `weft devnet`: runs until it is told to stop, and leaves nothing behind. */
export async function devnet(options: { operators: number; baseFolder?: string; keep?: boolean }): Promise<void> {
  const say = (text: string) => process.stderr.write(`weft: ${text}\n`);
  let net: Devnet | undefined;
  let stopping = false;
  const stop = (code: number) => {
    // The children are killed with this process.
    if (stopping || net === undefined) process.exit(code);
    stopping = true;
    say("stopping");
    void net.stopAll().then(() => process.exit(code));
  };
  process.on("SIGINT", () => stop(130));
  process.on("SIGTERM", () => stop(143));

  net = await startDevnet({
    stakes: Array.from({ length: options.operators }, () => 1000),
    baseFolder: options.baseFolder,
    keep: options.keep,
    onStep: say,
  });
  say("starting the workers");
  const workers = net.operators.map((operator) => net!.spawnWorker(operator));
  try {
    await Promise.all(workers.map((worker) => worker.ready));
    await untilMeshed(workers);
  } catch (error) {
    if (stopping) return;
    await net.stopAll();
    throw error;
  }
  process.stdout.write(describe(net));
  for (const worker of workers)
    void worker.exit.then(({ code, signal }) => {
      if (!stopping) say(`${worker.name} ended (${signal ?? code}), see ${worker.logFile}`);
    });
}

/** What a newcomer needs to talk to a devnet. */
export function describe(net: Devnet, running: readonly Operator[] = net.operators): string {
  const [first] = running;
  return [
    "",
    `chain      ${net.chain.rpcUrl} (chain id ${net.deployment.chainId})`,
    `deployment ${net.deploymentFile}`,
    ...running.map((operator) => `${operator.name}   ${operator.apiUrl}   ${operator.owner}   ${operator.folder}`),
    "",
    `curl -N ${first.apiUrl}/v1/completions -H 'content-type: application/json' \\`,
    `  -d '{"model":"weft-austen","prompt":"It is a truth universally acknowledged, that","max_tokens":200,"temperature":0.8,"stream":true}'`,
    "",
    "Ctrl-C stops everything.",
    "",
  ].join("\n");
}

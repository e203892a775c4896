import { join } from "node:path";
import { registerModel } from "../../../offchain/chain/model-registration.ts";
import { untilReady } from "../../../offchain/cli/devnet/child.ts";
import { type Devnet, type Operator, startDevnet } from "../../../offchain/cli/devnet.ts";
import { fromHex } from "../../../offchain/core/bytes.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { separatorOf } from "../../../offchain/node/protocol-options.ts";
import { health } from "../../helpers/e2e/client.ts";
import { configure } from "../../helpers/e2e/tokens.ts";
import { until } from "../../helpers/e2e/until.ts";
import { Bench, partyOf } from "./bench.ts";
import { Courier } from "./courier.ts";
import { type ModelName, openModel, said, type TrialModel } from "./models.ts";

export type Watched = { model: TrialModel; operator: Operator };

/** A real chain, a worker of each model, which looks at everything, and authors whom they meet on the mesh. */
export type Stage = {
  devnet: Devnet;
  bench: Bench;
  courier: Courier;
  separator: Uint8Array;
  watched: Watched[];
  /** Until everybody has read the chain as far as it goes now: what somebody writes who is not known yet may be forgotten. */
  known(): Promise<void>;
  /** Has everybody look at the chain's clock. */
  stir(): Promise<void>;
  /** @param keep whether the workers' logs stay */
  close(options?: { keep?: boolean }): Promise<void>;
};

/** Longer than a move takes here, while the chain's clock goes on by a second with every transaction. */
export const WINDOW_SECONDS = 20_000;
/** As many windows as a trial may let pass. */
const LONG = 10_000_000;

const PARAMETERS = {
  minOperators: 1,
  maxOperators: 128,
  // Authors join and never count.
  epochDurationSeconds: 10 * LONG,
  accusationWindowSeconds: WINDOW_SECONDS,
  moveWindowSeconds: WINDOW_SECONDS,
  longestPauseSeconds: WINDOW_SECONDS,
  disputeWindowsSeconds: 6 * WINDOW_SECONDS,
  challengeWindowSeconds: LONG,
  retentionSeconds: 2 * LONG,
  unbondingSeconds: 4 * LONG,
  checkpointIntervalShortestMs: 200,
  checkpointIntervalLongestMs: 400,
};

const WATCHES = { watchShare: 1, openAccusations: 10_000, logLevel: "debug" };
const READY_MS = 60_000;
const LOOK_MS = 200;

export async function openStage(models: readonly ModelName[]): Promise<Stage> {
  const devnet = await startDevnet({ stakes: models.map(() => 1_000), overrides: PARAMETERS });
  const closing: (() => Promise<unknown>)[] = [];
  const close = async ({ keep = false } = {}) => {
    for (const one of closing.splice(0).reverse()) await one();
    await devnet.stopAll({ keep });
  };
  try {
    const { deployment, operators } = devnet;
    const { rpcUrl } = devnet.chain;
    const bench = await Bench.open(rpcUrl, deployment);
    closing.push(() => bench.close());
    const separator = separatorOf(crypto, deployment);
    const party = partyOf("the courier");
    const { courier, endpoint } = await Courier.start(party, separator);
    closing.push(() => courier.close());
    await bench.enlist(party, endpoint);
    const watched = models.map((name, i) => ({ model: openModel(name), operator: operators[i] as Operator }));
    for (const { model, operator } of watched) {
      await registerModel(crypto, { rpcUrl, deployment, account: party.key }, model.opener.manifest, "here");
      await bench.give(operator.signer);
      configure(operator, WATCHES);
    }
    courier.meet(
      operators.map((one) => ({ operator: fromHex(one.owner), signer: fromHex(one.signer), endpoint: one.endpoint })),
    );
    await Promise.all(watched.map(({ model, operator }) => accuser(devnet, operator, model.name)));
    const known = () => readUpTo(bench, operators);
    return { devnet, bench, courier, separator, watched, known, stir: () => bench.stir(party, endpoint), close };
  } catch (error) {
    await close({ keep: true });
    throw error;
  }
}

async function readUpTo({ rpc }: Bench, operators: readonly Operator[]): Promise<void> {
  const now = Number(await rpc.request("eth_blockNumber"));
  const blockOf = async ({ apiUrl }: Operator) => (await health(apiUrl)).chain.block;
  const haveRead = async () => (await Promise.all(operators.map(blockOf))).every((block) => block >= now);
  await until("everybody has read the chain", haveRead, READY_MS, LOOK_MS);
}

/** Starts the process that is to find the lies. */
function accuser(devnet: Devnet, { folder, configFile, apiUrl }: Operator, model: ModelName): Promise<void> {
  const args = ["--config", configFile, "--model", JSON.stringify(model)];
  const log = join(folder, "worker.log");
  const child = devnet.runModule(said(model), "test/contracts/inference/accuser.ts", args, log);
  return untilReady(child, async () => (await fetch(`${apiUrl}/ready`)).ok, READY_MS);
}

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { toHex } from "../../offchain/core/bytes.ts";
import type { Replica } from "../../offchain/core/replica.ts";
import { again, complete, health, metric } from "../helpers/e2e/client.ts";
import { inParallel, Load } from "../helpers/e2e/load.ts";
import { allConnected, kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { replicaOf, withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";

/** S7, S8, S9: kill -9 at any moment, again and again: nothing that was shown is lost, and nobody honest can be convicted. */

const VICTIMS = [3, 4];
const RANDOM_KILLS = 10;
/** Where each victim is killed, and on which pass. */
const FAILPOINTS: string[][] = [
  [
    "store.before-fsync:40",
    "chain.before-commit:1",
    "store.attested.before-fsync:1",
    "mesh.before-send:1",
    "store.chain.before-fsync:2",
    "store.checkpoint.before-fsync:1",
    "store.checkpoint.after-fsync:1",
    "mesh.after-send:12",
    "store.after-fsync:7",
    "store.attested.after-fsync:2",
  ],
  [
    "mesh.after-send:1",
    "store.attested.after-fsync:1",
    "chain.after-commit:1",
    "store.before-fsync:3",
    "store.checkpoint.after-fsync:2",
    "store.chain.after-fsync:5",
    "mesh.before-send:15",
    "store.chain.before-fsync:4",
    "store.after-fsync:60",
    "store.attested.before-fsync:3",
  ],
];
const HIT_MS = 90_000;
const MOST_ALIVE_MS = 1_500;

let net: Net;
let load: Load | undefined;

before(async () => {
  // The victims' stake is not needed for a quorum: checkpoints go on all the time, and victims take part in them.
  net = await startNet({
    stakes: [2000, 2000, 500, 500],
    overrides: { checkpointIntervalShortestMs: 500, checkpointIntervalLongestMs: 800 },
  });
});
after(async () => {
  await load?.stop().catch(() => {});
  await net?.stop();
});

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;

/** One operator's bad day: started again after each kill, with the folder it had. */
async function torment(index: number, failpoints: readonly string[], killed: string[]): Promise<void> {
  await kill(net.worker(index));
  killed.push("random");
  for (const failpoint of failpoints) {
    const began = performance.now();
    const doomed = net.restart(index, { WEFT_FAILPOINT: failpoint });
    const late = sleep(HIT_MS, undefined, { ref: false }).then(() => assert.fail(`${failpoint} was not passed`));
    const exit = await Promise.race([doomed.exit, late]);
    assert.deepEqual(exit, { code: null, signal: "SIGKILL" }, `killed at ${failpoint}, and nothing else`);
    killed.push(`${failpoint} after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
  for (let times = 0; times < RANDOM_KILLS - 1; times++) {
    const worker = net.restart(index);
    // Some in the middle of starting, most while they work.
    if (times % 4 !== 3) await worker.ready;
    await sleep(Math.random() * MOST_ALIVE_MS);
    await kill(worker);
    killed.push("random");
  }
}

/** The answer's bytes in a closed turn that the worker holds. */
function closedAnswer(replica: Replica, requestId: string, from: number): string | undefined {
  for (const track of replica.tracks.values())
    for (const turn of track.turns.values()) {
      if (!turn.close || toHex(turn.open.requestId) !== requestId) continue;
      const ids = turn.runs.flatMap(({ first, ids }) => ids.filter((_, i) => first + i >= from));
      return Buffer.from(ids).toString("utf8");
    }
  return undefined;
}

test("kill -9 forty times under load: every stream completes, and says what it would have said", async (t) => {
  load = new Load(url(1), VICTIMS.map(owner), 2, 48, 500);
  const killed: string[] = [];
  await Promise.all(VICTIMS.map((index, i) => torment(index, FAILPOINTS[i], killed)));
  const during = await metric(url(1), "weft_checkpoint_number");
  for (const index of VICTIMS) net.restart(index);
  await Promise.all(VICTIMS.map((index) => net.worker(index).ready));
  await load.stop();
  await allConnected(net);
  const { answers } = load;
  const taken = answers.filter(({ seen }) => seen.authored.length > 1).length;
  const named = killed.filter((how) => how !== "random");
  t.diagnostic(`${killed.length} kills, ${named.length} of them at failpoints: ${named.join(", ")}`);
  t.diagnostic(`${answers.length} answers, ${taken} taken over in mid-sentence, ${during} checkpoints meanwhile`);
  assert.equal(killed.length, 40);
  assert.ok(taken > 0, "some were killed in mid-sentence");

  await inParallel(answers, net.operators.length, async ({ ask, seen }, worker) => {
    const { author, recompute } = { author: owner(1 + ((worker + 1) % 4)), recompute: true };
    const whole = await complete(url(1 + worker), again(ask, seen.started!, { author, recompute }));
    assert.equal(seen.text, whole.text);
  });
});

test("afterwards all hold the same, checkpoints cover it, and there is nothing to convict anybody with", async (t) => {
  let states = await Promise.all(net.operators.map(({ apiUrl }) => health(apiUrl)));
  await until(
    "all hold the same, and all of it is covered",
    async () => {
      states = await Promise.all(net.operators.map(({ apiUrl }) => health(apiUrl)));
      const backlogs = await Promise.all(net.operators.map(({ apiUrl }) => metric(apiUrl, "weft_backlog_segments")));
      const same = (pick: (state: (typeof states)[number]) => unknown) => new Set(states.map(pick)).size === 1;
      return same((s) => s.digest) && same((s) => s.checkpoint) && backlogs.every((backlog) => backlog === 0);
    },
    60_000,
  );
  t.diagnostic(`${states[0].tracks} tracks, checkpoint ${states[0].checkpoint}`);
  assert.ok(states.every(({ registered }) => registered));
  for (const { apiUrl } of net.operators) {
    assert.equal(await metric(apiUrl, "weft_convictions_total"), 0);
    assert.equal(await metric(apiUrl, "weft_faults_total", { kind: "drift" }), 0);
  }

  await Promise.all([...net.workers.values()].map(kill));
  const heads = net.operators.map((operator) =>
    withStore(net.devnet, operator, (store) => {
      assert.deepEqual(store.evidence(), []);
      const events = store.chainLog.events();
      assert.ok(!events.some((event) => event.kind === "registry" && event.event.kind === "convicted"));
      return store
        .heads()
        .map(({ operator, incarnation, sequence, hash }) =>
          [toHex(operator), toHex(incarnation), sequence, toHex(hash)].join(" "),
        )
        .sort();
    }),
  );
  for (const other of heads.slice(1)) assert.deepEqual(other, heads[0]);

  // Equal heads are equal tracks, so one worker's replica speaks for all: every segment chains, every answer is there.
  const victim = net.operators[VICTIMS[0] - 1];
  const replica = withStore(net.devnet, victim, (store) => replicaOf(net.devnet, victim, store));
  for (const { ask, seen } of load!.answers) {
    const length = Buffer.byteLength(ask.prompt);
    assert.equal(closedAnswer(replica, seen.started!.request_id, length), seen.text, "what a client saw is kept");
  }
});

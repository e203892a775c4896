import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { register } from "../../offchain/cli/model.ts";
import type { Hex } from "../../offchain/core/chain.ts";
import { type Ask, complete, metric } from "../helpers/e2e/client.ts";
import { type Accused, CourtRecord } from "../helpers/e2e/court-record.ts";
import { allConnected, type Net, startNet } from "../helpers/e2e/net.ts";
import { Accuser, configure } from "../helpers/e2e/tokens.ts";
import { until } from "../helpers/e2e/until.ts";

/**
 * DESIGN §6: who lies about tokens, or in a dispute about them, pays for it, and nobody else does. Two honest workers with
 * > 2/3 of the stake, and six saboteurs, each a process of its own; nobody helps.
 */

/** One re-executes what others answer, the other writes. */
const [WATCHER, HONEST] = [1, 2];
/** Write: with other weights; the truth, and answer falsely for it; lies, and answer with garbage. */
const [CHEAP, TRACE, GARBAGE] = [3, 4, 5];
/** Accuse whoever it is of whatever it is: one goes on, one falls silent. The third answers for another. */
const [RASH, SILENT, HELPER] = [6, 7, 8];
const AUTHORS = [HONEST, CHEAP, TRACE, GARBAGE];
const RICH = 10_000;
const LITTLE = 1_000;
const BOND = 10n ** 19n;
const CONVICTED = 6n;
const DISMISSED = 3n;
const PATIENCE_MS = 120_000;

let net: Net;
let court: Accuser;
let record: CourtRecord;
/** What each has before anybody accuses. */
const purses = new Map<number, bigint>();
/** What each author has answered. */
const turns = new Map<number, Hex>();

const url = (index: number) => net.operators[index - 1]!.apiUrl;
const owner = (index: number) => net.operators[index - 1]!.owner;
const signer = (index: number) => net.operators[index - 1]!.signer;
const turnOf = (index: number) => turns.get(index) as Hex;
const victims = (...all: number[]) => all.flatMap((index) => ["--victim", owner(index)]);

/** An answer with a 16th position in it, whose tokens are the likeliest: of others a draw may not be changed. */
const ask = (author: number): Ask => {
  return { prompt: "Honesty. ", max_tokens: 20, temperature: 0, weft: { author: owner(author) } };
};

before(async () => {
  net = await startNet({
    stakes: [RICH, RICH, ...Array<number>(6).fill(LITTLE)],
    without: [CHEAP, TRACE, GARBAGE, RASH, SILENT, HELPER],
    async prepare({ operators }) {
      await register({ config: operators[0]!.configFile, uri: "models/weft-austen" });
      const watch = new Set([WATCHER, RASH, SILENT]);
      for (const operator of operators)
        configure(operator, { watchShare: watch.has(operator.index) ? 1 : 0, authorSilenceMs: 10_000 });
    },
    overrides: {
      checkpointIntervalShortestMs: 500,
      checkpointIntervalLongestMs: 1_000,
      // Eight workers on two cores are slow to answer.
      accusationWindowSeconds: 30,
      moveWindowSeconds: 30,
      longestPauseSeconds: 30,
      disputeWindowsSeconds: 180,
    },
  });
  const saboteurs: [number, string, string[]?][] = [
    [CHEAP, "cheap-model"],
    [TRACE, "false-trace"],
    [GARBAGE, "garbage-roots"],
    [RASH, "rash-accuser", victims(HONEST, TRACE)],
    [SILENT, "silent-accuser", victims(HONEST, GARBAGE)],
    [HELPER, "false-helper", victims(HONEST)],
  ];
  court = await Accuser.open(net);
  record = new CourtRecord(net, court.court);
  for (const index of [HONEST, HELPER]) purses.set(index, (await record.purseOf(signer(index))).has);
  const started = saboteurs.map(([index, name, args]) => net.impersonate(index, `test/e2e/saboteurs/${name}.ts`, args));
  await Promise.all(started.map(({ ready }) => ready));
  await allConnected(net);
  const answers = await Promise.all(AUTHORS.map((author) => complete(url(WATCHER), ask(author))));
  for (const [i, { authors }] of answers.entries()) {
    assert.deepEqual(
      authors.map(({ author }) => author),
      [owner(AUTHORS[i]!)],
    );
    turns.set(AUTHORS[i]!, authors[0]!.turn);
  }
});
after(async () => {
  await court?.close();
  await net?.stop();
});

const untilConvicted = (index: number) =>
  until(`${index} is convicted`, async () => (await court.statusOf(owner(index))) === CONVICTED, PATIENCE_MS);

/** The one accusation of an operator by another. */
async function accusation(accused: number, by: number): Promise<Accused> {
  const all = await record.accusationsOf(owner(accused), signer(by));
  assert.equal(all.length, 1);
  assert.equal(all[0]!.turn, turnOf(accused));
  return all[0]!;
}

const GAME = ["AnswerGiven", "TensorDemanded", "GroupsPosted", "GroupDemanded", "GroupPosted", "WrongElement"];
/** Of the accused's own answer. */
const OWN_LOST = ["AnswerDefeated 0", "AccusationClosed"];
const whole = GAME.map((said) => `${said} 0`);

/** What was said about one answer. */
const about = (course: readonly string[], place: number) => course.filter((said) => said.endsWith(` ${place}`));

test("who runs a cheaper model in the exact one's name is found, and one number of its own trace convicts it", async () => {
  await untilConvicted(CHEAP);
  assert.equal(await court.isVoid(turnOf(CHEAP)), true);
  const { id } = await accusation(CHEAP, WATCHER);
  assert.deepEqual(await record.courseOf(id), ["Accused", ...whole, ...OWN_LOST]);
  assert.equal(await record.reporterOf(owner(CHEAP)), signer(WATCHER));
});

test("whose token is right and whose answer is not is convicted by its answer", async () => {
  await untilConvicted(TRACE);
  assert.equal(await court.isVoid(turnOf(TRACE)), true);
  const { id } = await accusation(TRACE, RASH);
  assert.deepEqual(await record.courseOf(id), ["Accused", ...whole, ...OWN_LOST]);
  assert.equal(await record.reporterOf(owner(TRACE)), signer(RASH));
  assert.equal(await metric(url(WATCHER), "weft_wrong_turns_total", { author: owner(TRACE) }), 0, "it wrote the truth");
});

test("roots that nobody can open lose by silence; whom a sham accuses is not shielded from who is right", async () => {
  await untilConvicted(GARBAGE);
  assert.equal(await court.isVoid(turnOf(GARBAGE)), true);
  const [real, sham] = [await accusation(GARBAGE, WATCHER), await accusation(GARBAGE, SILENT)];
  assert.deepEqual(await record.courseOf(real.id), ["Accused", "AnswerGiven 0", "TensorDemanded 0", ...OWN_LOST]);
  assert.equal(await record.reporterOf(owner(GARBAGE)), signer(WATCHER));
  assert.equal(real.bond + sham.bond, 3n * BOND, "one was open when the other began");
});

test("who accuses and falls silent loses its bond; who is accused keeps its stake", async () => {
  const { id } = await accusation(HONEST, SILENT);
  await until("it is dismissed", async () => (await court.stateOf(id)) === DISMISSED, PATIENCE_MS);
  const course = await record.courseOf(id);
  assert.deepEqual(about(course, 0), ["AnswerGiven 0", "AnswerStood 0"]);
  assert.equal((await record.purseOf(signer(SILENT))).owed, 0n);
});

test("who answers falsely for another loses its bond, and costs the other nothing", async () => {
  const { id } = await accusation(HONEST, RASH);
  await until("it is dismissed", async () => (await court.stateOf(id)) === DISMISSED, PATIENCE_MS);
  const course = await record.courseOf(id);
  assert.deepEqual(about(course, 0), ["AnswerGiven 0", "AnswerStood 0"], "it answered for itself");
  assert.deepEqual(about(course, 1), ["AnswerGiven 1", "TensorDemanded 1", "AnswerDefeated 1"]);
  assert.equal(await court.isVoid(turnOf(HONEST)), false);
});

test("in the end each has what is its own, only three were convicted, and checkpoints go on", async () => {
  const purse = async (index: number) => (await record.purseOf(signer(index))).has - purses.get(index)!;
  const isWithdrawn = async () => {
    assert.equal(await purse(HELPER), -BOND, "of two answers for another one was looked at");
    assert.equal(await purse(HONEST), (3n * BOND) / 2n, "half of what two accusers bonded");
    return true;
  };
  await until("all is withdrawn", isWithdrawn, PATIENCE_MS);
  const all = net.operators.map(({ index }) => index);
  const statuses = await Promise.all(all.map((index) => court.statusOf(owner(index))));
  assert.deepEqual(
    all.filter((_, i) => statuses[i] === CONVICTED),
    [CHEAP, TRACE, GARBAGE],
  );
  const { started } = await complete(url(WATCHER), ask(HONEST));
  await court.turnOf(url(WATCHER), started.request_id);
});

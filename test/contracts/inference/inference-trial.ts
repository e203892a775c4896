import { metric } from "../../helpers/e2e/client.ts";
import { until } from "../../helpers/e2e/until.ts";
import { Random } from "../../sim/random.ts";
import { Author, type Case, isSaid, triedOf } from "./cases.ts";
import { type Planned, plan, type Share } from "./plan.ts";
import { Pool } from "./question.ts";
import { openStage, type Stage, type Watched, WINDOW_SECONDS } from "./stage.ts";
import { teach } from "./teacher.ts";
import { type Verdict, verdicts } from "./verdicts.ts";

export type InferenceAsked = { shares: readonly Share[]; corruptions: number; seed: number; say(line: string): void };

/** While a forward pass over the longest context is computed a few times. */
const PATIENCE_MS = 600_000;
const LOOK_MS = 300;

/** Tells so many lies, and accuses honest authors beside them; sees that each comes out as it has to. */
export async function tryInference({ shares, corruptions, seed, say }: InferenceAsked): Promise<Verdict[]> {
  const random = new Random(`inference ${seed}`);
  const stage = await openStage(shares.map(({ model }) => model));
  try {
    const pools = stage.watched.map(({ model }, i) => {
      return new Pool(model, shares[i]?.lengths ?? [], random.fork(`contexts ${i}`));
    });
    const author = new Author(stage, await teach(stage, pools, random.fork("lessons")));
    const queues = plan(shares, corruptions, random.fork("plan"));
    const cases: Case[] = [];
    for (let round = 1; queues.some(({ length }) => length > 0); round++) {
      const began = queues.flatMap((queue, at) => {
        const next = queue.splice(0, shares[at]?.atOnce);
        return next.map((planned, i) => ({ planned, at, draw: random.fork(`${round} ${at} ${i}`) }));
      });
      const under = await Promise.all(
        began.map(({ planned, at, draw }) =>
          author.begin(stage.watched[at] as Watched, pools[at] as Pool, planned, draw),
        ),
      );
      cases.push(...under);
      await judge(stage, under);
      say(progress(stage, cases, round, queues));
    }
    await allChecked(stage, cases);
    const found = await verdicts(stage, cases);
    await stage.close();
    return found;
  } catch (error) {
    await stage.close({ keep: true });
    throw error;
  }
}

/** Until the court has judged all of them: those about whom nothing is said any more by the time that passes. */
async function judge(stage: Stage, cases: readonly Case[]): Promise<void> {
  const { bench } = stage;
  const isJudged = (one: Case) => triedOf(stage, one)?.judgement !== undefined;
  await untilAll(cases, (one) => isSaid(stage, one));
  if (!cases.every(isJudged)) {
    await bench.pass(2 * WINDOW_SECONDS);
    await untilAll(cases, isJudged, () => stage.stir());
  }
  for (const { hands } of cases) for (const hand of hands) bench.leave(hand);
}

/** Until whoever looks at everything has looked at all answers of its model, the right ones, too. */
async function allChecked({ watched }: Stage, cases: readonly Case[]): Promise<void> {
  for (const of of watched) {
    const count = cases.filter((one) => one.watched === of).length;
    const { apiUrl } = of.operator;
    await until("all is checked", async () => (await metric(apiUrl, "weft_turns_checked_total")) >= count, PATIENCE_MS);
  }
}

async function untilAll(cases: readonly Case[], isDone: (one: Case) => boolean, stir = async () => {}) {
  const holds = async () => {
    if (!cases.every(isDone)) await stir();
    return cases.every(isDone);
  };
  await until("everything is said", holds, PATIENCE_MS, LOOK_MS).catch((cause: unknown) => {
    const missing = cases.filter((one) => !isDone(one)).map(nameOf);
    throw new Error(`nothing more happens about ${missing.join(", ")}`, { cause });
  });
}

export const nameOf = (one: Case): string =>
  `${"lie" in one ? one.lie : one.sham} (${JSON.stringify(one.watched.model.name)}, ${one.positions} positions${"lie" in one ? `, ${JSON.stringify(one.proof)}` : ""})`;

function progress(stage: Stage, cases: readonly Case[], round: number, queues: readonly Planned[][]): string {
  const ended = (judgement: string, of: (one: Case) => boolean) =>
    cases.filter((one) => of(one) && triedOf(stage, one)?.judgement === judgement).length;
  const left = queues.reduce((sum, { length }) => sum + length, 0);
  const convicted = ended("convicted", (one) => "lie" in one);
  const dismissed = ended("dismissed", (one) => "sham" in one);
  return `round ${round}: ${convicted} convicted, ${dismissed} dismissed, ${left} left`;
}

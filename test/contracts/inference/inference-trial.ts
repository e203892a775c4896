import { metric } from "../../helpers/e2e/client.ts";
import { until } from "../../helpers/e2e/until.ts";
import { Random } from "../../sim/random.ts";
import { Author, type Case, isSaid, triedOf } from "./cases.ts";
import { type Planned, plan, type Share } from "./plan.ts";
import { Pool } from "./question.ts";
import { openStage, type Stage, type Watched, WINDOW_SECONDS } from "./stage.ts";
import { teach } from "./teacher.ts";
import { type Verdict, verdicts } from "./verdicts.ts";

export type InferenceAsked = {
  shares: readonly Share[];
  corruptions: number;
  seed: number;
  say(line: string): void;
  /** Nothing more is told from then on, and what was told is judged. */
  signal?: AbortSignal;
};

/** While a forward pass over the longest context is computed a few times. */
const PATIENCE_MS = 600_000;
const LOOK_MS = 300;
/** Of each model, of those that only time decides: nobody computes anything for them meanwhile. */
const WAITING = 12;

type Next = { planned: Planned; watched: Watched; pool: Pool; draw: Random };

/** Tells so many lies, and accuses honest authors beside them; sees that each comes out as it has to. */
export async function tryInference(asked: InferenceAsked): Promise<Verdict[]> {
  const { shares, corruptions, seed } = asked;
  const random = new Random(`inference ${seed}`);
  const stage = await openStage(shares.map(({ model }) => model));
  try {
    const pools = stage.watched.map(({ model }, i) => {
      return new Pool(model, shares[i]?.lengths ?? [], random.fork(`contexts ${i}`));
    });
    const author = new Author(stage, await teach(stage, pools, random.fork("lessons")));
    const queues = plan(shares, corruptions, random.fork("plan")).map((queue, at) =>
      queue.map((planned, i): Next => {
        return {
          planned,
          watched: stage.watched[at] as Watched,
          pool: pools[at] as Pool,
          draw: random.fork(`${at} ${i}`),
        };
      }),
    );
    const cases = await tellAll(stage, author, queues, asked);
    await allChecked(stage, cases);
    const found = await verdicts(stage, cases);
    await stage.close();
    return found;
  } catch (error) {
    await stage.close({ keep: true });
    throw error;
  }
}

/** First what time decides, many at once, then what words do, one after the other in a few lanes of each model. */
async function tellAll(
  stage: Stage,
  author: Author,
  queues: readonly (readonly Next[])[],
  { shares, say, signal }: InferenceAsked,
): Promise<Case[]> {
  const cases: Case[] = [];
  const begin = async ({ watched, pool, planned, draw }: Next) => {
    const one = await author.begin(watched, pool, planned, draw);
    cases.push(one);
    return one;
  };
  const lane = async (queue: Next[]) => {
    for (let next = queue.shift(); next && !signal?.aborted; next = queue.shift()) {
      await judge(stage, [await begin(next)]);
      say(progress(stage, cases));
    }
  };
  const slow = queues.map((queue) => queue.filter(({ planned }) => takesTime(planned)));
  while (slow.some(({ length }) => length > 0) && !signal?.aborted) {
    await judge(stage, await Promise.all(slow.flatMap((queue) => queue.splice(0, WAITING)).map(begin)));
    say(progress(stage, cases));
  }
  const swift = queues.map((queue) => queue.filter(({ planned }) => !takesTime(planned)));
  await Promise.all(swift.flatMap((queue, at) => Array.from({ length: shares[at]?.atOnce ?? 1 }, () => lane(queue))));
  return cases;
}

const takesTime = (planned: Planned) => "sham" in planned || planned.lie === "a root of nothing";

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

function progress(stage: Stage, cases: readonly Case[]): string {
  const ended = (judgement: string, of: (one: Case) => boolean) =>
    cases.filter((one) => of(one) && triedOf(stage, one)?.judgement === judgement).length;
  const convicted = ended("convicted", (one) => "lie" in one);
  return `${convicted} liars convicted, ${ended("dismissed", (one) => "sham" in one)} shams dismissed`;
}

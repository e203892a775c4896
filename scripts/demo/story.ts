import { styleText } from "node:util";
import {
  type Answer,
  type CompletionBody,
  completeWhole,
  type Devnet,
  followCompletion,
  type Operator,
  Scrape,
  type WorkerProcess,
} from "../../offchain/cli/devnet.ts";
import type { Hex } from "../../offchain/core/chain.ts";
import { must } from "./must.ts";
import { FOLLOW_UP, FOLLOW_UP_TOKENS, KILL_AFTER_TOKENS, PROMPT, STORY_TOKENS } from "./texts.ts";

const SAMPLING = { temperature: 0.8, seed: 1813 };

export type Story = {
  body: CompletionBody;
  answer: Answer;
  killed: Operator;
  successor: Operator;
  /** In ms: from the kill until the successor's turn was announced to the client, and until the next words. */
  killToTakeover: number;
  killToText: number;
  /** The gateway's own measure: silence of the author when it was given up. */
  detectedMs: number;
  reason: string;
  /** Positions of the successor's turn whose rows had been shipped, and positions that it computed. */
  attached: number;
  prefilled: number;
  /** The author's last words about itself. */
  authorMetrics: Scrape;
};

/** Streams the story from worker 1, written by worker 2, which is killed in mid-sentence. Words go to `write`. */
export async function tellStory(
  net: Devnet,
  workers: readonly WorkerProcess[],
  write: (text: string) => void,
): Promise<Story> {
  const [gateway, author] = workers;
  const body: CompletionBody = { prompt: PROMPT, max_tokens: STORY_TOKENS, ...SAMPLING };
  const asked = { ...body, weft: { author: author.operator.owner } };
  let seen = 0;
  let killedAt: number | undefined;
  let takeoverAt: number | undefined;
  let nextTextAt: number | undefined;
  let authorMetrics: Scrape | undefined;

  write(styleText("dim", PROMPT));
  const answer = await followCompletion(gateway.operator.apiUrl, asked, async ({ at, text, weft }) => {
    if (weft.type === "text") {
      write(text);
      seen += weft.tokens;
      if (takeoverAt !== undefined) nextTextAt ??= at;
      const inMidSentence = !/[.!?;:]["')]*\s*$/.test(text);
      if (killedAt === undefined && seen >= KILL_AFTER_TOKENS && inMidSentence) {
        authorMetrics = await Scrape.of(author.operator.apiUrl);
        author.kill("SIGKILL");
        killedAt = performance.now();
        write(styleText(["bold", "red"], `[kill -9 ${author.pid}: ${author.name}, the author]`));
      }
    } else if (weft.type === "authored" && killedAt !== undefined) {
      takeoverAt ??= at;
      write(styleText(["bold", "green"], `[${nameOf(net, weft.author)} takes over]`));
    }
  });
  write("\n");

  must(killedAt !== undefined, "the answer was over before its author could be killed");
  const exit = await author.exit;
  must(exit.signal === "SIGKILL", `${author.name} ended by itself (${exit.signal ?? exit.code})`);
  must(answer.authors.length === 2, `${answer.authors.length} authors wrote the story, not two`);
  const [first, second] = answer.authors;
  must(first.author === author.operator.owner, "the story was not begun by the author that was asked for");
  must(second.takeover?.from === first.author, "the second author did not take over from the first");
  const successor = operatorOf(net, second.author);
  must(successor.owner !== gateway.operator.owner, "the gateway itself took over, not a third worker");
  must(answer.finish === "length" && answer.tokens === STORY_TOKENS, `${answer.tokens} of ${STORY_TOKENS} tokens came`);
  must(takeoverAt !== undefined && nextTextAt !== undefined, "nothing was written after the kill");
  return {
    body,
    answer,
    killed: author.operator,
    successor,
    killToTakeover: takeoverAt - killedAt,
    killToText: nextTextAt - killedAt,
    detectedMs: second.takeover.detected_ms,
    reason: second.takeover.reason,
    attached: second.attached,
    prefilled: second.prefilled,
    authorMetrics: authorMetrics!,
  };
}

export type FollowUp = {
  author: Operator;
  prompt: string;
  answer: Answer;
  /** The same follow-up with the whole prefix computed. */
  recomputed: Answer;
};

/** The next turn of the conversation, by a worker that has not written in it and so has shipped rows only. */
export async function followUp(
  workers: readonly WorkerProcess[],
  story: Story,
  write: (text: string) => void,
): Promise<FollowUp> {
  const [gateway] = workers;
  const authored = [story.killed, story.successor, gateway.operator].map(({ owner }) => owner);
  const author = workers.find(({ operator }) => !authored.includes(operator.owner))!.operator;
  const prompt = PROMPT + story.answer.text + FOLLOW_UP;
  const ask = (recompute: boolean, onText: (text: string) => void) =>
    followCompletion(
      gateway.operator.apiUrl,
      { prompt, max_tokens: FOLLOW_UP_TOKENS, ...SAMPLING, weft: { author: author.owner, recompute } },
      ({ text }) => onText(text),
    );
  write(styleText("dim", FOLLOW_UP.trimStart()));
  const answer = await ask(false, write);
  write("\n");
  // The story's rows are in this worker's memory now; `recompute` does not look at them.
  const recomputed = await ask(true, () => {});

  const [by] = answer.authors;
  must(answer.authors.length === 1 && by.author === author.owner, `the follow-up was not written by ${author.name}`);
  must(by.attached > by.prefilled, `only ${by.attached} positions came from rows, ${by.prefilled} were computed`);
  const [again] = recomputed.authors;
  must(again.author === author.owner && again.attached === 0, "the comparison did not recompute its prefix");
  must(recomputed.text === answer.text, "shipped rows and recomputed rows gave different words");
  return { author, prompt, answer, recomputed };
}

/** The same request, undisturbed, at another worker: its words must be those of the interrupted stream. */
export async function tellAgain(workers: readonly WorkerProcess[], story: Story, author: Operator): Promise<Operator> {
  const gateway = workers.find(({ operator }) => operator.owner === author.owner)!.operator;
  // Its first event returned what fixes the request; the type is the stream's own.
  const { type: _, ...fixed } = story.answer.started;
  const again = await completeWhole(gateway.apiUrl, {
    ...story.body,
    weft: { ...fixed, author: author.owner, recompute: true },
  });
  must(again.requestId === story.answer.started.request_id, "the retry was another request");
  must(again.authors.length === 1 && !again.authors[0].takeover, "the retry was disturbed too");
  must(again.text === story.answer.text, "the interrupted stream and the undisturbed answer differ");
  return gateway;
}

export function operatorOf(net: Devnet, owner: Hex): Operator {
  const operator = net.operators.find((one) => one.owner === owner.toLowerCase());
  must(operator, `${owner} is nobody of this devnet`);
  return operator;
}

const nameOf = (net: Devnet, owner: Hex) => operatorOf(net, owner).name;

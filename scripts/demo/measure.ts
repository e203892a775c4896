import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Operator, Scrape } from "../../offchain/cli/devnet.ts";
import { paths } from "../lib/paths.ts";
import type { Onchain, Verdict } from "./onchain.ts";
import type { FollowUp, Story } from "./story.ts";
import { bytes, gas, ms, quantile, type Row } from "./table.ts";
import { PROMPT, STORY_TOKENS } from "./texts.ts";

/** Bytes of the KV rows of one position, from the model's shape. */
function rowBytes(): number {
  const config = JSON.parse(readFileSync(join(paths.root, "models/weft-austen/config.json"), "utf8"));
  const width = config.rowEncoding === "int8" ? 1 : 4;
  return config.layers * 2 * config.kvHeads * config.headDim * width;
}

/** Everything that this run measured, as the rows of a table. */
export async function measurements(run: {
  story: Story;
  followUp: FollowUp;
  verdict: Verdict;
  conviction: { reporter: string; gas: number };
  onchain: Onchain;
  living: readonly Operator[];
  peers: number;
}): Promise<Row[]> {
  const { story, followUp, verdict, conviction } = run;
  const scrapes = await Promise.all(run.living.map(({ apiUrl }) => Scrape.of(apiUrl)));
  const all = [...scrapes, story.authorMetrics];
  // Of the first author alone: it wrote for all the others until it died.
  const sent = (lane: string) => story.authorMetrics.get(`weft_${lane}_sent_bytes_total`) / run.peers;
  const written = story.authorMetrics.get("weft_tokens_written_total");
  const positions = written + story.authorMetrics.get("weft_positions_prefilled_total");
  const context = PROMPT.length + STORY_TOKENS;
  const commits = await run.onchain.commits();
  const [shipped] = followUp.answer.authors;
  const [computed] = followUp.recomputed.authors;
  const sum = (name: string) => all.reduce((total, scrape) => total + scrape.get(name), 0);
  const perToken = (lane: string) => bytes(sent(lane) / written);
  return [
    [
      "sent to each peer, per token written",
      `${perToken("segments")} of segments, ${perToken("beats")} of beats, ${bytes(sent("rows") / positions)} of rows`,
    ],
    [
      "against the full state of the story",
      `${bytes(rowBytes() * context)} (${context} positions of ${bytes(rowBytes())})`,
    ],
    [
      "replicated on > 2/3 of the stake",
      `median ${quantile(all, "weft_replicated_seconds", 0.5)}, 99 % ${quantile(all, "weft_replicated_seconds", 0.99)}`,
    ],
    [
      "kill -9 of the author → noticed",
      `${ms(story.killToTakeover)} at the client (${story.reason}; ${ms(story.detectedMs)} without a word of it)`,
    ],
    ["kill -9 → next words", ms(story.killToText)],
    ["longest gap that the client saw", ms(story.answer.longestGapMs)],
    ["successor's positions", `${story.attached} from shipped rows, ${story.prefilled} computed`],
    [
      "first words of the follow-up, shipped rows",
      `${ms(followUp.answer.firstTextMs)} (${shipped.attached} attached, ${shipped.prefilled} computed)`,
    ],
    [
      "  and recomputing the prefix",
      `${ms(followUp.recomputed.firstTextMs)} (${computed.attached} attached, ${computed.prefilled} computed)`,
    ],
    [
      "all positions of this run",
      `${sum("weft_positions_attached_total")} attached, ${sum("weft_positions_prefilled_total")} computed, ${sum("weft_rows_refused_total")} shipments of rows refused`,
    ],
    ["checkpoints committed", String(commits.length)],
    [
      "gas of a commit",
      `${gas(Math.round(commits.reduce((total, one) => total + one.gas, 0) / commits.length))} (mean)`,
    ],
    [
      "gas of proving a token",
      `${gas(verdict.proven!.gas)} with the consumer's storage, ${gas(verdict.verifyGas)} to verify alone`,
    ],
    ["gas of a conviction", gas(conviction.gas)],
  ];
}

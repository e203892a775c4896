import assert from "node:assert/strict";
import { test } from "node:test";
import { tally } from "./courts/tally.ts";
import { nameOf, tryInference } from "./inference/inference-trial.ts";
import { outcomeOf } from "./inference/outcome.ts";
import type { Share } from "./inference/plan.ts";

/** As many lies as there are in a few seconds: `npm run trial` tells as many as it is asked for, of larger models too. */
const CORRUPTIONS = 12;
const SMALL: Share = { model: { seed: 3 }, part: 1, atOnce: 4, lengths: [1, 7, 40, 258] };

test("single lies at random places convict their authors, found by a process that sees chain and mesh; no honest author is convicted", async (t) => {
  const said = (line: string) => t.diagnostic(line);
  const verdicts = await tryInference({ shares: [SMALL], corruptions: CORRUPTIONS, seed: 1, say: said });
  const wrong = verdicts.flatMap(({ one, fault }) => (fault === undefined ? [] : `${nameOf(one)}: ${fault}`));
  assert.deepEqual(wrong, []);
  const { tried, notes } = outcomeOf(verdicts);
  for (const line of [...tally(tried), ...notes]) said(line);
  assert.equal(tried.filter(({ isHonest }) => !isHonest).length, CORRUPTIONS);
  assert.equal(tried.filter(({ isHonest }) => isHonest).length, CORRUPTIONS / 4);
});

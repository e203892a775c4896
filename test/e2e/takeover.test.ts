import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  type Ask,
  again,
  assertWhole,
  complete,
  health,
  metric,
  once,
  type Seen,
  stream,
} from "../helpers/e2e/client.ts";
import { allConnected, kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §3: an author's death is invisible to the client, and costs only the positions whose rows had not arrived. */

const PROMPT =
  "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife. ";
/** The most that one position takes in a shipment: its row, and all of the head when it travels alone. */
const MOST_BYTES = 512 + 52;
/** Long enough that the author cannot be done before the client has seen a part. */
const LENGTH = 600;
let net: Net;

before(async () => {
  net = await startNet({ stakes: [1000, 1000, 1000, 1000, 1000] });
});
after(() => net?.stop());

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;

/** Positions of rows that each worker has received so far; at least. */
const rowsIn = async (indices: readonly number[]) =>
  new Map(
    await Promise.all(
      indices.map(
        async (index) =>
          [
            owner(index) as string,
            (await metric(url(index), "weft_received_bytes_total", { lane: "rows" })) / MOST_BYTES,
          ] as const,
      ),
    ),
  );

/** Streams at gateway 1 from `author`, and does `harm` once `at` tokens were seen. */
async function interrupted(author: number, ask: Ask, at: number, harm: () => Promise<void>): Promise<Seen> {
  let done = Promise.resolve();
  const harmed = once(at, () => {
    done = harm();
  });
  const seen = await stream(url(1), { ...ask, weft: { author: owner(author) } }, harmed);
  await done;
  return seen;
}

const first: Ask = { prompt: PROMPT, max_tokens: LENGTH, temperature: 0.8, seed: 1 };
let story: Seen;

test("kill -9 of the author in mid-sentence: the stream goes on, and says what it would have said", async (t) => {
  const survivors = [1, 3, 4, 5];
  const before = await rowsIn(survivors);
  let arrived = before;
  story = await interrupted(2, first, 160, async () => {
    arrived = await rowsIn(survivors);
    await kill(net.worker(2));
  });
  assertWhole(first, story);
  assert.equal(story.authored.length, 2, "one author, and one successor");
  assert.equal(story.authored[0].author, owner(2));
  const [, successor] = story.authored;
  assert.equal(successor.takeover?.from, owner(2));

  const context = successor.attached + successor.prefilled;
  const shown = story.pieces.filter(({ position }) => position < context).reduce((sum, { tokens }) => sum + tokens, 0);
  t.diagnostic(
    `kill -9: attached ${successor.attached}, prefilled ${successor.prefilled}, detected after ${successor.takeover?.detected_ms} ms (${successor.takeover?.reason})`,
  );
  assert.ok(shown >= 160 && context < PROMPT.length + LENGTH, "the takeover was in mid-sentence");
  assert.equal(context, PROMPT.length + shown, "attached and prefilled are the whole context");
  assert.ok(successor.attached > 0);
  const held = (arrived.get(successor.author) as number) - (before.get(successor.author) as number);
  const missing = context - Math.floor(held);
  t.diagnostic(`rows of ${Math.floor(held)} positions had arrived before the kill: at most ${missing} were missing`);
  assert.ok(held > PROMPT.length, "rows arrive while the author writes");
  assert.ok(successor.prefilled <= missing, `${successor.prefilled} computed, ${missing} missing`);
});

test("the same request uninterrupted gives the same text, at others and at the restarted author", async () => {
  assert.ok(story.started);
  const back = net.restart(2);
  const elsewhere = await complete(url(4), again(first, story.started, { author: owner(5), recompute: true }));
  assert.equal(elsewhere.authors.length, 1);
  assert.equal(elsewhere.authors[0].attached, 0, "computed from the tokens alone");
  assert.equal(elsewhere.text, story.text);
  await back.ready;
  await allConnected(net);
  const returned = await complete(url(2), again(first, story.started, { author: owner(2), recompute: true }));
  assert.deepEqual([returned.authors[0].author, returned.authors.length], [owner(2), 1]);
  assert.equal(returned.text, story.text);
});

test("a follow-up at yet another author goes on from shipped rows, and equals what is recomputed", async (t) => {
  const ask: Ask = { prompt: `${PROMPT}${story.text}\n\n"My dear`, max_tokens: 120, temperature: 0.8 };
  const writers = new Set(story.authored.map(({ author }) => author));
  const other = net.operators.find(({ index, owner }) => index > 1 && !writers.has(owner))!;
  const followed = await complete(url(1), { ...ask, weft: { author: other.owner } });
  const [authored] = followed.authors;
  t.diagnostic(`follow-up: attached ${authored.attached}, prefilled ${authored.prefilled}`);
  assert.equal(authored.author, other.owner);
  assert.ok(followed.started.history_length >= PROMPT.length + LENGTH, "it goes on from the story");
  assert.ok(authored.attached > 0);
  assert.ok(authored.attached > authored.prefilled, "most of the context was not computed again");
  const recomputed = await complete(url(3), again(ask, followed.started, { author: owner(4), recompute: true }));
  assert.equal(recomputed.authors[0].attached, 0);
  assert.equal(recomputed.text, followed.text);
});

test("SIGSTOP of the author: taken over as silent, on all the rows that it had sent", async (t) => {
  const ask: Ask = { prompt: `A stopped clock. ${PROMPT}`, max_tokens: LENGTH, temperature: 0.8, seed: 2 };
  const others = [1, 2, 4, 5];
  const before = await rowsIn(others);
  const seen = await interrupted(3, ask, 120, async () => net.worker(3).kill("SIGSTOP"));
  const arrived = await rowsIn(others);
  net.worker(3).kill("SIGCONT");
  assertWhole(ask, seen);
  const [, successor] = seen.authored;
  assert.equal(successor.takeover?.reason, "author_silent");
  t.diagnostic(
    `SIGSTOP: attached ${successor.attached}, prefilled ${successor.prefilled}, given up after ${successor.takeover?.detected_ms} ms`,
  );
  const held = (arrived.get(successor.author) as number) - (before.get(successor.author) as number);
  assert.ok(held > ask.prompt.length, "rows had arrived");
  assert.ok(successor.attached >= Math.floor(held), `attached ${successor.attached} of ${Math.floor(held)}`);
  assert.ok(seen.started);
  const whole = await complete(url(4), again(ask, seen.started, { author: owner(5), recompute: true }));
  assert.equal(seen.text, whole.text);
  await until("the stopped author is back", async () => (await health(url(1))).peersUp === 4);
});

test("the gateway's own death: the same request at another worker gives the same text", async () => {
  const ask: Ask = { prompt: `The gate. ${PROMPT}`, max_tokens: LENGTH, temperature: 0.8 };
  const seen: Seen = { text: "", authored: [], pieces: [] };
  const broken = stream(
    url(5),
    { ...ask, weft: { author: owner(4) } },
    once(120, () => net.worker(5).kill("SIGKILL")),
    seen,
  );
  await assert.rejects(broken, "the client's connection breaks");
  assert.ok(seen.started && seen.text.length >= 120 && seen.text.length < LENGTH);
  const whole = await complete(url(2), again(ask, seen.started));
  assert.equal(whole.started.request_id, seen.started.request_id);
  assert.ok(whole.text.startsWith(seen.text), "what the client had seen stays true");
  const other = await complete(url(1), again(ask, seen.started, { author: owner(3), recompute: true }));
  assert.equal(other.text, whole.text);
});

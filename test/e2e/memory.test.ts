import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryClient, type MemoryInfo } from "../../offchain/cli/devnet.ts";
import { fromHex, utf8 } from "../../offchain/core/bytes.ts";
import { incrementsOf } from "../../offchain/core/fold.ts";
import { Memories } from "../../offchain/core/memories.ts";
import { memoryId } from "../../offchain/core/memory-definition.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { COPY_END } from "../../offchain/inference/copy.ts";
import { type Ask, again, assertWhole, complete, metric, once, type Seen, stream } from "../helpers/e2e/client.ts";
import { kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §3: many workers teach one memory at once, and whoever reads it reads the same. */

const PART = 512;
const verse = (name: string, deed: string) =>
  `And ${name} went up to the hill of Zarethan, and ${deed}, and nobody knew of it until the seventh year. `;
/** Some parts each, so that both workers write at the same time. */
const TEXTS = [
  verse("Hoglah", "took there a lamp of green glass").repeat(6),
  verse("Tirzah", "hid within the key of the well").repeat(6),
];
const PROMPT = "And Hoglah went up to the hill of Zarethan, and took there ";
const NAME = "verses";

let net: Net;
let memory: MemoryInfo;
before(async () => {
  net = await startNet({ overrides: { checkpointIntervalShortestMs: 500, checkpointIntervalLongestMs: 1_000 } });
});
after(() => net?.stop());

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;
const client = (index: number, token?: string) => new MemoryClient(url(index), token);

/** How many counts there are when every part was learnt exactly once. */
function expectedCells(texts: readonly string[]): number {
  const definition = {
    columns: memory.columns,
    orders: memory.orders,
    salt: fromHex(memory.salt, 32),
    writers: memory.writers.map((writer) => fromHex(writer, 20)),
  };
  const id = memoryId(crypto, definition);
  assert.deepEqual(id, fromHex(memory.id, 32));
  let memories = Memories.empty(crypto);
  for (const text of texts)
    for (let at = 0, ids = [...utf8(text)]; at < ids.length; at += PART) {
      const part = ids.slice(at, at + PART);
      const said = [...part, COPY_END, ...part];
      memories = memories.add(
        definition,
        incrementsOf({ memory: definition, first: part.length + 1, from: 0, ids: said }),
      );
    }
  let cells = 0;
  for (const [, row] of memories.of(id)?.rows.entries() ?? []) cells += row?.distinct ?? 0;
  return cells;
}

const reading: Ask = { prompt: PROMPT, max_tokens: 60, temperature: 0 };
let with_: Awaited<ReturnType<typeof complete>>;

test("two workers teach at once; others, which taught nothing, hold exactly what follows from what was written", async (t) => {
  const writers = [owner(1), owner(2)];
  const choices = { orders: [4, 6], writers };
  memory = await client(1).make(NAME, choices);
  assert.deepEqual(await client(2).make(NAME, choices), memory, "the same everywhere, without asking anybody");
  assert.deepEqual(await client(1).list(), [memory]);
  const taught = await Promise.all(TEXTS.map((text, i) => client(i + 1).teach(memory.id, text)));
  const authors = new Set(taught.flatMap(({ authors }) => authors));
  assert.deepEqual([...authors].sort(), [...writers].sort(), "both, and nobody else");
  // Counts that are there already grow with every repetition: what both wrote is to be committed whole.
  for (const index of [1, 2])
    await until(
      `worker ${index} has everything committed`,
      async () => (await metric(url(index), "weft_memory_live_increments")) === 0,
      60_000,
    );
  const { checkpoint } = await client(1).show(memory.id, NAME);
  const cells = expectedCells(TEXTS);
  for (const index of [1, 2, 3, 4])
    await until(
      `worker ${index} knows what was taught`,
      async () => {
        const known = await client(index).show(memory.id, NAME);
        return known.cells === cells && (known.checkpoint?.number ?? 0) >= (checkpoint?.number ?? 0);
      },
      60_000,
    );
  t.diagnostic(`${taught.reduce((sum, { tokens }) => sum + tokens, 0)} tokens, ${cells} counts`);
});

test("a third worker answers otherwise than without the memory, and a fourth gives the same", async () => {
  const without = await complete(url(3), { ...reading, weft: { author: owner(3) } });
  assert.equal(without.started.memory, null);
  const ask: Ask = { ...reading, memory: { name: NAME, id: memory.id, gate: "strong" } };
  with_ = await complete(url(3), { ...ask, weft: { author: owner(3) } });
  assert.equal(with_.started.memory?.id, memory.id);
  assert.notEqual(with_.text, without.text);
  assert.match(with_.text, /^a lamp of green glass/, "nobody but the memory knows what she took");
  const elsewhere = await complete(url(4), again(ask, with_.started, { author: owner(4) }));
  assert.deepEqual([elsewhere.authors[0].author, elsewhere.text], [owner(4), with_.text]);
});

test("the gate that a gateway chooses listens to a memory of such words, and not to one of others", async () => {
  const gateOf = async (prompt: string) => {
    const ask: Ask = { ...reading, prompt, memory: { name: NAME, id: memory.id, gate: "auto" } };
    return (await complete(url(4), ask)).started.memory?.gate ?? "off";
  };
  assert.equal(await gateOf(TEXTS[0].slice(40, 240)), "strong");
  assert.equal(await gateOf("She had always been very fond of him, and was very glad to hear of it."), "off");
});

test("kill -9 of the author in mid-answer, memory on: the stream goes on as it would have", async () => {
  const ask: Ask = {
    prompt: PROMPT,
    max_tokens: 400,
    temperature: 0.8,
    memory: { name: NAME, id: memory.id, gate: "medium" },
  };
  let killed = Promise.resolve();
  const seen: Seen = await stream(
    url(4),
    { ...ask, weft: { author: owner(2) } },
    once(100, () => {
      killed = kill(net.worker(2));
    }),
  );
  await killed;
  assertWhole(ask, seen);
  assert.equal(seen.authored.length, 2);
  assert.equal(seen.authored[1].takeover?.from, owner(2));
  assert.ok(seen.started?.memory);
  const undisturbed = await complete(url(3), again(ask, seen.started, { author: owner(3), recompute: true }));
  assert.equal(undisturbed.started.request_id, seen.started.request_id);
  assert.equal(undisturbed.text, seen.text);
});

test("a client finds nothing of another's, by whatever name or id, and the same name is another memory", async () => {
  const [alice, bob] = [client(1, "alice"), client(1, "bob")];
  const hers = await alice.make("diary");
  await assert.rejects(bob.show(hers.id), { code: "not_found" });
  await assert.rejects(bob.show(hers.id, "diary"), { code: "not_found" });
  await assert.rejects(bob.teach(hers.id, "words", "diary"), { code: "not_found" });
  assert.deepEqual(await bob.list(), []);
  assert.notEqual((await bob.make("diary")).id, hers.id);
  await assert.rejects(complete(url(3), { ...reading, memory: { id: hers.id } }), /not_found/);
});

test("kill -9 between the last part of a text and its outcome: who asks again is told it, and nothing is taught twice", async () => {
  await kill(net.worker(2));
  const doomed = net.restart(2, { WEFT_FAILPOINT: "store.taught.before-fsync:2" });
  await doomed.ready;
  const own = await client(2).make("once", { orders: [4], writers: [owner(2)] });
  const ask = () => client(2).teach(own.id, TEXTS[0], "once", "one-key");
  await assert.rejects(ask(), TypeError);
  assert.deepEqual(await doomed.exit, { code: null, signal: "SIGKILL" });
  await net.restart(2).ready;
  const taught = await ask();
  assert.equal(taught.tokens, TEXTS[0].length);
  assert.equal(taught.turns.length, Math.ceil(TEXTS[0].length / PART), "what was written before is all there is");
  assert.deepEqual(await ask(), taught);
});

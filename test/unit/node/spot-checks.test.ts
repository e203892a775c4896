import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setImmediate as breathe } from "node:timers/promises";
import type { WrongToken } from "../../../offchain/chain/accuser.ts";
import { Context } from "../../../offchain/core/context.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import type { WeftError } from "../../../offchain/core/errors.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Engine } from "../../../offchain/inference/engine.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { tokenAfter } from "../../../offchain/node/next-token.ts";
import { ComputedPasses } from "../../../offchain/node/passes.ts";
import { SpotChecks, type SpotChecksOptions, type WrongTurn } from "../../../offchain/node/spot-checks.ts";
import { hashOf, type Keys, MEMORY, requestOf, TrackWriter } from "../../helpers/core.ts";
import { drawnEngine } from "../../helpers/drawn-engine.ts";
import { members, StoredWorker } from "./stored.ts";

/** What is said of others' answers, by whoever computes them again. */

const GIVEN = [1, 2, 3];
const COUNT = 6;
const engine = drawnEngine(7);
const { vocab, samplerK } = engine.model;
const [self, author] = members as [Keys, Keys];

let worker: StoredWorker;
let accused: WrongToken[];
let checked: (WrongTurn | undefined)[];
let faults: WeftError[];
let idle: boolean;
before(() => {
  worker = new StoredWorker();
});
after(() => worker.end());
beforeEach(() => {
  [accused, checked, faults, idle] = [[], [], [], true];
});

function checks(changes: Partial<SpotChecksOptions> = {}): SpotChecks {
  const { protocol, store } = worker;
  const archive = new Archive(crypto, protocol.consensus, store);
  const conversations = new Conversations(crypto, protocol.replica);
  return new SpotChecks({
    protocol,
    archive,
    conversations,
    engines: [engine],
    passes: new ComputedPasses({ protocol, archive, conversations, engine }),
    referenceSpan: 64,
    share: 1,
    random: () => 0.5,
    isIdle: () => idle,
    prove: (_turn, place) => ({ place }) as never,
    async accuse(wrong) {
      accused.push(wrong);
      return { type: "already" };
    },
    onChecked: (wrong) => checked.push(wrong),
    onAccused: () => {},
    onFault: (_kind, _operator, error) => faults.push(error as WeftError),
    ...changes,
  });
}

let turns = 0;
const request = (changes: Partial<Request> = {}) =>
  requestOf(GIVEN, { model: engine.model.id, nonce: hashOf(`turn ${turns++}`), maxLength: COUNT, ...changes });

/** What the request has after what is given. */
async function answer(of: Request): Promise<number[]> {
  const { memory } = of;
  const known = memory && worker.protocol.consensus.memoriesAt(memory.checkpoint.number)?.of(memory.id);
  const reading = known && memory && { memory: known, gate: memory.gate };
  const drawn = { request: of, id: requestId(crypto, of), samplerK, reading };
  const tokens = [...GIVEN];
  while (tokens.length < GIVEN.length + COUNT)
    tokens.push(tokenAfter(crypto, drawn, await engine.forward(engine.createCache(), tokens), tokens));
  return tokens.slice(GIVEN.length);
}

/** A closed turn whose answer is partly carried, committed. */
function commit(of: Request, ids: readonly number[], keys = author): { turn: Uint8Array; number: number } {
  const writer = new TrackWriter(keys, `track ${turns++}`);
  const turn = writer.open(of).tokens("given", GIVEN).tokens("carried", ids.slice(0, 2));
  turn.tokens("written", ids.slice(2, 4)).tokens("written", ids.slice(4)).close("length");
  worker.hold(writer.seal());
  return { turn: turn.id, number: commitHeld() };
}

function commitHeld(): number {
  worker.time += 1;
  const built = worker.propose();
  worker.commit(built);
  return built.checkpoint.number;
}

/** Until there is nothing left to do. */
async function settle(of: SpotChecks, ticks = 200): Promise<void> {
  for (let i = 0; i < ticks; i++) {
    of.tick();
    await breathe();
    await new Promise((done) => setTimeout(done, 1));
  }
}

const flipped = (ids: readonly number[], at: number) => ids.with(at, ((ids[at] as number) + 1) % vocab);

test("what the model says is not accused, and what is not shown to be looked at is let alone", async () => {
  const watcher = checks();
  const one = request();
  commit(one, await answer(one));
  const own = request();
  commit(own, flipped(await answer(own), 0), self);
  const foreign = request({ model: hashOf("another model") });
  commit(foreign, [1, 2, 3, 4, 0, 1]);
  await settle(watcher);
  assert.deepEqual([checked, accused, faults], [[undefined], [], []]);
});

for (const at of [0, 1, 3, 5])
  test(`X1: token ${at} of an answer is not the model's: of that one its author is accused`, async () => {
    const watcher = checks();
    const asked = request({ parameters: { temperature: at === 3 ? 90 : 0, stop: [] } });
    const ids = flipped(await answer(asked), at);
    const { turn } = commit(asked, ids);
    await settle(watcher);
    assert.deepEqual(faults, []);
    const [wrong] = accused;
    assert.ok(wrong && accused.length === 1);
    assert.deepEqual([wrong.turn, wrong.position, wrong.operator], [turn, GIVEN.length + at, author.operator]);
    // Opened first, given next, carried and written after that.
    const index = at < 2 ? 2 : at < 4 ? 3 : 4;
    assert.deepEqual(
      [wrong.open, wrong.tokens],
      [{ place: { sequence: 1, index: 0 } }, { place: { sequence: 1, index } }],
    );
  });

test("X1: what a memory said counts as of the very checkpoint that is named; where that is not known nothing is said", async () => {
  const lesson = Array.from({ length: 32 }, (_, i) => 4 - (i % 2));
  const writer = new TrackWriter(author, "teacher");
  const taught = writer
    .open(request({ maxLength: 40 }))
    .tokens("given", GIVEN)
    .tokens("written", lesson);
  taught.learn(GIVEN.length, lesson.length);
  worker.hold(writer.seal());
  const number = commitHeld();
  const { hash } = worker.protocol.consensus.latest;
  const memory = { id: memoryId(crypto, MEMORY), checkpoint: { number, hash }, gate: "strong" } as const;
  const watcher = checks();
  const reads = request({ memory });
  const ids = await answer(reads);
  const deaf = await answer(request({ nonce: reads.nonce }));
  assert.notDeepEqual(ids, deaf, "the memory says something");
  commit(reads, ids);
  await settle(watcher);
  assert.deepEqual([checked, accused], [[undefined], []]);
  const other = request({ memory });
  commit(other, flipped(await answer(other), 2));
  await settle(watcher);
  assert.equal(accused[0]?.position, GIVEN.length + 2);
  const fallen = request({ memory: { ...memory, checkpoint: { number, hash: hashOf("a fork that is gone") } } });
  commit(fallen, [1, 1, 1, 1, 1, 1]);
  await settle(watcher);
  assert.deepEqual([checked.length, accused.length], [2, 1], "an orphan is accused of nothing");
});

test("X1: what goes on from a checkpoint that the chain does not have is an orphan, and accused of nothing", async () => {
  const begun = request();
  const ids = await answer(begun);
  const { turn, number } = commit(begun, ids);
  const history = [...GIVEN, ...ids];
  const { hash } = worker.protocol.consensus.committed(number) ?? assert.fail();
  const watcher = checks();
  for (const named of [hash, hashOf("a fork that is gone")]) {
    const changes = { model: engine.model.id, nonce: hashOf(`turn ${turns++}`), maxLength: COUNT };
    const writer = new TrackWriter(author, `heir ${turns++}`);
    const parent = { checkpoint: { number, hash: named }, turn, position: history.length };
    const heir = writer.open(requestOf([1], changes, history), { parent, start: Context.of(crypto, history) });
    heir
      .tokens("given", [1])
      .tokens("written", [vocab + 1])
      .close();
    worker.hold(writer.seal());
    commitHeld();
    await settle(watcher);
    assert.equal(accused.length, 1, "only where it stands");
    assert.equal(accused[0]?.position, history.length + 1);
  }
});

test("X2: nobody is accused by an engine that says other than the trace", async () => {
  const broken: Engine = {
    ...engine,
    forward: async (...args) => (await engine.forward(...args)).map((logit) => -logit) as Int32Array,
  };
  const watcher = checks({ engines: [broken] });
  const asked = request();
  commit(asked, await answer(asked));
  await settle(watcher);
  assert.equal(checked[0]?.position, GIVEN.length, "it takes it for wrong");
  assert.deepEqual([accused.length, faults.map(({ code }) => code)], [0, ["engine_differs"]]);
});

test("X1: a token that the model does not have is wrong, and so is everything after it", async () => {
  const watcher = checks();
  const one = request();
  const ids = await answer(one);
  commit(one, ids.with(5, vocab));
  await settle(watcher);
  assert.deepEqual(
    accused.map(({ position }) => position),
    [GIVEN.length + 5],
  );
  // Given by the client, it has no forward pass, and no answer.
  const two = requestOf([1, 2, vocab], { model: engine.model.id, maxLength: COUNT });
  const writer = new TrackWriter(author, "strange");
  writer.open(two).tokens("given", [1, 2, vocab]).tokens("written", [1]).close();
  worker.hold(writer.seal());
  commitHeld();
  await settle(watcher);
  assert.equal(accused[1]?.position, 3);
});

test("only a share is looked at, and only while there is nothing else to do", async () => {
  const asked = request();
  const ids = await answer(asked);
  for (const [share, count] of [
    [0, 0],
    [0.5, 0],
    [0.51, 1],
  ] as const) {
    const watcher = checks({ share });
    commit(request({ nonce: asked.nonce }), ids);
    await settle(watcher, 50);
    assert.equal(checked.length, count, `a share of ${share}`);
  }
  checked.length = 0;
  const watcher = checks();
  commit(request({ nonce: asked.nonce }), ids);
  idle = false;
  await settle(watcher, 50);
  assert.equal(checked.length, 0);
  idle = true;
  watcher.tick();
  idle = false;
  watcher.tick();
  await settle(watcher, 50);
  assert.equal(checked.length, 0, "it is given up for something better");
  idle = true;
  await settle(watcher);
  assert.equal(checked.length, 1, "and taken up again");
});

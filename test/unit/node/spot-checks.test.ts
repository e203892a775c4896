import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setImmediate as breathe } from "node:timers/promises";
import type { AccuseOutcome, WrongToken } from "../../../offchain/chain/accuser.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { reportDigest } from "../../../offchain/core/check-report.ts";
import { Context } from "../../../offchain/core/context.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import type { WeftError } from "../../../offchain/core/errors.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../../offchain/inference/engine.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { tokenAfter } from "../../../offchain/node/next-token.ts";
import { ComputedPasses } from "../../../offchain/node/passes.ts";
import { type CheckedTurn, SpotChecks, type SpotChecksOptions } from "../../../offchain/node/spot-checks.ts";
import { TurnCheck, type TurnCheckOptions } from "../../../offchain/node/turn-check.ts";
import { lotteryOf } from "../../../offchain/node/watch-share.ts";
import { buildFloatGraph, floatConfig, randomWeights } from "../../bench/float-model.ts";
import { hashOf, type Keys, MEMORY, requestOf, TrackWriter } from "../../helpers/core.ts";
import { drawnEngine } from "../../helpers/drawn-engine.ts";
import { openGraph } from "../../helpers/onnx-run.ts";
import { modelFolder } from "../inference/tiny-model.ts";
import { members, StoredWorker } from "./stored.ts";

/** What is said of others' answers, by whoever computes them again. */

const GIVEN = [1, 2, 3];
const COUNT = 6;
const RETENTION = 600;
const engine = drawnEngine(7);
const { vocab, samplerK } = engine.model;
const [self, author] = members as [Keys, Keys];

let worker: StoredWorker;
let accused: WrongToken[];
/** Of each turn that was checked its first wrong position, if it has one. */
let checked: (number | undefined)[];
let faults: WeftError[];
let idle: boolean;
let now: number;
before(() => {
  worker = new StoredWorker();
});
after(() => worker.end());
beforeEach(() => {
  [accused, checked, faults, idle, now] = [[], [], [], true, 0];
});

/** Of turns that there are already nothing is said, but for those that `isDecided` leaves to it. */
function checks(changes: Partial<Omit<SpotChecksOptions, "passes"> & TurnCheckOptions> = {}): SpotChecks {
  const { protocol, store } = worker;
  const archive = new Archive(crypto, protocol.consensus, store);
  const conversations = new Conversations(crypto, protocol.replica);
  const passes = new ComputedPasses({ protocol, archive, conversations, engine });
  const judging = { protocol, archive, conversations, engines: [engine], passes, ...changes };
  const before = new Set([...protocol.replica.tracks.values()].flatMap(({ turns }) => [...turns.keys()]));
  return new SpotChecks({
    protocol,
    check: new TurnCheck({ ...judging, referenceSpan: 64, retentionSeconds: RETENTION }),
    lot: () => 0.5,
    share: () => 1,
    isDecided: (turn) => before.has(toHex(turn)),
    isIdle: () => idle,
    now: () => now,
    prove: (_turn, place) => ({ place }) as never,
    async accuse(wrong) {
      accused.push(wrong);
      return { type: "already" };
    },
    onChecked: ({ wrong }) => checked.push(wrong?.position),
    onAccused: () => {},
    onDecided: () => {},
    onFault: (_kind, _operator, error) => faults.push(error as WeftError),
    ...changes,
    passes,
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
  assert.deepEqual([checked, accused, faults.map(({ code }) => code)], [[], [], ["engine_differs"]]);
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
    const watcher = checks({ share: () => share });
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

test("what is lacking is waited for, longer each time and not for ever, and nothing is forgotten", async () => {
  let known = false;
  const asked: number[] = [];
  const memoryOf: ComputedPasses["memoryOf"] = async () => {
    asked.push(now);
    return known ? undefined : "unknown";
  };
  const one = request();
  const watcher = checks({ passes: { memoryOf } });
  commit(one, flipped(await answer(one), 1));
  await settle(watcher, 30);
  assert.deepEqual([asked, checked, faults], [[0], [], []]);
  for (const at of [1_999, 2_000, 5_999, 6_000]) {
    now = at;
    await settle(watcher, 10);
  }
  assert.deepEqual(asked, [0, 2_000, 6_000]);
  known = true;
  now = 14_000;
  await settle(watcher);
  assert.deepEqual([checked, accused.length, faults], [[GIVEN.length + 1], 1, []], "it came at last");

  known = false;
  asked.length = 0;
  const two = request();
  commit(two, await answer(two));
  for (; faults.length === 0 && asked.length < 100; now += 300_000) await settle(watcher, 5);
  assert.deepEqual([faults.map(({ code }) => code), asked.length], [["not_held"], 30], "patience has an end");
});

test("an accusation that cannot be paid is made later, and reported once", async () => {
  const outcomes: AccuseOutcome["type"][] = [];
  const decided: string[] = [];
  const watcher = checks({
    async accuse() {
      outcomes.push(outcomes.length === 0 ? "unpaid" : "already");
      return { type: outcomes.at(-1), reason: "" } as AccuseOutcome;
    },
    onDecided: (turn) => decided.push(toHex(turn)),
  });
  const one = request();
  const { turn } = commit(one, flipped(await answer(one), 0));
  await settle(watcher, 30);
  assert.deepEqual([outcomes, decided], [["unpaid"], []]);
  now = 2_000;
  await settle(watcher, 30);
  assert.deepEqual([outcomes, decided], [["unpaid", "already"], [toHex(turn)]]);
});

test("a process that starts finds what waited, by the same lots, and nothing that was decided or is too old", async () => {
  const watched = (): SpotChecks => {
    const { protocol, store } = worker;
    const { separator, self: reporter } = protocol.replica;
    return checks({
      lot: lotteryOf(crypto, separator, self.signer),
      share: () => 0.5,
      isDecided: (turn) => before.has(toHex(turn)) || store.checks.isSettled(turn),
      onChecked({ turn, model, wrong }: CheckedTurn, isDecided) {
        const verdict = { agrees: !wrong, position: wrong?.position ?? 0, distance: 0 };
        const report = { reporter, model: model.id, turn: turn.id, author: turn.track.operator, ...verdict };
        const signature = self.signer.sign(reportDigest(crypto, separator, report));
        if (store.checks.put({ report, signature }, isDecided)) checked.push(wrong?.position);
      },
      onDecided: (turn) => store.checks.settle(turn),
      // It is killed before its first accusation is in a block.
      async accuse(wrong) {
        accused.push(wrong);
        return accused.length === 1 ? { type: "stopped" } : { type: "already" };
      },
    });
  };
  const before = new Set([...worker.protocol.replica.tracks.values()].flatMap(({ turns }) => [...turns.keys()]));
  const drawn = lotteryOf(crypto, worker.protocol.replica.separator, self.signer);
  const isDrawn: boolean[] = [];
  for (let i = 0; i < 8; i++) {
    const one = request();
    const ids = await answer(one);
    isDrawn.push(drawn(commit(one, i === 0 ? ids : flipped(ids, 2)).turn) < 0.5);
  }
  const wrong = isDrawn.slice(1).filter(Boolean).length;
  assert.ok(wrong >= 1 && wrong < 7, "some are, some are not");

  idle = false;
  await settle(watched(), 5);
  worker.restart();
  idle = true;
  const first = watched();
  await settle(first, 4 * 8);
  first.stop();
  worker.restart();
  await settle(watched());
  assert.equal(checked.length, isDrawn.filter(Boolean).length, "each is reported once");
  assert.equal(accused.length, wrong + 1, "and accused, again where it was not known how that ended");
  worker.restart();
  await settle(watched(), 40);
  assert.equal(accused.length, wrong + 1, "all is decided");

  const late = request();
  commit(late, flipped(await answer(late), 2));
  worker.time += RETENTION;
  worker.follow("events", []);
  await settle(checks({ isDecided: (turn) => before.has(toHex(turn)) || worker.store.checks.isSettled(turn) }), 40);
  assert.equal(accused.length, wrong + 1, "nobody is accused any more");
});

test("a tolerant model: rounding agrees, another token differs and is reported by how much, and nobody is accused", async () => {
  const sizes = { vocab: 256, width: 64, layers: 2, heads: 4, kvHeads: 2, headDim: 16, hidden: 128, maxPositions: 64 };
  const graph = buildFloatGraph(sizes, randomWeights(sizes, 3), "small");
  const ours = await createEngine(modelFolder(floatConfig(sizes, "small"), graph), crypto);
  // The author's machine does one operation after the other, as they stand in the graph.
  const theirs = await openGraph(graph, sizes, "disabled", 1, (count) => new Float32Array(count));
  const { id, samplerK, tolerance } = ours.model;
  assert.equal(tolerance, 1 / 2_048);
  const found: CheckedTurn[] = [];
  const watcher = checks({ engines: [ours], onChecked: (one) => found.push(one) });
  let isRounded = false;
  for (const temperature of [0, 100]) {
    const asked = request({ model: id, parameters: { temperature, stop: [] }, maxLength: 40 });
    const drawn = { request: asked, id: requestId(crypto, asked), samplerK, reading: undefined };
    const tokens = [...GIVEN];
    let said: number[] = [];
    while (tokens.length < GIVEN.length + 40) {
      said = (await theirs.run(tokens, [tokens.length])).logits;
      tokens.push(tokenAfter(crypto, drawn, Float32Array.from(said.slice(-sizes.vocab)), tokens));
    }
    const whole = await ours.forward(ours.createCache(), tokens.slice(0, -1), { allLogits: true });
    isRounded ||= said.some((logit, i) => logit !== whole[i]);
    commit(asked, tokens.slice(GIVEN.length));
    await settle(watcher);
    const other = request({ model: id, parameters: { temperature, stop: [] }, nonce: asked.nonce, maxLength: 40 });
    commit(other, flipped(tokens.slice(GIVEN.length), 30));
    await settle(watcher);
  }
  assert.ok(isRounded, "the two do not compute the same floats");
  const positions = found.map(({ wrong }) => wrong?.position);
  assert.deepEqual(positions, [undefined, GIVEN.length + 30, undefined, GIVEN.length + 30]);
  assert.ok(found.every(({ wrong }) => !wrong || wrong.distance > 1));
  assert.deepEqual([accused, faults], [[], []]);
  for (const one of [theirs, ours]) await one.close();
});

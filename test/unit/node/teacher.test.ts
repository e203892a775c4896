import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Answering } from "../../../offchain/core/answering.ts";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import type { GenerateOrder } from "../../../offchain/core/generate.ts";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { checkOrder } from "../../../offchain/core/order.ts";
import { requestId } from "../../../offchain/core/request.ts";
import type { Turn } from "../../../offchain/core/turn.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { COPY_END, createCopier } from "../../../offchain/inference/copy.ts";
import { byteTokenizer } from "../../../offchain/inference/tokenizer.ts";
import { GateScorer } from "../../../offchain/node/gate-scorer.ts";
import { LIMIT_TAUGHT, Teacher, type TeacherOptions } from "../../../offchain/node/teacher.ts";
import { feed, foundingEvents, hashOf, MEMORY, operatorAt, replicaOf, TrackWriter } from "../../helpers/core.ts";

const workers = [0, 1, 2].map((index) => operatorAt(index).operator);
const copier = createCopier(byteTokenizer);
const requester = hashOf("client");
const own = (writers: Bytes[] = []) => {
  const definition = { ...MEMORY, writers };
  return { id: memoryId(crypto, definition), name: "notes", definition };
};

/** A gateway whose every worker writes at once what it is ordered to, or what `says` makes of it. */
function teacherOf(says = (part: readonly number[]) => part, change: Partial<TeacherOptions> = {}) {
  const orders: GenerateOrder[] = [];
  const underWay = new Map<string, number>();
  let most = 0;
  const gateway = {
    async *write(answer: Answering, preferred: Bytes | undefined, signal: AbortSignal) {
      const author = preferred as Bytes;
      const order = answer.order(author);
      checkOrder(crypto, copier.model, order);
      orders.push(order);
      underWay.set(toHex(author), (underWay.get(toHex(author)) ?? 0) + 1);
      most = Math.max(most, ...underWay.values());
      await new Promise(setImmediate);
      signal.throwIfAborted();
      const { prompt, request } = order;
      answer.take({ type: "opened", turn: hashOf(`turn ${orders.length}`), attached: 0, prefilled: 0 });
      yield { type: "authored" as const, author: toHex(author), turn: "0x" as const, attached: 0, prefilled: 0 };
      const [first, left] = [
        prompt.length + order.answered.length,
        prompt.slice(order.answered.length, request.maxLength),
      ];
      if (left.length > 0) answer.take({ type: "tokens", first, ids: says(left) });
      yield { type: "closed" as const, reason: "length" as const };
      underWay.set(toHex(author), 0);
    },
  };
  let nonce = 0;
  const teacher = new Teacher({
    crypto,
    self: workers[0],
    copier: copier.model,
    gateway,
    up: () => workers.slice(1),
    random: () => hashOf(`nonce ${nonce++}`),
    conversations: { answersTo: () => [].values() as never, tokens: () => undefined },
    mayChange: () => false,
    ...change,
  });
  return { teacher, orders, most: () => most };
}
const never = new AbortController().signal;
const textOf = ({ prompt }: GenerateOrder) => String.fromCharCode(...prompt.slice(0, -1));

test("a text is written in parts, one at a time by each worker that may teach, and every token once", async () => {
  const { teacher, orders, most } = teacherOf();
  const text = Array.from({ length: 3_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
  const memory = own([workers[0], workers[2]]);
  const taught = await teacher.teach(requester, memory, text, never);
  assert.equal(taught.tokens, 3_000);
  assert.deepEqual(taught.authors.map(toHex).sort(), [workers[0], workers[2]].map(toHex).sort());
  assert.equal(taught.turns.length, orders.length);
  assert.equal(most(), 1);
  const parts = orders.map(({ prompt, request, learn }) => {
    assert.deepEqual(learn, memory.definition);
    assert.deepEqual(request.requester, requester);
    assert.equal(prompt.at(-1), COPY_END);
    assert.equal(request.maxLength, prompt.length - 1);
    return String.fromCharCode(...prompt.slice(0, -1));
  });
  assert.equal(parts.join(""), text);
  assert.equal(new Set(orders.map(({ request }) => toHex(request.nonce))).size, orders.length);
});

describe("a text that is taught with the same seed again", () => {
  const [self] = [0, 1, 2].map(operatorAt);
  const SEED = hashOf("seed");
  const TEXT = Array.from({ length: 20 }, (_, i) => toHex(hashOf(`${i}`)))
    .join("")
    .slice(0, 1_100);
  const replica = replicaOf(self!, foundingEvents([0, 1, 2, 3].map(operatorAt)));
  const conversations = new Conversations(crypto, replica);
  /** Has orders written down by a worker, each as far as `until` says. */
  const write = (orders: readonly GenerateOrder[], label: string, until: (part: number) => number | "closed") => {
    const writer = new TrackWriter(operatorAt(1), label);
    for (const [i, { request, prompt }] of orders.entries()) {
      const end = until(i);
      const ids = prompt.slice(0, end === "closed" ? request.maxLength : end);
      const turn = writer.open(request).tokens("given", [...prompt]);
      if (ids.length > 0) turn.tokens("written", ids);
      if (end === "closed") turn.close();
      feed(replica, [writer.seal()]);
    }
  };
  const taught = async (change: Partial<TeacherOptions> = {}) => {
    const made = teacherOf(undefined, { conversations, ...change });
    const said = await made.teacher.teach(requester, own(), TEXT, never, SEED);
    return { ...made, said };
  };

  test("is written where nothing of it is known, and elsewhere as far as it is lacking", async () => {
    const { orders: all } = await taught();
    assert.equal(all.length, 3);
    const inOrder = [...all].sort((a, b) => TEXT.indexOf(textOf(a)) - TEXT.indexOf(textOf(b)));
    write(inOrder, "first", (part) => (["closed", 100, 0] as const)[part]!);
    const { orders, said } = await taught();
    assert.deepEqual(orders.map(textOf).sort(), inOrder.slice(1).map(textOf).sort());
    const second = orders.find((order) => textOf(order) === textOf(inOrder[1]!))!;
    assert.deepEqual(second.request, inOrder[1]!.request);
    assert.deepEqual(second.answered, second.prompt.slice(0, 100), "what is known to be written is not written again");
    const [left] = conversations.answersTo(requestId(crypto, second.request));
    assert.deepEqual(second.continues, left?.id);
    assert.equal(said.tokens, TEXT.length);
    assert.equal(said.turns.length, 5, "three that were begun before, two that go on from them");

    write(inOrder.slice(1), "rest", () => "closed");
    const done = await taught();
    assert.deepEqual(done.orders, []);
    assert.equal(done.said.tokens, TEXT.length);
    assert.deepEqual(done.said.authors, [operatorAt(1).operator]);
  });

  test("waits for what may still come in, or is being finished, and stops waiting with who asks", async () => {
    const looked: (Turn | undefined)[] = [];
    const mayChange = (turn: Turn | undefined) => looked.push(turn) < 3;
    const stop = new AbortController();
    const { teacher } = teacherOf(undefined, { conversations, mayChange });
    await teacher.teach(requester, own(), "another text", stop.signal, SEED);
    assert.equal(looked.length, 3);
    const patient = teacherOf(undefined, { conversations, mayChange: () => true }).teacher;
    const waiting = patient.teach(requester, own(), "a third text", stop.signal, SEED);
    stop.abort(new WeftError("shutting_down", "the worker stops"));
    await assert.rejects(waiting, { code: "shutting_down" });
  });

  test("is not taken for written where somebody wrote something else, or less", async () => {
    const { orders } = await taught({ conversations: { answersTo: () => [].values() as never, tokens: () => [] } });
    const other = new TrackWriter(operatorAt(2), "other");
    const { request, prompt } = orders.find((order) => textOf(order).length < 100)!;
    other
      .open(request)
      .tokens("given", [...prompt])
      .tokens("written", [1])
      .close("end");
    feed(replica, [other.seal()]);
    const { said } = await taught();
    assert.ok(!said.authors.some((author) => toHex(author) === toHex(operatorAt(2).operator)));
  });
});

test("texts that are none, too long, or hold what ends one, are refused; so is an author that writes something else", async () => {
  const { teacher, orders } = teacherOf();
  const refused = (text: string, code: string) =>
    assert.rejects(teacher.teach(requester, own(), text, never), { code, field: "text" });
  await refused("", "out_of_range");
  await refused("a\0b", "out_of_range");
  await refused("a".repeat(LIMIT_TAUGHT + 1), "too_large");
  assert.equal(orders.length, 0);
  const lying = teacherOf((part) => part.map((id) => id ^ 1)).teacher;
  await assert.rejects(lying.teach(requester, own(), "truth", never), { code: "carried_mismatch" });
});

test("a gate is chosen by the last tokens of the prompt; too many at once are refused", async () => {
  const ids = byteTokenizer.encode("a lamp of green glass ".repeat(20));
  const memory = Memories.empty(crypto)
    .add(MEMORY, incrementsOf({ memory: MEMORY, first: 0, from: 0, ids }))
    .of(memoryId(crypto, MEMORY)) as Memory;
  const scorer = new GateScorer(copier);
  // The copier is certain that a text ends before it has: whatever the memory says is better.
  assert.equal(await scorer.choose(ids, memory, never), "strong");
  assert.equal(await scorer.choose(ids.slice(0, 1), memory, never), "off", "nothing to choose by");
  // Of its copy it is certain, and rightly: the last 256 tokens are such.
  assert.equal(await scorer.choose([...ids, COPY_END, ...ids.slice(0, 256)], memory, never), "off");
  const all = Array.from({ length: 5 }, () => scorer.choose(ids, memory, never));
  const outcomes = await Promise.allSettled(all);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [...Array(4).fill("fulfilled"), "rejected"],
  );
  await assert.rejects(all[4], { code: "busy" });
  assert.equal(await scorer.choose(ids, memory, never), "strong", "places are given back");
});

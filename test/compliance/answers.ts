import assert from "node:assert/strict";
import { test } from "node:test";
import { equal } from "../../offchain/core/bytes.ts";
import { type Checkpoint, encodeCheckpoint } from "../../offchain/core/checkpoint.ts";
import { type CutEntry, encodeEntries } from "../../offchain/core/cut.ts";
import type { Answer, Question } from "../../offchain/core/events.ts";
import { Memories } from "../../offchain/core/memories.ts";
import {
  FIRST_CELL,
  LIMIT_MEMORY_PAGE_BYTES,
  type MemoryCursor,
  pageOf,
  withPart,
} from "../../offchain/core/memory-page.ts";
import type { AttestReply, Proposal } from "../../offchain/core/proposal.ts";
import {
  STATED_TREES,
  type StatedTree,
  TREE_PAGE_BYTES,
  type TreeRequest,
  treePageOf,
} from "../../offchain/core/stated-tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { MEMORY } from "../helpers/core.ts";
import { bytes, type Member } from "./member.ts";
import { connected, type Net } from "./net.ts";

export const checkpoint: Checkpoint = {
  number: 1,
  parent: bytes(32),
  registryPosition: 3,
  registryHash: bytes(32),
  cutRoot: bytes(32),
  entryCount: 1,
  segmentsRoot: bytes(32),
  segmentCount: 1,
  memoryRoot: bytes(32),
  memoryTraceRoot: bytes(32),
};
const advance = { operator: bytes(20), incarnation: bytes(16), sequence: 4, head: bytes(32) };
const proposal: Proposal = { checkpoint, advances: [advance] };

let lastId = 0;

const isFinal = (answer: Answer) => answer.type !== "segments" || answer.last;

/** Asks, and waits for the final answer. */
export async function ask(net: Net, member: Member, to: Member | Uint8Array, question: Question): Promise<Answer[]> {
  const id = ++lastId;
  member.mesh.ask(id, to instanceof Uint8Array ? to : to.operator, question);
  assert.deepEqual(member.answersTo(id), [], "never within the call");
  await net.until(`${question.type} is answered`, () => member.answersTo(id).some(isFinal));
  return member.answersTo(id);
}

export const failure = (answers: readonly Answer[]): string | undefined => {
  const last = answers.at(-1);
  return last?.type === "failed" ? last.error.code : undefined;
};

/** The whole answer to a fetch, which must not fail. */
function sequencesOf(answers: readonly Answer[]): number[] {
  assert.ok(answers.every((answer, i) => answer.type === "segments" && answer.last === (i === answers.length - 1)));
  return answers.flatMap((answer) =>
    answer.type === "segments" ? answer.segments.map(({ segment }) => segment.header.sequence) : [],
  );
}

export function answers(open: () => Net): void {
  test("fetch gives a range of any track that is held, and ends early where there is no more", async () => {
    const net = open();
    const [a, b, c] = [await net.member(), await net.member(), await net.member()];
    for (let i = 0; i < 1100; i++) a.seal();
    const encoded = c.seal(100_000);
    a.keep(encoded);
    await connected(net, a, b);
    await net.until("b is quiet", () => b.segments.length === 1100);
    const fetch = (from: number, to: number) => ask(net, b, a, { type: "fetch", track: a.track, from, to });
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
    assert.deepEqual(sequencesOf(await fetch(5, 9)), range(5, 9));
    assert.deepEqual(sequencesOf(await fetch(1, 1100)), range(1, 1100), "more than one call may ask for");
    assert.deepEqual(sequencesOf(await fetch(1095, 9999)), range(1095, 1100));
    assert.deepEqual(sequencesOf(await fetch(2000, 2010)), []);
    const [answer] = await ask(net, b, a, { type: "fetch", track: c.track, from: 1, to: 1 });
    assert.equal(answer.type === "segments" && answer.segments[0].size, encoded.length);
    assert.deepEqual([a.faults, b.faults], [[], []]);
  });

  test("cut gives the entries, or that there are none", async () => {
    const net = open();
    const entries: CutEntry[] = Array.from({ length: 5000 }, (_, i) => ({ ...advance, ended: false, first: i }));
    const cut = { checkpoint: encodeCheckpoint(checkpoint), entries: encodeEntries(entries) };
    const a = await net.member({ cut: (number) => (number === 1 ? cut : undefined) });
    const b = await net.member();
    await connected(net, a, b);
    assert.deepEqual(await ask(net, b, a, { type: "cut", number: 1 }), [{ type: "cut", entries }]);
    assert.deepEqual(await ask(net, b, a, { type: "cut", number: 2 }), [{ type: "cut", entries: undefined }]);
  });

  test("memory gives a page of memories from a cell on, or that there are none", async () => {
    const net = open();
    const increments = Array.from({ length: 20_000 }, (_, i) => ({ order: 1, row: i >> 8, column: i % 256, count: 1 }));
    const memories = Memories.empty(crypto).add(MEMORY, increments);
    const a = await net.member({ memory: (number, from) => (number === 1 ? pageOf(memories, from) : undefined) });
    const b = await net.member();
    await connected(net, a, b);
    let from: MemoryCursor | undefined = FIRST_CELL;
    let told = Memories.empty(crypto);
    let pages = 0;
    for (; from; pages++) {
      const [answer] = await ask(net, b, a, { type: "memory", number: 1, from });
      assert.ok(answer.type === "memory" && answer.page);
      assert.ok(answer.size <= LIMIT_MEMORY_PAGE_BYTES && answer.size > 0);
      for (const part of answer.page.parts) told = withPart(crypto, told, part);
      from = answer.page.next;
    }
    assert.equal(pages, 2);
    assert.deepEqual(told.root, memories.root);
    assert.deepEqual(await ask(net, b, a, { type: "memory", number: 2, from: FIRST_CELL }), [
      { type: "memory", page: undefined, size: 0 },
    ]);
    assert.deepEqual([a.faults, b.faults], [[], []]);
  });

  for (const tree of Object.keys(STATED_TREES) as StatedTree[])
    test(`tree gives a page of a checkpoint's leaves from one on, or that there are none: ${tree}`, async () => {
      const { leafBytes } = STATED_TREES[tree];
      const most = Math.floor(TREE_PAGE_BYTES / leafBytes);
      const net = open();
      const leaves = Array.from({ length: most + 900 }, (_, i) => bytes(leafBytes).fill(i & 255, 0, 1));
      const hash = bytes(32);
      const asked: TreeRequest[] = [];
      const a = await net.member({
        tree(request) {
          asked.push(request);
          return equal(request.hash, hash) ? treePageOf(request.tree, leaves, request.first) : undefined;
        },
      });
      const b = await net.member();
      await connected(net, a, b);
      const question = { number: 7, hash, tree } as const;
      const tell = (other: Partial<TreeRequest>) => ask(net, b, a, { type: "tree", ...question, first: 0, ...other });
      const told: Uint8Array[] = [];
      for (let more = true; more && told.length < leaves.length; ) {
        const [answer] = await tell({ first: told.length });
        assert.ok(answer.type === "tree" && answer.page);
        told.push(...answer.page.leaves);
        more = answer.page.more;
      }
      assert.ok(Buffer.concat(told).equals(Buffer.concat(leaves))); // what differs would take minutes to print
      const pages = [0, most].map((first) => ({ ...question, first }));
      assert.deepEqual(asked, pages);
      const page = { leaves: [], more: false };
      assert.deepEqual(await tell({ first: leaves.length }), [{ type: "tree", page }]);
      assert.deepEqual(await tell({ hash: bytes(32).fill(1) }), [{ type: "tree", page: undefined }]);
      assert.deepEqual([a.faults, b.faults], [[], []]);

      for (const odd of [{ hash: bytes(31) }, { first: STATED_TREES[tree].most + 1 }]) await tell(odd);
      assert.ok(a.faults.length === 2 && a.faults.every(({ kind }) => kind === "malformed"));
    });

  test("a proposal reaches its attester, and every kind of reply who asked", async () => {
    const net = open();
    const replies: AttestReply[] = [
      { type: "attested", signature: bytes(65) },
      { type: "missing", tracks: [{ operator: bytes(20), incarnation: bytes(16), have: 3 }] },
      { type: "refused", code: "busy", message: "not now" },
    ];
    const asked: Proposal[] = [];
    const a: Member = await net.member({
      attest(_from, ticket, given) {
        a.mesh.reply(ticket, replies[asked.push(given) - 1]);
      },
    });
    const b = await net.member();
    await connected(net, a, b);
    for (const reply of replies)
      assert.deepEqual(await ask(net, b, a, { type: "attest", proposal }), [{ type: "attest", reply }]);
    assert.deepEqual(asked, [proposal, proposal, proposal]);
    a.mesh.reply(1, replies[0]);
    a.mesh.reply(999, replies[0]);
    await net.pass(50);
    assert.equal(b.answers.length, 3, "a ticket is good for one reply");
    assert.deepEqual(a.faults, []);
  });

  test("a question that nobody can answer fails: an unknown peer, one that is away, one that throws", async () => {
    const net = open();
    const boom = () => {
      throw new Error("a secret");
    };
    const a = await net.member({ cut: boom, fetch: boom, attest: boom, memory: boom, tree: boom });
    const [b, c] = [await net.member(), await net.member()];
    await connected(net, a, b);
    const questions: Question[] = [
      { type: "attest", proposal },
      { type: "cut", number: 1 },
      { type: "fetch", track: a.track, from: 1, to: 2 },
      { type: "memory", number: 1, from: FIRST_CELL },
      { type: "tree", number: 1, hash: bytes(32), tree: "trace", first: 0 },
    ];
    for (const question of questions) {
      assert.equal(failure(await ask(net, b, c, question)), "unknown_peer");
      const given = await ask(net, b, a, question);
      assert.equal(failure(given), "internal");
      assert.ok(!JSON.stringify(given).includes("secret"));
    }
    assert.deepEqual(
      a.faults.map(({ kind }) => kind),
      questions.map(() => "handler"),
    );
    net.cut(a);
    await net.until("b sees it", () => !b.mesh.peers()[0].up);
    for (const question of questions) assert.equal(failure(await ask(net, b, a, question)), "unavailable");
    const bad: Question = { type: "attest", proposal: { checkpoint, advances: [{ ...advance, head: bytes(31) }] } };
    assert.equal(failure(await ask(net, b, a, bad)), "out_of_range");
  });

  test("a peer that goes away in the middle of its answer has failed, once", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    net.throttle(a, 5_000);
    await connected(net, a, b);
    for (let i = 0; i < 100; i++) a.seal(400_000);
    b.mesh.ask(1001, a.operator, { type: "attest", proposal });
    b.mesh.ask(1002, a.operator, { type: "fetch", track: a.track, from: 1, to: 100 });
    await net.until("both are under way", () => a.tickets.length === 1 && b.answersTo(1002).length > 0);
    net.cut(a);
    await net.until(
      "both have failed",
      () => failure(b.answersTo(1001)) === "unavailable" && !!failure(b.answersTo(1002)),
    );
    a.mesh.reply(a.tickets[0], { type: "refused", code: "late", message: "" });
    net.mend(a);
    await net.until("they are connected again", () => b.mesh.peers()[0].up);
    assert.deepEqual(
      [1001, 1002].map((id) => b.answersTo(id).filter(isFinal).length),
      [1, 1],
    );
  });

  test("what is forgotten is not answered, not even with what has come already", async () => {
    const net = open();
    const a = await net.member();
    const b: Member = await net.member({
      answered(id, answer) {
        b.answers.push({ id, answer });
        b.mesh.forget(id);
      },
    });
    await connected(net, a, b);
    for (let i = 0; i < 50; i++) a.seal(100_000);
    b.mesh.ask(2001, a.operator, { type: "attest", proposal });
    await net.until("it is asked", () => a.tickets.length === 1);
    b.mesh.forget(2001);
    b.mesh.forget(2001);
    b.mesh.ask(2002, a.operator, { type: "cut", number: 1 });
    b.mesh.forget(2002);
    b.mesh.ask(2003, a.operator, { type: "fetch", track: a.track, from: 1, to: 50 });
    await net.until("the first part", () => b.answersTo(2003).length > 0);
    a.mesh.reply(a.tickets[0], { type: "refused", code: "late", message: "" });
    await net.pass(300);
    assert.deepEqual(
      [2001, 2002, 2003].map((id) => b.answersTo(id).length),
      [0, 0, 1],
    );
    assert.ok(!b.answersTo(2003).some(isFinal));
    assert.equal((await ask(net, b, a, { type: "cut", number: 1 })).length, 1);
    assert.deepEqual([a.faults, b.faults], [[], []]);
  });

  test("a peer has a bounded number of calls at once", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    await connected(net, a, b);
    const ids = Array.from({ length: 130 }, (_, i) => 4000 + i);
    for (const id of ids) b.mesh.ask(id, a.operator, { type: "attest", proposal });
    const codes = () => ids.map((id) => failure(b.answersTo(id)));
    await net.until("some are asked, and some refused", () => {
      return a.tickets.length + codes().filter((code) => code === "too_many_calls").length === 130;
    });
    assert.equal(a.tickets.length, 125, "128 less three subscriptions");
    for (const ticket of a.tickets) a.mesh.reply(ticket, { type: "refused", code: "busy", message: "" });
    await net.until("all are answered", () => ids.every((id) => b.answersTo(id).length === 1));
    assert.ok(b.mesh.peers()[0].up);
  });

  test("a peer that leaves the registry has failed what it was asked", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    await connected(net, a, b);
    b.mesh.ask(3001, a.operator, { type: "attest", proposal });
    await net.until("it is asked", () => a.tickets.length === 1);
    b.mesh.setPeers([]);
    assert.deepEqual(b.answersTo(3001), [], "never within the call");
    await net.until("it has failed", () => failure(b.answersTo(3001)) !== undefined);
  });
}

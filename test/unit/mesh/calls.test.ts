import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { Context } from "../../../offchain/core/context.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import type { GenerateEvent, GenerateOrder } from "../../../offchain/core/generate.ts";
import { decodeSegment } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { ask, bytes, closeAll, closed, connected, until, type Worker, worker } from "./harness.ts";

afterEach(closeAll);

const checkpoint: Checkpoint = {
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
const prompt = [1, 2, 3];
const order: GenerateOrder = {
  request: {
    requester: bytes(32),
    nonce: bytes(32),
    model: bytes(32),
    before: { root: Context.empty(crypto).root, length: 0 },
    after: { root: Context.of(crypto, prompt).root, length: prompt.length },
    parameters: { temperature: 0, stop: [] },
    maxLength: 8,
  },
  prompt,
  answered: [],
};

const codeIs = (code: string) => (error: unknown) => error instanceof WeftError && error.code === code;
const never = () => new AbortController().signal;

async function collect<V>(all: AsyncIterable<V>): Promise<V[]> {
  const out: V[] = [];
  for await (const one of all) out.push(one);
  return out;
}

test("fetch gives any range of a track, beyond one call's bound, and what there is of it", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  for (let i = 0; i < 2100; i++) a.write(16);
  await connected(a, b);
  const track = { operator: a.operator, incarnation: a.incarnation };
  const fetched = async (from: number, to: number) => {
    const given = await ask(b, a.operator, { type: "fetch", track, from, to });
    const parts = given.map((one) => (one.type === "segments" ? one : assert.fail(one.type)));
    assert.ok(parts.every(({ last }, i) => last === (i === parts.length - 1)));
    return parts.flatMap(({ segments }) => segments);
  };
  const sequences = (all: Awaited<ReturnType<typeof fetched>>) => all.map(({ segment }) => segment.header.sequence);
  const counted = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const some = await fetched(5, 9);
  assert.deepEqual(
    some,
    a.stored.slice(4, 9).map((stored) => ({ segment: decodeSegment(stored), size: stored.length })),
  );
  assert.deepEqual(sequences(await fetched(1, 2100)), counted(1, 2100));
  assert.deepEqual(sequences(await fetched(2095, 9999)), counted(2095, 2100));
  assert.deepEqual(await fetched(3000, 3010), []);
  await closed(a, b);
});

test("a peer that does not answer a proposal in time is not waited for", async () => {
  const tickets: number[] = [];
  const a = await worker({ handlers: { attest: (_from, ticket) => void tickets.push(ticket) } });
  const b = await worker();
  await connected(a, b);
  const began = performance.now();
  const [answer] = await ask(b, a.operator, { type: "attest", proposal: { checkpoint, advances: [] } });
  assert.equal(answer.type === "failed" && answer.error.code, "deadline");
  assert.ok(performance.now() - began > 4000);
  await sleep(50);
  a.mesh.reply(tickets[0], { type: "refused", code: "late", message: "" });
  assert.deepEqual(a.faults, []);
  await closed(a, b);
});

type Author = { worker: Worker; signals: AbortSignal[]; steps: (signal: AbortSignal) => AsyncIterable<GenerateEvent> };

async function author(steps: Author["steps"]): Promise<Author> {
  const self: Author = { steps, signals: [], worker: undefined as unknown as Worker };
  self.worker = await worker({
    handlers: {
      generate(_from, given, signal) {
        assert.deepEqual(given, order);
        self.signals.push(signal);
        return self.steps(signal);
      },
    },
  });
  return self;
}

async function* forever(signal: AbortSignal): AsyncGenerator<GenerateEvent> {
  for (let first = 0; !signal.aborted; first++) {
    yield { type: "tokens", first, ids: [first] };
    await sleep(5);
  }
}

test("generate streams, and tells either side when the other stops", async () => {
  const events: GenerateEvent[] = [
    { type: "opened", turn: bytes(32), attached: 2, prefilled: 1 },
    { type: "tokens", first: 3, ids: [7, 8] },
    { type: "closed", reason: "end", length: 2 },
  ];
  const a = await author(async function* () {
    yield* events;
  });
  const b = await worker();
  await connected(a.worker, b);
  const { operator } = a.worker;
  assert.deepEqual(await collect(b.mesh.generate(operator, order, never())), events);

  a.steps = forever;
  const stop = new AbortController();
  await assert.rejects(async () => {
    for await (const event of b.mesh.generate(operator, order, stop.signal))
      if (event.type === "tokens" && event.first === 3) stop.abort();
  }, codeIs("cancelled"));
  await until("the author hears of it", () => a.signals[1].aborted);

  for await (const event of b.mesh.generate(operator, order, never())) if (event.type === "tokens") break;
  await until("the author hears of it", () => a.signals[2].aborted);

  a.steps = async function* () {
    yield events[0];
    throw new WeftError("disk_full", "no new turns");
  };
  await assert.rejects(collect(b.mesh.generate(operator, order, never())), codeIs("disk_full"));
  a.steps = async function* () {
    yield events[0];
    throw new Error("a secret path");
  };
  await assert.rejects(
    collect(b.mesh.generate(operator, order, never())),
    (error) => codeIs("internal")(error) && !String(error).includes("secret"),
  );
  await closed(a.worker, b);
});

test("the death of an author ends its streams at once, and a call to it fails soon", async () => {
  const a = await author(forever);
  const b = await worker();
  await connected(a.worker, b);
  const { operator } = a.worker;
  let began = 0;
  await assert.rejects(
    async () => {
      for await (const event of b.mesh.generate(operator, order, never()))
        if (event.type === "tokens" && event.first === 3) {
          began = performance.now();
          void a.worker.mesh.close();
        }
    },
    (error) => error instanceof WeftError,
  );
  assert.ok(performance.now() - began < 500);
  assert.ok(a.signals[0].aborted);
  began = performance.now();
  await assert.rejects(collect(b.mesh.generate(operator, order, never())), codeIs("unavailable"));
  const [answer] = await ask(b, operator, { type: "cut", number: 1 });
  assert.equal(answer.type === "failed" && answer.error.code, "unavailable");
  assert.ok(performance.now() - began < 3000);
  await closed(a.worker, b);
});

test("a session has a bounded number of calls", async () => {
  const a = await author(forever);
  const b = await worker();
  await connected(a.worker, b);
  const stop = new AbortController();
  const calls = Array.from({ length: 130 }, () => collect(b.mesh.generate(a.worker.operator, order, stop.signal)));
  const failed = Promise.all(calls.map((call) => call.catch((error: WeftError) => error.code)));
  await until("all that fit have begun", () => a.signals.length >= 125);
  await sleep(50);
  assert.equal(a.signals.length, 125, "128 less three subscriptions");
  assert.ok(b.mesh.peers()[0].up);
  stop.abort();
  const codes = (await failed).map(String);
  assert.equal(codes.filter((code) => code === "too_many_calls").length, 5);
  await closed(a.worker, b);
});

test("a closed mesh leaves nothing open: the process ends by itself", async () => {
  const script = `
    import { closed, connected, worker } from ${JSON.stringify(join(import.meta.dirname, "harness.ts"))};
    const all = await Promise.all([worker(), worker(), worker()]);
    await connected(...all);
    all[0].write();
    all[1].mesh.ask(1, all[0].operator, { type: "fetch", track: all[0], from: 1, to: 1 });
    all[2].mesh.setPeers([{ ...all[0].peer, endpoint: "127.0.0.1:1" }]);
    await closed(...all);
    console.log("closed");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  let at = 0;
  child.stdout.on("data", (chunk) => {
    said += chunk;
    at = performance.now();
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 8000);
  const code = await new Promise((resolve) => child.on("exit", resolve));
  clearTimeout(timer);
  assert.deepEqual([code, said], [0, "closed\n"]);
  assert.ok(performance.now() - at < 1000, "at once");
});

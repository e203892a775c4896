import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Admission } from "../../offchain/core/admission.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import type { Consensus } from "../../offchain/core/consensus.ts";
import { Conversations } from "../../offchain/core/conversations.ts";
import { incrementsOf } from "../../offchain/core/fold.ts";
import type { GenerateEvent, GenerateOrder } from "../../offchain/core/generate.ts";
import { Memories } from "../../offchain/core/memories.ts";
import { latestView, readingOf } from "../../offchain/core/reading.ts";
import { requestId } from "../../offchain/core/request.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { createCopier } from "../../offchain/inference/copy.ts";
import { byteTokenizer } from "../../offchain/inference/tokenizer.ts";
import type { Author } from "../../offchain/node/author.ts";
import { Gateway } from "../../offchain/node/gateway.ts";
import { MemoryCatalog } from "../../offchain/node/memory-catalog.ts";
import { memoryPorts } from "../../offchain/node/memory-desk.ts";
import { TaughtOnce } from "../../offchain/node/taught-once.ts";
import { Teacher } from "../../offchain/node/teacher.ts";
import { foundingEvents, operatorAt, replicaOf } from "../helpers/core.ts";
import { fakePorts, post, serve } from "../unit/api/fixture.ts";

/** DESIGN §3, over HTTP: whatever clients ask for, by whatever name or id, their memories never mix. */

const TENANTS = ["alice", "bob", undefined] as const;
const NAMES = ["notes", "diary"] as const;
const keys = operatorAt(0);
const random = (count: number) => globalThis.crypto.getRandomValues(new Uint8Array(count));
const replica = replicaOf(keys, foundingEvents([keys]));

/** A worker that checkpoints each turn by itself: what was taught is there at once. */
function desk() {
  const copier = createCopier(byteTokenizer).model;
  const model = { ...copier, id: new Uint8Array(32).fill(5), name: "weft-austen" };
  const hash = new Uint8Array(32).fill(6);
  let memories = Memories.empty(crypto);
  const source = {
    standing: [0],
    committed: () => ({ hash, cut: {} }),
    memoriesAt: () => memories,
  } as unknown as Consensus;
  /** What was read, by request: the memory's cells. */
  const read = new Map<string, number[]>();
  const author = {
    async *generate(_gateway: Uint8Array, order: GenerateOrder): AsyncGenerator<GenerateEvent> {
      const { request, prompt, learn } = order;
      const rows = readingOf(source, request)?.memory.rows.entries() ?? [];
      read.set(
        toHex(requestId(crypto, request)),
        [...rows].flatMap(([, row]) => [...(row?.cells() ?? [])].map(([column]) => column)),
      );
      yield { type: "opened", turn: new Uint8Array(32).fill(1), attached: 0, prefilled: prompt.length };
      const ids = prompt.slice(0, request.maxLength);
      yield { type: "tokens", first: prompt.length, ids };
      if (learn)
        memories = memories.add(
          learn,
          incrementsOf({ memory: learn, first: prompt.length, from: 0, ids: [...prompt, ...ids] }),
        );
      yield { type: "closed", reason: "length", length: prompt.length + ids.length };
    },
  } as unknown as Author;
  const catalog = new MemoryCatalog({
    hashing: crypto,
    model: { class: "exact", vocab: 256 },
    names: { all: () => [], put: () => {}, drop: () => {} },
    view: () => latestView(source),
  });
  const gateway = new Gateway({
    crypto,
    self: keys.operator,
    model,
    author,
    admission: { load: 0 } as Admission,
    authors: { up: () => [], generate: () => assert.fail("there is nobody else"), lastBeat: () => 0 },
    conversations: new Conversations(crypto, replica),
    replica,
    consensus: source,
    catalog,
    gates: { choose: async () => "strong" },
    random,
    now: () => 0,
    silenceMs: 1_000,
    onTakeover: () => {},
  });
  const conversations = new Conversations(crypto, replica);
  const around = { crypto, self: keys.operator, copier, gateway, conversations, mayChange: () => false };
  const teacher = new Teacher({ ...around, up: () => [], random });
  const table = { find: () => undefined, begin() {}, end() {} };
  const once = new TaughtOnce({ hashing: crypto, teacher, table, time: () => 0 });
  return {
    read,
    ports: fakePorts({
      complete: (request, signal) => gateway.complete(request, signal),
      memories: memoryPorts(catalog, teacher, once),
    }),
  };
}

/** What each client writes into each of its memories, and nobody writes anywhere else. */
const LETTERS = new Map(
  TENANTS.flatMap((tenant, i) => NAMES.map((name, j) => [`${tenant} ${name}`, String.fromCharCode(65 + 2 * i + j)])),
);
const letterOf = (tenant: string | undefined, name: string) => LETTERS.get(`${tenant} ${name}`) as string;

const tenant = fc.constantFrom(...TENANTS);
const name = fc.constantFrom(...NAMES);
const command = fc.record({
  type: fc.constantFrom("teach", "teach", "show", "ask", "ask", "list"),
  tenant,
  name,
  /** Whose id is put into the request, and of what name. */
  isOwn: fc.boolean(),
  other: tenant,
  ofName: name,
  by: fc.constantFrom("name", "id", "both"),
  learn: fc.boolean(),
});

test("two clients' memories never mix, whatever they ask for by whatever name or id", async () => {
  let answered = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 6, maxLength: 30 }), async (commands) => {
      const { read, ports } = desk();
      const api = await serve(ports);
      const call = async (who: string | undefined, method: string, path: string, body?: object) => {
        const response = await fetch(api.url + path, {
          method,
          headers: {
            ...(body && { "content-type": "application/json" }),
            ...(who && { authorization: `Bearer ${who}` }),
          },
          body: body && JSON.stringify(body),
        });
        // biome-ignore lint/suspicious/noExplicitAny: whatever the worker says
        return { status: response.status, body: (await response.json()) as any };
      };
      const ids = new Map<string, string>();
      const idOf = async (who: string | undefined, called: string) => {
        const made = await call(who, "POST", "/v1/memories", { name: called });
        assert.equal(made.status, 200);
        ids.set(`${who} ${called}`, made.body.id);
        return made.body.id as string;
      };
      try {
        for (const { type, tenant: who, name: called, isOwn, other, ofName, by, learn } of commands) {
          const of = isOwn ? who : other;
          const id = await idOf(of, ofName);
          const owned = of === who && (by === "id" || ofName === called);
          if (type === "list") {
            const { data } = (await call(who, "GET", "/v1/memories")).body;
            for (const one of data) assert.equal(one.id, ids.get(`${who} ${one.name}`), "its own, and nothing else");
          } else if (type === "show" || type === "teach") {
            const name = by === "id" ? undefined : called;
            const { status } =
              type === "show"
                ? await call(who, "GET", `/v1/memories/${id}${name ? `?name=${name}` : ""}`)
                : await call(who, "POST", `/v1/memories/${id}/teach`, {
                    text: letterOf(who, by === "id" ? ofName : called).repeat(20),
                    name,
                  });
            assert.equal(status, owned ? 200 : 404);
          } else if (type === "ask") {
            const own = by === "name" ? called : ofName;
            const letter = letterOf(who, own);
            const { status, body } = await call(who, "POST", "/v1/completions", {
              model: "weft-austen",
              prompt: letter.repeat(9),
              max_tokens: 5,
              memory: { ...(by !== "id" && { name: called }), ...(by !== "name" && { id }), gate: "strong", learn },
            });
            assert.equal(status, owned || by === "name" ? 200 : 404);
            if (status !== 200) {
              refused += 1;
              continue;
            }
            const columns = read.get(body.weft.request_id) as number[];
            for (const column of columns) assert.equal(String.fromCharCode(column), letter);
            answered += Number(columns.length > 0);
          }
        }
        assert.equal(new Set(ids.values()).size, ids.size, "each is a memory of its own");
      } finally {
        await api.close();
      }
    }),
    { numRuns: 80 },
  );
  assert.ok(answered > 20 && refused > 20, `${answered} answers read something, ${refused} were refused`);
});

test("a retry reads what the first try was told, nothing where that was nothing, and no other memory", async (t) => {
  const api = await serve(desk().ports);
  t.after(() => api.close());
  const ask = async (body: object) => {
    const response = await post(api.url, { model: "weft-austen", prompt: "aaaa", max_tokens: 2, ...body });
    // biome-ignore lint/suspicious/noExplicitAny: whatever the worker says
    return (await response.json()) as any;
  };
  const first = (await ask({ memory: { name: "notes", gate: "weak" } })).weft;
  assert.equal(first.memory.gate, "weak");
  const { request_id, nonce, history_length, memory } = first;
  const again = { request_id, nonce, history_length, memory };
  // The gate of the first try counts, whatever is asked for now.
  assert.equal((await ask({ memory: { name: "notes", gate: "strong" }, weft: again })).weft.request_id, request_id);
  for (const other of [{ memory: { name: "diary" } }, {}])
    assert.equal((await ask({ ...other, weft: again })).error.code, "request_mismatch");
  const without = (await ask({ memory: { name: "notes", gate: "off" } })).weft;
  assert.equal(without.memory, null);
  const retried = { request_id: without.request_id, nonce: without.nonce, history_length, memory: null };
  assert.equal((await ask({ memory: { name: "notes", gate: "strong" }, weft: retried })).weft.memory, null);
});

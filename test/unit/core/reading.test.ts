import assert from "node:assert/strict";
import { test } from "node:test";
import type { Committed } from "../../../offchain/core/checkpoints.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { latestView, readingOf } from "../../../offchain/core/reading.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY } from "../../helpers/core.ts";

const id = memoryId(crypto, MEMORY);
const EMPTY = Memories.empty(crypto);
const TAUGHT = EMPTY.add(MEMORY, [{ order: 0, row: 1, column: 2, count: 3 }]);

/** Checkpoints by number: their memories, where they are known. */
function chain(views: readonly (Memories | undefined)[], standing = views.map((_, number) => number)) {
  const committed = (number: number) =>
    number < views.length ? ({ hash: hashOf(`checkpoint ${number}`), cut: Cut.empty(crypto) } as Committed) : undefined;
  return { standing, committed, memoriesAt: (number: number) => views[number] };
}
const naming = (number: number, label = `checkpoint ${number}`) => ({
  memory: { id, gate: "weak" as const, checkpoint: { number, hash: hashOf(label) } },
});

test("a request reads the memory of the very checkpoint that it names, and of no later one", () => {
  const source = chain([EMPTY, EMPTY, TAUGHT]);
  assert.deepEqual(readingOf(source, naming(2)), { memory: TAUGHT.of(id), gate: "weak" });
  assert.equal(readingOf(source, naming(1)), undefined, "nobody had taught it by then");
  assert.equal(readingOf(source, {}), undefined);
});

test("a checkpoint that is not there, is another, fell, or whose memories are not known is refused", () => {
  const source = chain([EMPTY, TAUGHT, TAUGHT, undefined], [0, 1, 3]);
  for (const request of [naming(4), naming(1, "checkpoint 1 of another chain"), naming(2), naming(3)])
    assert.throws(() => readingOf(source, request), { code: "unknown_memory", field: "memory", remedy: /another/ });
});

test("a new request names the latest checkpoint whose memories are known", () => {
  const named = (source: ReturnType<typeof chain>) => latestView(source)?.checkpoint;
  assert.deepEqual(named(chain([EMPTY, TAUGHT])), { number: 1, hash: hashOf("checkpoint 1") });
  assert.deepEqual(named(chain([EMPTY, TAUGHT, undefined])), { number: 1, hash: hashOf("checkpoint 1") });
  assert.deepEqual(named(chain([EMPTY, TAUGHT, TAUGHT], [0, 1])), { number: 1, hash: hashOf("checkpoint 1") });
  assert.equal(latestView(chain([undefined])), undefined);
});

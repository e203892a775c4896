import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { CheckpointPart } from "../../../offchain/api/ports.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import { decodeSegment, HEADER_BYTES, SIGNATURE_BYTES } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { CheckpointPages } from "../../../offchain/node/checkpoint-pages.ts";
import type { Store } from "../../../offchain/store/store.ts";
import { type Sealed, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { members, StoredWorker } from "./stored.ts";

let worker: StoredWorker;
let first: Sealed[];
let second: Sealed[];
beforeEach(() => {
  worker = new StoredWorker();
  const [a, b] = [new TrackWriter(members[1], "a"), new TrackWriter(members[2], "b")];
  first = [...writeSegments(a, 2), ...writeSegments(b, 1)];
  worker.hold(...first);
  worker.commit(worker.propose());
  second = [...writeSegments(a, 150, 1), ...writeSegments(b, 150, 2)];
  worker.hold(...second);
  worker.commit(worker.propose());
});
afterEach(() => worker.end());

function pages(store: Pick<Store, "segment"> = worker.store): CheckpointPages {
  const { consensus } = worker.protocol;
  return new CheckpointPages({
    consensus,
    archive: new Archive(crypto, consensus, worker.store),
    store: store as Store,
  });
}

/** All pages of a part, one after another. */
function all(from: CheckpointPages, part: CheckpointPart, number: number): { items: string[]; sizes: number[] } {
  const [items, sizes]: [string[], number[]] = [[], []];
  for (let next: number | null = 0; next !== null; ) {
    const page = from.page(part, number, next);
    assert.equal(page.from, next);
    items.push(...page.items);
    sizes.push(page.items.length);
    next = page.next;
    assert.ok(sizes.length < 10, "pages come to an end");
  }
  return { items, sizes };
}

/** In the order of the segments tree: by slot of the track, then by sequence. */
function inOrder(segments: readonly Sealed[], number: number): Sealed[] {
  const { cut } = worker.protocol.consensus.committed(number)!;
  const slot = ({ header }: Sealed) => cut!.slot(header)!;
  return segments.toSorted((a, b) => slot(a) - slot(b) || a.header.sequence - b.header.sequence);
}

test("each checkpoint's segments and headers, those since its parent and no others, in the tree's order", () => {
  for (const [number, segments] of [[1, first] as const, [2, second] as const]) {
    const order = inOrder(segments, number);
    const whole = all(pages(), "segments", number).items;
    assert.deepEqual(
      whole.map((item) => decodeSegment(fromHex(item)).header),
      order.map(({ header }) => header),
    );
    const heads = all(pages(), "headers", number).items;
    assert.deepEqual(
      heads,
      whole.map((item) => item.slice(0, 2 + 2 * (HEADER_BYTES + SIGNATURE_BYTES))),
    );
  }
});

test("a cut's entries, also from the middle; the first checkpoint is empty", () => {
  const { hash } = worker.protocol.consensus.committed(2)!;
  const { items, next, ...page } = pages().page("cut", 2, 0);
  assert.deepEqual([page, next], [{ number: 2, hash: toHex(hash), from: 0 }, null]);
  assert.deepEqual(
    items.map((item) => item.slice(2, 42)).toSorted(),
    [members[1], members[2]].map(({ operator }) => toHex(operator).slice(2)).toSorted(),
  );
  assert.deepEqual(pages().page("cut", 2, 1).items, items.slice(1));
  for (const part of ["cut", "headers", "segments"] as const)
    assert.deepEqual([pages().page(part, 0, 0).items, pages().page(part, 0, 0).next], [[], null]);
});

test("a page has 256 segments and about 1 MiB at most, and at least one segment", () => {
  assert.deepEqual(all(pages(), "segments", 2).sizes, [256, 44]);
  assert.deepEqual(all(pages(), "headers", 2).sizes, [300]);
  const sized = (kilobytes: number) => {
    const bytes = new Uint8Array(kilobytes * 1024);
    return pages({ segment: (track, sequence) => ({ ...track, sequence, hash: bytes, bytes }) });
  };
  assert.equal(sized(512).page("segments", 2, 0).items.length, 2);
  assert.equal(sized(400).page("segments", 2, 7).next, 9);
  assert.equal(sized(2_000).page("segments", 2, 0).items.length, 1);
});

test("nothing is looked for in a false cut that leaps", () => {
  const committed = worker.protocol.consensus.committed(2)!;
  committed.cut = Cut.of(
    crypto,
    committed.cut!.entries.map((entry) => ({ ...entry, sequence: 2 ** 40 })),
  );
  for (const part of ["headers", "segments"] as const)
    assert.throws(() => pages().page(part, 2, 2 ** 39), { code: "not_found" });
});

test("behind the end there is nothing; what is not committed, or not held any more, is not found", () => {
  for (const part of ["cut", "headers", "segments"] as const) {
    const { items, next } = pages().page(part, 2, 100_000);
    assert.deepEqual([items, next], [[], null]);
    assert.throws(() => pages().page(part, 3, 0), { code: "not_found", field: "number" });
  }
  const forgetful = pages({ segment: () => undefined });
  assert.throws(() => forgetful.page("headers", 2, 0), { code: "not_found", remedy: "ask another worker" });
  worker.protocol.consensus.committed(1)!.cut = undefined;
  worker.store.write([{ type: "drop-checkpoints", from: 1 }]);
  assert.throws(() => pages().page("segments", 2, 0), { code: "not_found" }, "without the cut before");
});

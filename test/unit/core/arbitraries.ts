import fc from "fast-check";
import type { Beat } from "../../../offchain/core/beat.ts";
import { type Bytes, compare, toHex } from "../../../offchain/core/bytes.ts";
import type { ChainEvent } from "../../../offchain/core/chain.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { Advance, CutEntry } from "../../../offchain/core/cut.ts";
import type { GenerateEvent, GenerateOrder } from "../../../offchain/core/generate.ts";
import { LIMIT_COLUMNS, type MemoryDefinition } from "../../../offchain/core/memory-definition.ts";
import type { MemoryPage } from "../../../offchain/core/memory-page.ts";
import type { AttestReply } from "../../../offchain/core/proposal.ts";
import type { Request } from "../../../offchain/core/request.ts";
import type { Header, Segment, SignedHeader } from "../../../offchain/core/segment.ts";
import { CLOSE_REASONS, type Parent, type Snapshot, TOKEN_KINDS } from "../../../offchain/core/snapshot.ts";

/** Any value that the formats admit, at and between their bounds. */

export const bytes = (length: number): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => new Uint8Array(array));
const some = (most: number): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ maxLength: most }).map((array) => new Uint8Array(array));
export const hash: fc.Arbitrary<Bytes> = bytes(32).filter((value) => value.some(Boolean));
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 0xffffffff }));
const u64 = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const ids = (least: number) => fc.array(u32, { minLength: least, maxLength: 20 });
const text = (most: number) =>
  fc.string({ unit: "grapheme", maxLength: most }).filter((value) => Buffer.byteLength(value) <= most);

/** Plain objects, as decoders make them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

/** Leaves optional fields out where they are undefined, as decoders do. */
const without = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

export const definition: fc.Arbitrary<MemoryDefinition> = record({
  columns: fc.integer({ min: 1, max: LIMIT_COLUMNS }),
  orders: fc.subarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 1 }),
  salt: bytes(32),
  writers: fc.uniqueArray(bytes(20), { maxLength: 4, selector: toHex }).map((writers) => writers.sort(compare)),
});

/** With cells of its first rows. */
export const page: fc.Arbitrary<MemoryPage> = record({
  next: fc.option(record({ slot: fc.nat({ max: 2 ** 40 }), row: fc.nat(), column: fc.nat() }), { nil: undefined }),
  sizes: fc.array(fc.array(fc.nat({ max: 3 }), { maxLength: 3 }), { maxLength: 3 }),
  count: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
}).map(({ next, sizes, count }) => ({
  next,
  parts: sizes.map((rows, i) => ({
    memory: { columns: 64, orders: [1, i + 2], salt: new Uint8Array(32).fill(i + 1), writers: [] },
    rows: rows.map((size, row) => ({
      row: row * 40_000,
      cells: Array.from({ length: size }, (_, column) => [column * 20, count]).flat(),
    })),
  })),
}));

export const track = { operator: bytes(20), incarnation: bytes(16) };

export const request: fc.Arbitrary<Request> = record({
  requester: bytes(32),
  nonce: bytes(32),
  model: bytes(32),
  before: record({ root: hash, length: u32 }),
  after: record({ root: hash, length: u32 }),
  parameters: record({
    temperature: fc.integer({ min: 0, max: 1000 }),
    stop: fc.array(
      text(64).filter((value) => value !== ""),
      { maxLength: 4 },
    ),
  }),
  maxLength: u32,
  memory: fc.option(
    record({
      id: bytes(32),
      checkpoint: record({ number: u64, hash: bytes(32) }),
      gate: fc.constantFrom("weak" as const, "medium" as const, "strong" as const),
    }),
    { nil: undefined },
  ),
}).map((value) => {
  const [least, most] = [value.before.length, value.after.length].sort((a, b) => a - b) as [number, number];
  return without({
    ...value,
    before: { ...value.before, length: least },
    after: { ...value.after, length: most },
  });
});

const place = record({ sequence: u64, index: u32 });
const parent: fc.Arbitrary<Parent> = record({
  checkpoint: record({ number: u64, hash }),
  turn: hash,
  position: u32,
});

export const snapshot: fc.Arbitrary<Snapshot> = fc.oneof(
  record({
    type: fc.constant("open" as const),
    requestId: bytes(32),
    request,
    parent: fc.option(parent, { nil: undefined }),
    start: record({ length: u32, peaks: fc.array(bytes(32), { maxLength: 24 }) }),
    continues: fc.option(hash, { nil: undefined }),
  }).map(without),
  record({
    type: fc.constant("tokens" as const),
    turn: bytes(32),
    previous: place,
    first: u32,
    kind: fc.constantFrom(...TOKEN_KINDS),
    root: hash,
    rowsDigest: hash,
    ids: ids(1),
  }),
  record({
    type: fc.constant("learn" as const),
    turn: bytes(32),
    previous: place,
    memory: definition,
    start: u32,
    first: u32,
    count: u32,
    length: u32,
    root: hash,
  }),
  record({
    type: fc.constant("close" as const),
    turn: bytes(32),
    previous: place,
    requestId: bytes(32),
    length: u32,
    root: hash,
    reason: fc.constantFrom(...CLOSE_REASONS),
  }),
);

export const header: fc.Arbitrary<Header> = record({
  ...track,
  sequence: u64.map((value) => Math.max(value, 1)),
  previous: hash,
  snapshotsRoot: hash,
  snapshotCount: fc.integer({ min: 1, max: 256 }),
});

const signed: fc.Arbitrary<SignedHeader> = record({ header, signature: bytes(65) });
export const evidence = record({ a: signed, b: signed });

export const segment: fc.Arbitrary<Segment> = fc
  .tuple(signed, fc.array(record({ salt: bytes(16), body: some(90) }), { minLength: 1, maxLength: 6 }))
  .map(([{ header, signature }, snapshots]) => ({
    header: { ...header, snapshotCount: snapshots.length },
    signature,
    snapshots,
  }));

export const advance: fc.Arbitrary<Advance> = record({ ...track, sequence: u64, head: bytes(32) });

export const entry: fc.Arbitrary<CutEntry> = record({
  ...track,
  sequence: u64,
  head: bytes(32),
  ended: fc.boolean(),
  first: u32,
});

export const checkpoint: fc.Arbitrary<Checkpoint> = record({
  number: u64,
  parent: hash,
  registryPosition: u64,
  registryHash: hash,
  cutRoot: hash,
  entryCount: u32,
  segmentsRoot: hash,
  segmentCount: u32,
  memoryRoot: hash,
  memoryTraceRoot: hash,
});

export const beat: fc.Arbitrary<Beat> = record({
  registryPosition: u64,
  registryMark: bytes(8),
  checkpoint: u64,
  anchor: u64,
  known: bytes(8),
  digest: bytes(32),
  moved: fc.nat({ max: 65_536 }),
  whole: fc.boolean(),
  load: u16,
  heads: fc.array(advance, { maxLength: 5 }),
  evidence: fc.array(bytes(20), { maxLength: 3 }),
});

export const proposal = record({ checkpoint, advances: fc.array(advance, { maxLength: 5 }) });

export const reply: fc.Arbitrary<AttestReply> = fc.oneof(
  record({ type: fc.constant("attested" as const), signature: bytes(65) }),
  record({
    type: fc.constant("missing" as const),
    tracks: fc.array(record({ ...track, have: u64 }), { maxLength: 4 }),
  }),
  record({ type: fc.constant("evidence" as const), evidence }),
  record({ type: fc.constant("refused" as const), code: text(64), message: text(200) }),
);

export const rows = record({ ...track, place, rows: some(300) });

export const order: fc.Arbitrary<GenerateOrder> = record({
  request,
  prompt: ids(0),
  answered: ids(0),
  parent: fc.option(bytes(32), { nil: undefined }),
  continues: fc.option(bytes(32), { nil: undefined }),
  recompute: fc.option(fc.constant(true), { nil: undefined }),
  learn: fc.option(definition, { nil: undefined }),
}).map((value) => {
  const after = { ...value.request.after, length: value.prompt.length };
  const before = { ...value.request.before, length: Math.min(value.request.before.length, after.length) };
  const maxLength = Math.max(value.request.maxLength, value.answered.length);
  return without({ ...value, request: { ...value.request, before, after, maxLength } });
});

export const generateEvent: fc.Arbitrary<GenerateEvent> = fc.oneof(
  record({ type: fc.constant("opened" as const), turn: bytes(32), attached: u32, prefilled: u32 }),
  record({ type: fc.constant("tokens" as const), first: u32, ids: ids(0) }),
  record({ type: fc.constant("closed" as const), reason: fc.constantFrom(...CLOSE_REASONS), length: u32 }),
  record({ type: fc.constant("failed" as const), code: text(64), message: text(200) }),
);

const at = { position: u64, hash: bytes(32) };
const member = record({ signer: bytes(20), stake: fc.bigInt({ min: 0n, max: 2n ** 96n - 1n }) });
const set = fc.array(member, { maxLength: 3 });
const registryEvent = fc.oneof(
  record({
    ...at,
    kind: fc.constant("joined" as const),
    operator: bytes(20),
    signer: bytes(20),
    stake: member.map(({ stake }) => stake),
    endpoint: text(40),
  }),
  record({
    ...at,
    kind: fc.constant("rotated" as const),
    operator: bytes(20),
    oldSigner: bytes(20),
    newSigner: bytes(20),
  }),
  record({ ...at, kind: fc.constant("exiting" as const), operator: bytes(20) }),
  record({ ...at, kind: fc.constant("activated" as const), epoch: u8, set }),
  record({ ...at, kind: fc.constant("convicted" as const), operator: bytes(20), set }),
);
const logged = { block: u32, logIndex: u16 };

export const chainEvent: fc.Arbitrary<ChainEvent> = fc.oneof(
  record({ ...logged, kind: fc.constant("registry" as const), event: registryEvent }),
  record({ ...logged, kind: fc.constant("endpoint" as const), operator: bytes(20), endpoint: text(40) }),
  record({ ...logged, kind: fc.constant("committed" as const), hash, checkpoint, committedAt: u32 }),
);

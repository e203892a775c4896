import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import type { ChainBlock } from "../../offchain/core/chain.ts";
import { checkpointHash, genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import { Cut } from "../../offchain/core/cut.ts";
import type { StoreRecord } from "../../offchain/core/events.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { Store } from "../../offchain/store/store.ts";
import {
  equivocation,
  hashOf,
  operatorAt,
  SEPARATOR,
  type Sealed,
  TrackWriter,
  writeSegments,
} from "../helpers/core.ts";
import { SimDisk, SOUND } from "./disk.ts";
import { Crash } from "./process.ts";
import { Random } from "./random.ts";

const record = (sealed: Sealed): StoreRecord => ({ type: "segment", segment: sealed, hash: sealed.hash });
const [first, second] = [0, 1].map((i) => {
  const writer = new TrackWriter(operatorAt(i), "disk");
  return { key: writer.track, segments: writeSegments(writer, 6, i) };
});
const fork = equivocation(operatorAt(2), "fork", 1, 2);

function checkpoint(number: number, label = "a"): StoreRecord {
  const made = { ...genesisCheckpoint(crypto, hashOf(label)), number };
  return {
    type: "checkpoint",
    number,
    hash: checkpointHash(crypto, SEPARATOR, made),
    checkpoint: made,
    cut: Cut.empty(crypto),
  };
}

/** Everything that can be read back. */
function read(disk: Pick<SimDisk, "checkpoints" | "bases" | "segments" | "evidence">) {
  return {
    checkpoints: [...disk.checkpoints()].map(({ number, hash }) => [number, toHex(hash)] as const),
    bases: [...disk.bases()].map(({ sequence, head }) => [sequence, toHex(head)]),
    segments: [...disk.segments()].map(({ segment, hash }) => [segment.header.sequence, toHex(hash)]),
    evidence: [...disk.evidence()].map(({ a }) => toHex(a.header.snapshotsRoot)),
  };
}

const attestedTo = (disk: Pick<SimDisk, "attested">) =>
  [1, 2, 3, 4].map((number) => disk.attested(number).map(toHex).sort());

const block = (number: number): ChainBlock => ({
  number,
  hash: `0x${number}`,
  parentHash: "0x",
  timestamp: number * 10,
});

test("what throws leaves no trace, what returns is there", () => {
  const disk = new SimDisk(new Random(1));
  disk.write([...fork.common, ...fork.a].map(record));
  const before = read(disk);
  const evidence = { a: fork.a[0], b: fork.b[0] };
  const base = { ...first.key, sequence: 2, head: first.segments[1].hash };
  const batch: StoreRecord[] = [
    ...first.segments.map(record),
    { type: "base", base },
    { type: "evidence", operator: operatorAt(2).operator, evidence },
    checkpoint(1),
    { type: "attested", number: 1, hash: hashOf("x") },
    { type: "rewind", track: fork.a[0].header, to: 1 },
  ];
  assert.throws(() => disk.write([...batch, record(fork.b[0]), record(fork.a[0])]), { code: "conflict" });
  assert.deepEqual(read(disk), before);
  assert.deepEqual(disk.attested(1), []);
  disk.write([...batch, record(fork.b[0])]);
  assert.deepEqual(read(disk).segments.length, 2 + 4);
  assert.throws(() => disk.write([record(second.segments[0]), checkpoint(1, "b")]), { code: "conflict" });
  assert.equal(disk.segment(second.key, 1), undefined);
});

test("the same records leave what they leave in the worker's store", () => {
  for (let seed = 0; seed < 6; seed++) {
    const random = new Random(`disk ${seed}`);
    const folder = mkdtempSync(join(tmpdir(), "weft-"));
    const identity = { chainId: 1, ledger: hashOf("l").slice(12), operator: hashOf("o").slice(12) };
    const store = Store.open(folder, { identity });
    try {
      const disk = new SimDisk(random.fork("disk"));
      for (let i = 0; i < 40; i++) {
        const { key, segments } = random.pick([first, second]);
        const at = random.int(1, 6);
        const advance = { ...key, sequence: at, head: segments[at - 1].hash };
        const batch = Array.from({ length: random.int(1, 3) }, () =>
          random.pick<StoreRecord>([
            record(segments[at - 1]),
            record(segments[at - 1]),
            record(random.pick([...fork.common, ...fork.a, ...fork.b])),
            { type: "base", base: { ...advance, sequence: Math.min(at, 3), head: segments[Math.min(at, 3) - 1].hash } },
            { type: "rewind", track: key, to: at },
            checkpoint(random.int(1, 4), random.pick(["a", "a", "b"])),
            { type: "attested", number: random.int(1, 4), hash: hashOf(random.pick(["x", "y"])) },
            { type: "drop-checkpoints", from: random.int(2, 4) },
            { type: "evidence", operator: operatorAt(2).operator, evidence: { a: fork.a[0], b: fork.b[0] } },
          ]),
        );
        const codes = [store, disk].map((one) => {
          try {
            one.write(batch);
            return "written";
          } catch (error) {
            return (error as { code: string }).code;
          }
        });
        assert.equal(codes[1], codes[0]);
        assert.deepEqual(read(disk), read(store.disk() as SimDisk));
        assert.deepEqual(attestedTo(disk), attestedTo(store));
      }
      // Of cuts the store keeps some longer: later ones are differences to them.
      const before = random.int(2, 4);
      for (const one of [store, disk]) one.write([{ type: "prune-checkpoints", before }]);
      const late = read(store.disk() as SimDisk).checkpoints.filter(([number]) => number >= before);
      assert.deepEqual(read(disk).checkpoints, late);
      assert.deepEqual(attestedTo(disk), attestedTo(store));
    } finally {
      store.close();
      rmSync(folder, { recursive: true });
    }
  }
});

test("a crash before the commit loses the write, one after it does not; a full disk takes nothing", () => {
  const disk = new SimDisk(new Random(1));
  disk.faults = { ...SOUND, crashBefore: 1 };
  assert.throws(() => disk.write([record(first.segments[0])]), Crash);
  assert.equal(disk.segment(first.key, 1), undefined);
  disk.faults = { ...SOUND, crashAfter: 1 };
  assert.throws(() => disk.write([record(first.segments[0])]), Crash);
  assert.ok(disk.segment(first.key, 1));
  disk.faults = SOUND;
  disk.full = true;
  assert.throws(() => disk.write([record(first.segments[1])]), { code: "disk_full" });
  assert.throws(() => disk.chainLog.append([block(1)], []), { code: "disk_full" });
});

test("a slow fsync holds the process up", () => {
  const waits: number[] = [];
  const disk = new SimDisk(new Random(1), (ms) => waits.push(ms));
  disk.faults = { ...SOUND, slow: 1, slowMs: 100 };
  disk.write([record(first.segments[0])]);
  assert.equal(waits.length, 1);
  assert.ok(waits[0] > 0 && waits[0] <= 100);
});

test("what the follower appended since the last write may be lost in a crash: a tail of it, never a middle", () => {
  const kept = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const disk = new SimDisk(new Random(seed));
    disk.chainLog.append([block(1), block(2)], []);
    disk.write([record(first.segments[0])]);
    for (const number of [3, 4, 5]) disk.chainLog.append([block(number)], []);
    disk.crashed();
    const numbers = disk.chainLog.blocks().map(({ number }) => number);
    assert.deepEqual(numbers, [1, 2, 3, 4, 5].slice(0, numbers.length));
    assert.equal(disk.chain().time, numbers.length * 10);
    kept.add(numbers.length);
  }
  assert.deepEqual([...kept].sort(), [2, 3, 4, 5]);
});

test("a backup that is restored is the disk as it was, however often", () => {
  const disk = new SimDisk(new Random(1));
  disk.write(first.segments.slice(0, 3).map(record));
  disk.chainLog.append([block(1)], []);
  const backup = disk.backup();
  const before = read(disk);
  for (let i = 0; i < 2; i++) {
    disk.write([record(first.segments[3]), { type: "rewind", track: first.key, to: 1 }, checkpoint(1)]);
    disk.chainLog.append([block(2)], []);
    disk.restore(backup);
    assert.deepEqual(read(disk), before);
    assert.equal(disk.chainLog.blocks().length, 1);
  }
});

import { type Bytes, isZero, Reader, utf8, Writer } from "./bytes.ts";
import { structHash, typedDigest, word } from "./hash.ts";
import type { Hashing } from "./ports.ts";
import { emptyRoot, TREE } from "./tree.ts";

/** What a quorum attests to: a cut with its roots. */
export type Checkpoint = {
  number: number;
  /** Hash of the checkpoint before. */
  parent: Bytes;
  registryPosition: number;
  registryHash: Bytes;
  cutRoot: Bytes;
  entryCount: number;
  segmentsRoot: Bytes;
  segmentCount: number;
  memoryRoot: Bytes;
  memoryTraceRoot: Bytes;
};

export function checkpointHash(h: Hashing, separator: Bytes, checkpoint: Checkpoint): Bytes {
  const struct = structHash(
    h,
    "Checkpoint(uint64 number,bytes32 parent,uint64 registryPosition,bytes32 registryHash,bytes32 cutRoot," +
      "uint32 entryCount,bytes32 segmentsRoot,uint32 segmentCount,bytes32 memoryRoot,bytes32 memoryTraceRoot)",
    [
      word.uint(checkpoint.number),
      checkpoint.parent,
      word.uint(checkpoint.registryPosition),
      checkpoint.registryHash,
      checkpoint.cutRoot,
      word.uint(checkpoint.entryCount),
      checkpoint.segmentsRoot,
      word.uint(checkpoint.segmentCount),
      checkpoint.memoryRoot,
      checkpoint.memoryTraceRoot,
    ],
  );
  return typedDigest(h, separator, struct);
}

/** Checkpoint 0, which the ledger's constructor writes: everything empty. Turns before the first commit name it. */
export function genesisCheckpoint(h: Hashing, registryHash: Bytes): Checkpoint {
  return {
    number: 0,
    parent: h.keccak256(utf8("Weft genesis")),
    registryPosition: 0,
    registryHash,
    cutRoot: emptyRoot(h, TREE.cut),
    entryCount: 0,
    segmentsRoot: emptyRoot(h, TREE.segments),
    segmentCount: 0,
    memoryRoot: emptyRoot(h, TREE.memory),
    memoryTraceRoot: emptyRoot(h, TREE.memoryTrace),
  };
}

export function writeCheckpoint(out: Writer, c: Checkpoint): Writer {
  return out
    .u64(c.number)
    .fixed(c.parent, 32)
    .u64(c.registryPosition)
    .fixed(c.registryHash, 32)
    .fixed(c.cutRoot, 32)
    .u32(c.entryCount)
    .fixed(c.segmentsRoot, 32)
    .u32(c.segmentCount)
    .fixed(c.memoryRoot, 32)
    .fixed(c.memoryTraceRoot, 32);
}

export function readCheckpoint(from: Reader): Checkpoint {
  const checkpoint: Checkpoint = {
    number: from.u64(),
    parent: from.fixed(32),
    registryPosition: from.u64(),
    registryHash: from.fixed(32),
    cutRoot: from.fixed(32),
    entryCount: from.u32(),
    segmentsRoot: from.fixed(32),
    segmentCount: from.u32(),
    memoryRoot: from.fixed(32),
    memoryTraceRoot: from.fixed(32),
  };
  const hashes = Object.values(checkpoint).filter((value) => typeof value !== "number");
  if (hashes.some(isZero)) throw from.malformed("has a zero hash or root");
  return checkpoint;
}

export function encodeCheckpoint(checkpoint: Checkpoint): Bytes {
  return writeCheckpoint(new Writer(), checkpoint).done();
}

export function decodeCheckpoint(bytes: Bytes): Checkpoint {
  const from = new Reader(bytes, "checkpoint");
  const checkpoint = readCheckpoint(from);
  from.end();
  return checkpoint;
}

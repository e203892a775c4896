import { type Bytes, Reader, Writer } from "./bytes.ts";
import { type Advance, readAdvance, writeAdvance } from "./cut.ts";

/**
 * What a worker tells its peers many times a second: how far it holds each track, what it knows, how busy it is.
 * A hint over an authenticated channel: unsigned, never relayed, nobody is bound by one. `heads` and `evidence` are
 * those that changed since the beat before it on the same stream, unless it is a whole one.
 */
export type Beat = {
  registryPosition: number;
  /** First 8 bytes of the registry's running hash: tells forks of the chain apart. */
  registryMark: Bytes;
  checkpoint: number;
  /** The checkpoint from which on the digest counts. */
  anchor: number;
  /** First 8 bytes of a digest of what the sender knows: heads, evidence, registry, and the checkpoint that is the anchor. */
  known: Bytes;
  /** Digest of the state derived from the heads, the evidence and the registry position together. */
  digest: Bytes;
  /** How far what is heard has turned the memories away from its latest checkpoint's, from 0 to 2^16 (a cosine of 0). */
  moved: number;
  /** Turns being written. */
  load: number;
  /** Whether it says everything anew: what earlier ones said does not count any more. */
  whole: boolean;
  heads: readonly Advance[];
  /** Operators against whom the sender holds evidence. */
  evidence: readonly Bytes[];
};

export const LIMIT_BEAT_HEADS = 1024;
export const LIMIT_BEAT_BYTES = 128 * 1024;
const WHOLE = 1;
/** Where memories have moved: most beats of a mesh that learns nothing do not say so. */
const MOVED = 2;

export function encodeBeat(beat: Beat): Bytes {
  const out = new Writer()
    .u64(beat.registryPosition)
    .fixed(beat.registryMark, 8)
    .u64(beat.checkpoint)
    .u64(beat.anchor)
    .fixed(beat.known, 8)
    .fixed(beat.digest, 32)
    .u16(Math.min(beat.load, 0xffff))
    .u8((beat.whole ? WHOLE : 0) | (beat.moved > 0 ? MOVED : 0))
    .u16(beat.heads.length)
    .u8(beat.evidence.length);
  if (beat.moved > 0) out.u16(beat.moved - 1);
  for (const head of beat.heads) writeAdvance(out, head);
  for (const operator of beat.evidence) out.fixed(operator, 20);
  return out.done();
}

export function decodeBeat(bytes: Bytes): Beat {
  const from = new Reader(bytes, "beat");
  if (bytes.length > LIMIT_BEAT_BYTES) throw from.malformed(`is larger than ${LIMIT_BEAT_BYTES} bytes`);
  const registryPosition = from.u64();
  const registryMark = from.fixed(8);
  const checkpoint = from.u64();
  const anchor = from.u64();
  const known = from.fixed(8);
  const digest = from.fixed(32);
  const load = from.u16();
  const flags = from.u8();
  if (flags > (WHOLE | MOVED)) throw from.malformed("has unknown flags");
  const heads = from.u16();
  if (heads > LIMIT_BEAT_HEADS) throw from.malformed(`has more than ${LIMIT_BEAT_HEADS} heads`);
  const operators = from.u8();
  const moved = flags & MOVED ? from.u16() + 1 : 0;
  const beat: Beat = {
    registryPosition,
    registryMark,
    checkpoint,
    anchor,
    known,
    digest,
    moved,
    load,
    whole: (flags & WHOLE) !== 0,
    heads: Array.from({ length: heads }, () => readAdvance(from)),
    evidence: Array.from({ length: operators }, () => from.fixed(20)),
  };
  from.end();
  return beat;
}

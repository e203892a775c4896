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

export function encodeBeat(beat: Beat): Bytes {
  const out = new Writer()
    .u64(beat.registryPosition)
    .fixed(beat.registryMark, 8)
    .u64(beat.checkpoint)
    .u64(beat.anchor)
    .fixed(beat.known, 8)
    .fixed(beat.digest, 32)
    .u16(Math.min(beat.load, 0xffff))
    .u8(beat.whole ? 1 : 0)
    .u16(beat.heads.length)
    .u8(beat.evidence.length);
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
  const whole = from.bool();
  const heads = from.u16();
  if (heads > LIMIT_BEAT_HEADS) throw from.malformed(`has more than ${LIMIT_BEAT_HEADS} heads`);
  const operators = from.u8();
  const beat: Beat = {
    registryPosition,
    registryMark,
    checkpoint,
    anchor,
    known,
    digest,
    load,
    whole,
    heads: Array.from({ length: heads }, () => readAdvance(from)),
    evidence: Array.from({ length: operators }, () => from.fixed(20)),
  };
  from.end();
  return beat;
}

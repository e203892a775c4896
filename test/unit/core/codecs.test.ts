import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { decodeBeat, encodeBeat, LIMIT_BEAT_BYTES, LIMIT_BEAT_HEADS } from "../../../offchain/core/beat.ts";
import { type Bytes, concat, fromHex, Reader, toHex, Writer } from "../../../offchain/core/bytes.ts";
import { decodeChainEvent, encodeChainEvent } from "../../../offchain/core/chain.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { decodeEntries, encodeEntries } from "../../../offchain/core/cut.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import { decodeEvidence, encodeEvidence } from "../../../offchain/core/evidence.ts";
import {
  decodeGenerateEvent,
  decodeOrder,
  encodeGenerateEvent,
  encodeOrder,
  LIMIT_ORDER_BYTES,
} from "../../../offchain/core/generate.ts";
import { decodePage, encodePage } from "../../../offchain/core/memory-page.ts";
import {
  decodeAttestReply,
  decodeProposal,
  encodeAttestReply,
  encodeProposal,
  LIMIT_PROPOSAL_BYTES,
} from "../../../offchain/core/proposal.ts";
import { decodeSet, encodeSet } from "../../../offchain/core/registry.ts";
import { encodeParameters, encodeRequest, readRequest } from "../../../offchain/core/request.ts";
import { decodeRows, encodeRows } from "../../../offchain/core/rows.ts";
import { decodeSegment, encodeSegment, LIMIT_SEGMENT_BYTES } from "../../../offchain/core/segment.ts";
import { decodeSnapshot, encodeSnapshot, LIMIT_SNAPSHOT_BYTES } from "../../../offchain/core/snapshot.ts";
import { hashOf, operatorAt, requestOf, setOf, TrackWriter, writeSegments } from "../../helpers/core.ts";
import * as any from "./arbitraries.ts";

type Codec = {
  name: string;
  values: fc.Arbitrary<unknown>;
  encode(value: unknown): Bytes;
  decode(bytes: Bytes): unknown;
};

const codec = <T>(name: string, values: fc.Arbitrary<T>, encode: (value: T) => Bytes, decode: (bytes: Bytes) => T) =>
  ({ name, values, encode, decode }) as Codec;

function readWhole<T>(read: (from: Reader) => T) {
  return (bytes: Bytes): T => {
    const from = new Reader(bytes, "value");
    const value = read(from);
    from.end();
    return value;
  };
}

const CODECS: Codec[] = [
  codec("request", any.request, encodeRequest, readWhole(readRequest)),
  codec("snapshot", any.snapshot, encodeSnapshot, decodeSnapshot),
  codec("segment", any.segment, encodeSegment, decodeSegment),
  codec("evidence", any.evidence, encodeEvidence, decodeEvidence),
  codec("checkpoint", any.checkpoint, encodeCheckpoint, decodeCheckpoint),
  codec("cut", fc.array(any.entry, { maxLength: 4 }), encodeEntries, (bytes) => decodeEntries(bytes, 4)),
  codec("proposal", any.proposal, encodeProposal, decodeProposal),
  codec("attest reply", any.reply, encodeAttestReply, decodeAttestReply),
  codec("beat", any.beat, encodeBeat, decodeBeat),
  codec("rows", any.rows, encodeRows, decodeRows),
  codec("memory page", any.page, encodePage, decodePage),
  codec("order", any.order, encodeOrder, decodeOrder),
  codec("generate event", any.generateEvent, encodeGenerateEvent, decodeGenerateEvent),
];

const malformed = (run: () => unknown) => assert.throws(run, { name: "WeftError", code: "malformed" });

const seed = 0x5eed;
const runs = (numRuns: number) => ({ seed, numRuns });

/** Bit flips, cuts, repeats and insertions: what a wire or a liar does to bytes. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant("set" as const), at: fc.nat(), byte: fc.constantFrom(0, 1, 2, 0xff, 0xef) }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }),
  fc.record({ kind: fc.constant("insert" as const), at: fc.nat(), bytes: any.bytes(3) }),
);

function mutate(bytes: Bytes, how: typeof mutation extends fc.Arbitrary<infer M> ? M : never): Bytes {
  const out = new Uint8Array(bytes);
  const at = how.at % bytes.length;
  if (how.kind === "flip") out[at] = (out[at] as number) ^ (1 << how.bit);
  if (how.kind === "set") out[at] = how.byte;
  if (how.kind === "cut") return out.slice(0, at);
  return how.kind === "insert" ? concat(out.slice(0, at), how.bytes, out.slice(at)) : out;
}

describe("codecs", () => {
  for (const { name, values, encode, decode } of CODECS) {
    test(`${name}: decode(encode(x)) = x, nothing missing, nothing left over`, () => {
      fc.assert(
        fc.property(values, fc.nat(), (value, cut) => {
          const bytes = encode(value);
          assert.deepEqual(decode(bytes), value);
          malformed(() => decode(concat(bytes, Uint8Array.of(0))));
          malformed(() => decode(bytes.slice(0, cut % bytes.length)));
        }),
        runs(60),
      );
    });

    test(`${name}: one value has one encoding, whatever bytes come`, () => {
      fc.assert(
        fc.property(values, fc.array(mutation, { minLength: 1, maxLength: 3 }), (value, how) => {
          const bytes = how.reduce((old, one) => (old.length === 0 ? old : mutate(old, one)), encode(value));
          let decoded: unknown;
          try {
            decoded = decode(bytes);
          } catch (error) {
            assert.ok(error instanceof WeftError, String(error));
            assert.equal(error.code, "malformed");
            return;
          }
          assert.deepEqual(encode(decoded), bytes);
        }),
        runs(300),
      );
    });
  }

  test("chain events: canonical JSON both ways", () => {
    fc.assert(
      fc.property(any.chainEvent, (event) => {
        const text = encodeChainEvent(event);
        assert.deepEqual(decodeChainEvent(text), event);
        assert.equal(encodeChainEvent(decodeChainEvent(text)), text);
      }),
      runs(100),
    );
  });

  test("operator sets: words both ways", () => {
    const set = setOf([0, 1, 2].map(operatorAt), [0n, 1n, 2n ** 96n - 1n]);
    assert.deepEqual(decodeSet(encodeSet(set)), set);
  });

  test("hexadecimal both ways, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (value) => assert.deepEqual(fromHex(toHex(value)), new Uint8Array(value))),
      runs(50),
    );
    for (const wrong of ["", "00", "0x0", "0xgg", " 0x00", "0x00 "]) malformed(() => fromHex(wrong));
    malformed(() => fromHex("0x0000", 1));
    const long = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
    for (const length of [0, 1, 2_046, 2_047, 2_048, 4_095, 300_000])
      assert.equal(toHex(long.subarray(0, length)), `0x${Buffer.from(long.subarray(0, length)).toString("hex")}`);
  });

  test("L8 a name in hexadecimal takes its own length of the heap, also when nobody ever reads it", () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const hashes = Array.from({ length: 5_000 }, (_, i) => hashOf(`hash ${i}`));
    const used = () => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = used();
    const names = hashes.map(toHex);
    const each = (used() - before) / names.length;
    assert.ok(each < 150, `${each} bytes for ${names[0]!.length} letters`);
  });

  test("numbers out of range are refused, not wrapped", () => {
    const refused = (run: () => unknown) => assert.throws(run, { code: "out_of_range" });
    for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      refused(() => new Writer().u8(wrong));
      refused(() => new Writer().u64(wrong));
    }
    refused(() => new Writer().u8(0x100));
    refused(() => new Writer().u16(0x10000));
    refused(() => new Writer().u32(2 ** 32));
    refused(() => new Writer().u64(2 ** 53));
    refused(() => new Writer().fixed(new Uint8Array(19), 20));
    malformed(() => new Reader(fromHex("0x0020000000000000"), "counter").u64());
    malformed(() => new Reader(fromHex("0x02"), "flag").bool());
    refused(() => encodeParameters({ temperature: 1001, stop: [] }));
    refused(() => encodeParameters({ temperature: 0, stop: [""] }));
    refused(() => encodeParameters({ temperature: 0, stop: ["x".repeat(65)] }));
    assert.throws(() => encodeParameters({ temperature: 0, stop: ["a", "b", "c", "d", "e"] }), { code: "too_large" });
  });

  test("a message too long for its field is cut, not made unreadable", () => {
    for (const message of ["x".repeat(5000), "ß€😀".repeat(800)]) {
      const bytes = encodeAttestReply({ type: "refused", code: "c".repeat(99), message });
      const reply = decodeAttestReply(bytes);
      assert.ok(reply.type === "refused" && message.startsWith(reply.message.slice(0, -1)));
      const event = decodeGenerateEvent(encodeGenerateEvent({ type: "failed", code: "internal", message }));
      assert.ok(event.type === "failed" && event.code === "internal" && event.message.length > 300);
    }
  });

  test("a writer that outgrows its buffer loses nothing", () => {
    const parts = Array.from({ length: 50 }, (_, i) => new Uint8Array(i * 7).fill(i));
    const out = new Writer();
    for (const part of parts) out.raw(part).u8(1);
    assert.deepEqual(out.done(), concat(...parts.flatMap((part) => [part, Uint8Array.of(1)])));
  });

  test("values that no rule admits are refused before they are used", () => {
    const writer = new TrackWriter(operatorAt(0));
    const [segment] = writeSegments(writer, 1);
    const bytes = encodeSegment(segment!);
    const patched = (at: number, patch: Bytes) => {
      const copy = new Uint8Array(bytes);
      copy.set(patch, at);
      return copy;
    };
    malformed(() => decodeSegment(patched(36, new Uint8Array(8)))); // sequence 0
    malformed(() => decodeSegment(patched(44, new Uint8Array(32)))); // previous
    malformed(() => decodeSegment(patched(76, new Uint8Array(32)))); // snapshots root
    malformed(() => decodeSegment(patched(108, new Writer().u32(0).done())));
    malformed(() => decodeSegment(patched(108, new Writer().u32(257).done())));
    const shrinking = requestOf([1, 2]);
    const swapped = encodeRequest({ ...shrinking, before: shrinking.after, after: shrinking.before });
    malformed(() => readWhole(readRequest)(swapped));
    const zero = encodeRequest({ ...shrinking, before: { root: new Uint8Array(32), length: 0 } });
    malformed(() => readWhole(readRequest)(zero));
    const genesis = new Writer()
      .u64(1)
      .raw(new Uint8Array(8 + 32 * 7 + 8))
      .done();
    malformed(() => decodeCheckpoint(genesis));
    const tokens = { type: "tokens", turn: hashOf("t"), previous: { sequence: 1, index: 0 }, first: 0 } as const;
    const digest = hashOf("rows");
    malformed(() =>
      decodeSnapshot(encodeSnapshot({ ...tokens, kind: "given", root: digest, rowsDigest: digest, ids: [] })),
    );
  });

  test("what is too large is refused by its length, before it is read", () => {
    const tooLarge = (run: () => unknown) => assert.throws(run, { code: "malformed", message: /larger than/ });
    tooLarge(() => decodeSegment(new Uint8Array(LIMIT_SEGMENT_BYTES + 1)));
    tooLarge(() => decodeProposal(new Uint8Array(LIMIT_PROPOSAL_BYTES + 1)));
    tooLarge(() => decodeOrder(new Uint8Array(LIMIT_ORDER_BYTES + 1)));
    tooLarge(() => decodeSnapshot(new Uint8Array(LIMIT_SNAPSHOT_BYTES + 1)));
    tooLarge(() => decodeBeat(new Uint8Array(LIMIT_BEAT_BYTES + 1)));
    malformed(() => decodeEntries(new Writer().u32(5).done(), 4));
    const heads = new Writer()
      .raw(new Uint8Array(8 + 8 + 8 + 8 + 8 + 32 + 2 + 1))
      .u16(LIMIT_BEAT_HEADS + 1)
      .u8(0)
      .done();
    malformed(() => decodeBeat(heads));
  });

  test("a beat of four changed heads has at most 400 bytes", () => {
    const beat = {
      registryPosition: 5,
      registryMark: new Uint8Array(8),
      checkpoint: 9,
      anchor: 7,
      known: new Uint8Array(8),
      digest: hashOf("digest"),
      moved: 65_536,
      load: 3,
      whole: true,
      heads: Array.from({ length: 4 }, (_, i) => ({
        ...new TrackWriter(operatorAt(i)).track,
        sequence: 2 ** 50,
        head: hashOf("h"),
      })),
      evidence: [],
    };
    assert.ok(encodeBeat(beat).length <= 400, String(encodeBeat(beat).length));
    assert.equal(decodeBeat(encodeBeat({ ...beat, load: 1e9 })).load, 0xffff);
  });
});

import { connect } from "node:net";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { Context } from "../../../offchain/core/context.ts";
import { encodeEvidence } from "../../../offchain/core/evidence.ts";
import type { Signer } from "../../../offchain/core/ports.ts";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import { encodeSegment, type Segment, sealSegment, type TrackKey, trackId } from "../../../offchain/core/segment.ts";
import { encodeSnapshot } from "../../../offchain/core/snapshot.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { random } from "./rogue.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const below = (most: number) => Math.floor(Math.random() * most);

/** Bytes that somebody who does not speak the protocol, or speaks it badly, sends to a mesh port. */
export function rawBytes(at: number): Bytes {
  const noise = random(1 + below(2_000));
  switch (at % 6) {
    case 0:
      return noise;
    case 1:
      return Buffer.concat([PREFACE, noise]);
    case 2: {
      // A whole frame of a random type, flags and stream, after a proper beginning.
      const head = Buffer.alloc(9);
      head.writeUIntBE(noise.length, 0, 3);
      head[3] = below(16);
      head[4] = below(256);
      head.writeUInt32BE(below(2 ** 31), 5);
      return Buffer.concat([PREFACE, SETTINGS, head, noise]);
    }
    case 3:
      return Buffer.from(`GET / HTTP/1.1\r\nhost: here\r\nx: ${"y".repeat(below(9_000))}\r\n\r\n`);
    case 4: // a frame that says it is larger than anything allowed
      return Buffer.concat([PREFACE, SETTINGS, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1]), noise]);
    default: // the beginning of a TLS handshake
      return Buffer.concat([Buffer.from([22, 3, 1, noise.length >> 8, noise.length & 255]), noise]);
  }
}

/** Sends bytes and goes away; resolves when the other end has closed, or soon. */
export function sendRaw(port: number, bytes: Bytes): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.setTimeout(500, () => socket.destroy());
    socket.on("data", () => {});
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
}

export type Signing = { separator: Bytes; signer: Signer; operator: Bytes };

/** A segment that opens a turn, as its rules want it; whatever is wrong with it is done to it later. */
export function opening(by: Signing, changes: { sequence?: number; previous?: Bytes; body?: Bytes } = {}): Segment {
  const track: TrackKey = { operator: by.operator, incarnation: random(16) };
  const context = Context.of(crypto, [65]);
  const request: Request = {
    requester: random(32),
    nonce: random(32),
    model: random(32),
    before: { root: Context.empty(crypto).root, length: 0 },
    after: { root: context.root, length: 1 },
    parameters: { temperature: 0, stop: [] },
    maxLength: 1,
  };
  const id = requestId(crypto, request);
  const body =
    changes.body ?? encodeSnapshot({ type: "open", requestId: id, request, start: { length: 0, peaks: [] } });
  const at = { sequence: changes.sequence ?? 1, previous: changes.previous ?? trackId(crypto, track) };
  return sealSegment(crypto, by.separator, by.signer, track, at, [{ salt: random(16), body }]);
}

/** Segments that can be read, and are not to be believed. */
export function badSegment(by: Signing, at: number): Bytes {
  const stranger = { ...by, signer: signerFromKey(random(32)) };
  switch (at % 6) {
    case 0: // signed with a key that is nobody's
      return encodeSegment(opening(stranger));
    case 1: // of an operator that does not exist
      return encodeSegment(opening({ ...by, operator: random(20) }));
    case 2: // the first of its track that follows something
      return encodeSegment(opening(by, { previous: random(32) }));
    case 3: // far ahead of what is held of its track
      return encodeSegment(opening(by, { sequence: 2 + below(1_000_000), previous: random(32) }));
    case 4: // rightly signed, and against the rules
      return encodeSegment(opening(by, { body: random(1 + below(300)) }));
    default: {
      // changed after it was signed
      const bytes = encodeSegment(opening(by));
      bytes[bytes.length - 1 - below(40)] ^= 1 + below(255);
      return bytes;
    }
  }
}

/** Pairs of headers that contradict nothing, or that the accused did not sign. */
export function badEvidence(by: Signing, accused: Bytes, at: number): Bytes {
  const stranger = { separator: by.separator, signer: signerFromKey(random(32)), operator: accused };
  const a = opening(by);
  switch (at % 3) {
    case 0: // one header twice
      return encodeEvidence({ a, b: a });
    case 1: // of two tracks
      return encodeEvidence({ a, b: opening(by) });
    default: {
      // against somebody honest, by somebody else's key
      const b = opening(stranger);
      const { incarnation } = b.header;
      const forged = { ...opening(stranger), header: { ...opening(stranger).header, incarnation } };
      return encodeEvidence({ a: b, b: forged });
    }
  }
}

/** Bodies that no completion can be made of. */
export function badBody(at: number): string {
  const fine = { model: "weft-austen", prompt: "Hello", max_tokens: 2 };
  const wrong: unknown[] = [
    random(below(200) + 1),
    { ...fine, model: "another" },
    { ...fine, prompt: "" },
    { ...fine, prompt: [1, 2, 3] },
    { ...fine, prompt: "x".repeat(5_000) },
    { ...fine, max_tokens: -below(1_000) - 1 },
    { ...fine, max_tokens: 2 ** 40 },
    { ...fine, temperature: "hot" },
    { ...fine, temperature: 1e9 },
    { ...fine, stop: [null] },
    { ...fine, n: 2 },
    { ...fine, weft: { author: `0x${"z".repeat(40)}` } },
    { ...fine, weft: { nonce: `0x${"1".repeat(64)}` } },
    { ...fine, weft: { nonce: `0x${"1".repeat(64)}`, history_length: 10_000 } },
    { ...fine, weft: { nonce: `0x${"1".repeat(64)}`, history_length: 0, request_id: `0x${"2".repeat(64)}` } },
    null,
    [],
    below(1_000),
  ];
  const text = JSON.stringify(wrong[at % wrong.length]);
  return at % 7 === 6 ? text.slice(0, Math.max(1, text.length - 2 - below(5))).replace(/[\]}"]$/, "{") : text;
}

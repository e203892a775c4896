import { type Bytes, Reader, utf8, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import { structHash, word } from "./hash.ts";
import type { Hashing } from "./ports.ts";

/** A committed checkpoint, by number and by hash: a number alone means nothing across a chain reorganisation. */
export type CheckpointRef = { number: number; hash: Bytes };

/** How far a turn listens to the memory it reads. `off` reads none. */
export const GATES = ["off", "weak", "medium", "strong"] as const;
export type Gate = (typeof GATES)[number];

/** Everything beside the text that an answer depends on. */
export type Parameters = {
  /** In hundredths; 0 takes the likeliest token. */
  temperature: number;
  /** UTF-8 texts that end the answer; the answer does not contain the one that ended it. */
  stop: readonly string[];
};

export type Request = {
  /** The client's identity, never the gateway's. */
  requester: Bytes;
  nonce: Bytes;
  model: Bytes;
  /** Root and length of the context before and after the given tokens. */
  before: { root: Bytes; length: number };
  after: { root: Bytes; length: number };
  parameters: Parameters;
  /** The most tokens that the answer may have. */
  maxLength: number;
  /** Absent when the gate is `off`. */
  memory?: { id: Bytes; checkpoint: CheckpointRef; gate: Exclude<Gate, "off"> };
};

export const LIMIT_STOPS = 4;
export const LIMIT_STOP_BYTES = 64;
export const LIMIT_TEMPERATURE = 1000;
const LIMIT_PARAMETERS = 3 + LIMIT_STOPS * (1 + LIMIT_STOP_BYTES);

const ZERO = new Uint8Array(32);

export function encodeParameters(parameters: Parameters): Bytes {
  if (
    !Number.isInteger(parameters.temperature) ||
    parameters.temperature < 0 ||
    parameters.temperature > LIMIT_TEMPERATURE
  )
    throw new WeftError("out_of_range", "temperature is not in 0..10 by hundredths", { field: "temperature" });
  if (parameters.stop.length > LIMIT_STOPS)
    throw new WeftError("too_large", `more than ${LIMIT_STOPS} stop sequences`, { field: "stop" });
  const out = new Writer().u16(parameters.temperature).u8(parameters.stop.length);
  for (const stop of parameters.stop) {
    if (/\p{Surrogate}/u.test(stop))
      throw new WeftError("out_of_range", "a stop sequence has half a character in it", { field: "stop" });
    const bytes = utf8(stop);
    if (bytes.length === 0 || bytes.length > LIMIT_STOP_BYTES)
      throw new WeftError("out_of_range", `a stop sequence has 1..${LIMIT_STOP_BYTES} bytes`, { field: "stop" });
    out.u8(bytes.length).raw(bytes);
  }
  return out.done();
}

function decodeParameters(bytes: Bytes): Parameters {
  const from = new Reader(bytes, "parameters");
  const temperature = from.u16();
  if (temperature > LIMIT_TEMPERATURE) throw from.malformed("have a temperature above 10");
  const count = from.u8();
  if (count > LIMIT_STOPS) throw from.malformed(`have more than ${LIMIT_STOPS} stop sequences`);
  const stop: string[] = [];
  for (let i = 0; i < count; i++) {
    const length = from.u8();
    if (length === 0 || length > LIMIT_STOP_BYTES) throw from.malformed("have an empty or overlong stop sequence");
    try {
      stop.push(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(from.fixed(length)));
    } catch (cause) {
      if (cause instanceof WeftError) throw cause;
      throw new WeftError("malformed", "a stop sequence is not UTF-8", { field: "stop" });
    }
  }
  from.end();
  return { temperature, stop };
}

const REQUEST =
  "Request(bytes32 requester,bytes32 nonce,bytes32 model,bytes32 contextBefore,uint32 lengthBefore," +
  "bytes32 contextAfter,uint32 lengthAfter,bytes32 parameters,uint32 maxLength,bytes32 memoryId," +
  "uint64 memoryCheckpoint,bytes32 memoryCheckpointHash,uint8 gate)";

export function requestId(h: Hashing, request: Request): Bytes {
  const { memory } = request;
  return structHash(h, REQUEST, [
    request.requester,
    request.nonce,
    request.model,
    request.before.root,
    word.uint(request.before.length),
    request.after.root,
    word.uint(request.after.length),
    h.keccak256(encodeParameters(request.parameters)),
    word.uint(request.maxLength),
    memory?.id ?? ZERO,
    word.uint(memory?.checkpoint.number ?? 0),
    memory?.checkpoint.hash ?? ZERO,
    word.uint(GATES.indexOf(memory?.gate ?? "off")),
  ]);
}

/** The draw at an absolute position, 0..65535: all the randomness that an answer has. */
export function drawThreshold(h: Hashing, request: Bytes, position: number): number {
  const hash = structHash(h, "Draw(bytes32 request,uint32 position)", [request, word.uint(position)]);
  return hash[30] * 256 + hash[31];
}

export function encodeRequest(request: Request): Bytes {
  const { memory } = request;
  const out = new Writer()
    .fixed(request.requester, 32)
    .fixed(request.nonce, 32)
    .fixed(request.model, 32)
    .fixed(request.before.root, 32)
    .u32(request.before.length)
    .fixed(request.after.root, 32)
    .u32(request.after.length)
    .bytes(encodeParameters(request.parameters))
    .u32(request.maxLength)
    .u8(GATES.indexOf(memory?.gate ?? "off"));
  if (memory) out.fixed(memory.id, 32).u64(memory.checkpoint.number).fixed(memory.checkpoint.hash, 32);
  return out.done();
}

export function readRequest(from: Reader): Request {
  const requester = from.fixed(32);
  const nonce = from.fixed(32);
  const model = from.fixed(32);
  const before = { root: from.hash(), length: from.u32() };
  const after = { root: from.hash(), length: from.u32() };
  const parameters = decodeParameters(from.bytes(LIMIT_PARAMETERS));
  const maxLength = from.u32();
  const gate = GATES[from.u8()];
  if (gate === undefined) throw from.malformed("names an unknown gate");
  if (after.length < before.length) throw from.malformed("has a context that shrinks");
  const request: Request = { requester, nonce, model, before, after, parameters, maxLength };
  if (gate !== "off") request.memory = { id: from.hash(), checkpoint: { number: from.u64(), hash: from.hash() }, gate };
  return request;
}

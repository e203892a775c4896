import { Memories } from "../../offchain/core/memories.ts";
import { Track } from "../../offchain/core/track.ts";
// Golden vectors of every format that contracts read: `node test/vectors/make.ts` writes formats.json and trace.json, `--check`
// fails when they would change. Everything is fixed, so a difference is a change of a frozen format.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Bytes, toHex, Writer } from "../../offchain/core/bytes.ts";
import {
  type Checkpoint,
  checkpointHash,
  encodeCheckpoint,
  genesisCheckpoint,
} from "../../offchain/core/checkpoint.ts";
import { Context } from "../../offchain/core/context.ts";
import { Cut, type CutEntry, checkpointOf, encodeEntries } from "../../offchain/core/cut.ts";
import { encodeEvidence } from "../../offchain/core/evidence.ts";
import { encodeSet, setHash } from "../../offchain/core/registry.ts";
import {
  drawThreshold,
  encodeParameters,
  encodeRequest,
  GATES,
  type Request,
  requestId,
} from "../../offchain/core/request.ts";
import {
  encodeSegment,
  type Header,
  headerHash,
  snapshotTree,
  trackId,
  turnId,
  writeHeader,
} from "../../offchain/core/segment.ts";
import { snapshotLeaf } from "../../offchain/core/snapshot.ts";
import { leafHash, TREE } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import {
  DOMAIN,
  hashOf,
  operatorAt,
  requestOf,
  SEPARATOR,
  setOf,
  TrackWriter,
  writeSegments,
} from "../helpers/core.ts";
import { memories } from "./memories.ts";
import { models } from "./models.ts";
import { trace } from "./trace.ts";
import { contexts, lists, trees, updatable } from "./trees.ts";

type Json = null | string | number | boolean | Json[] | { [key: string]: Json };

/** Bytes as hexadecimal, everything else as it is; counters stay far below 2^53. */
function plain(value: unknown): Json {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, field]) => (field === undefined ? [] : [[key, plain(field)]])),
    );
  return value as Json;
}

function requestCase(request: Request) {
  const { memory } = request;
  const id = requestId(crypto, request);
  return {
    fields: {
      requester: request.requester,
      nonce: request.nonce,
      model: request.model,
      contextBefore: request.before.root,
      lengthBefore: request.before.length,
      contextAfter: request.after.root,
      lengthAfter: request.after.length,
      parameters: crypto.keccak256(encodeParameters(request.parameters)),
      maxLength: request.maxLength,
      memoryId: memory?.id ?? new Uint8Array(32),
      memoryCheckpoint: memory?.checkpoint.number ?? 0,
      memoryCheckpointHash: memory?.checkpoint.hash ?? new Uint8Array(32),
      gate: GATES.indexOf(memory?.gate ?? "off"),
    },
    parameters: { ...request.parameters, encoding: encodeParameters(request.parameters) },
    encoding: encodeRequest(request),
    id,
    draws: [0, 1, 2, 1000, 2 ** 24 - 1].map((position) => ({
      position,
      threshold: drawThreshold(crypto, id, position),
    })),
  };
}

const memory = {
  id: hashOf("memory"),
  checkpoint: { number: 41, hash: hashOf("checkpoint 41") },
  gate: "strong",
} as const;

const requests = () =>
  [
    requestOf([1, 2, 3]),
    requestOf([9], { parameters: { temperature: 80, stop: ["\n\n", "Ende – «Schluß»"] }, maxLength: 512 }, [4, 5, 6]),
    requestOf([], { memory, parameters: { temperature: 1000, stop: [] } }, [7, 7]),
  ].map(requestCase);

const header: Header = {
  operator: operatorAt(0).operator,
  incarnation: hashOf("incarnation").slice(0, 16),
  sequence: 2 ** 40 + 3,
  previous: hashOf("previous"),
  snapshotsRoot: hashOf("snapshots"),
  snapshotCount: 256,
};

const checkpoint: Checkpoint = {
  number: 12,
  parent: hashOf("parent"),
  registryPosition: 34,
  registryHash: hashOf("registry"),
  cutRoot: hashOf("cut"),
  entryCount: 56,
  segmentsRoot: hashOf("segments"),
  segmentCount: 78,
  memoryRoot: hashOf("memory root"),
  memoryTraceRoot: hashOf("memory trace"),
};

/** Two tracks, one whole turn that reads a memory and continues another, and the checkpoint that takes them. */
function world() {
  const [a, b] = [operatorAt(0), operatorAt(1)].map((keys) => new TrackWriter(keys, "golden"));
  const history = [11, 12, 13, 14, 15];
  const request = requestOf([21, 22], { memory, maxLength: 8 }, history);
  const turn = b.open(request, {
    parent: { checkpoint: { number: 3, hash: hashOf("checkpoint 3") }, turn: hashOf("parent turn"), position: 3 },
    start: Context.of(crypto, history.slice(0, 3)),
    continues: hashOf("abandoned turn"),
  });
  turn.tokens("carried", [14, 15]).tokens("given", [21, 22]).tokens("carried", [31]);
  const first = b.seal();
  turn
    .tokens("written", [32, 33, 2 ** 32 - 1])
    .tokens("written", [34])
    .close("stop");
  const closing = b.seal();
  b.open(requestOf([5, 6])).tokens("given", [5, 6]).tokens("written", [7, 8, 300, 8]).learn(2, 4);
  const segments = [...writeSegments(a, 3), first, closing, b.seal()];

  const registry = { position: 5, hash: hashOf("registry") };
  const genesis = genesisCheckpoint(crypto, registry.hash);
  const parent = { checkpoint: genesis, hash: checkpointHash(crypto, SEPARATOR, genesis), cut: Cut.empty(crypto) };
  const tracks = [a, b].map(({ track }) => new Track(crypto, track));
  for (const segment of segments) {
    const track = tracks.find(({ key }) => toHex(key.operator) === toHex(segment.header.operator)) as Track;
    track.apply(track.examine(segment, segment.hash));
  }
  const advances = [a, b].map((w) => ({ ...w.track, sequence: w.sequence, head: w.head }));
  const cut = parent.cut.extend(crypto, advances, () => false);
  const hashes = new Map(segments.map((s) => [toHex(s.header.operator) + s.header.sequence, s.hash]));
  const made = checkpointOf(
    crypto,
    { ...parent, memories: Memories.empty(crypto) },
    cut,
    registry,
    {
      hashAt: (track, sequence) => hashes.get(toHex(track.operator) + sequence) as Bytes,
      lessonAt: ({ operator }, sequence) =>
        tracks.find(({ key }) => toHex(key.operator) === toHex(operator))?.lessonAt(sequence),
    },
  );
  const ordered = [...cut.segmentsSince(parent.cut)].map(
    (at) => segments.find((s) => toHex(s.hash) === toHex(hashes.get(toHex(at.operator) + at.sequence) as Bytes))!,
  );
  const last = ordered.indexOf(segments[4]!);
  return {
    keys: [0, 1].map((i) => ({
      privateKey: hashOf(`hot key ${i}`),
      ...operatorAt(i),
      signer: operatorAt(i).signer.address,
    })),
    segments: ordered.map((segment) => ({
      track: trackId(crypto, segment.header),
      header: segment.header,
      hash: segment.hash,
      signature: segment.signature,
      snapshots: segment.snapshots.map((snapshot) => ({ ...snapshot, leaf: snapshotLeaf(crypto, snapshot) })),
      encoding: encodeSegment(segment),
      leaf: leafHash(crypto, TREE.segments, segment.hash),
    })),
    cut: {
      entries: cut.entries,
      encoding: encodeEntries(cut.entries),
      root: cut.root,
      proofs: cut.entries.map((_, slot) => cut.proof(slot)),
    },
    genesis: { checkpoint: genesis, hash: parent.hash },
    checkpoint: made.checkpoint,
    hash: checkpointHash(crypto, SEPARATOR, made.checkpoint),
    receipt: {
      segmentIndex: last,
      segmentProof: made.segments.proof(last),
      snapshotIndex: 2,
      snapshotProof: snapshotTree(crypto, segments[4]!.snapshots).proof(2),
    },
  };
}

const cutLeaves = () =>
  [false, true].map((ended) => {
    const entry: CutEntry = { ...header, head: hashOf("head"), ended, first: 65535 };
    const { operator, incarnation, sequence, head, first } = entry;
    const fields = { operator, incarnation, sequence, head, ended, first };
    const encoding = encodeEntries([fields]).slice(4);
    return { fields, encoding, leaf: leafHash(crypto, TREE.cut, encoding) };
  });

function evidence() {
  const writer = new TrackWriter(operatorAt(0), "two mouths");
  const other = writer.fork();
  const [[a], [b]] = [writeSegments(writer, 1, 1), writeSegments(other, 1, 2)];
  return { a: a!.hash, b: b!.hash, encoding: encodeEvidence({ a: a!, b: b! }) };
}

function sets() {
  const stakes = [1n, 10n ** 21n, 2n ** 96n - 1n, 5n];
  return [0, 1, 4].map((size) => {
    const set = setOf(
      Array.from({ length: size }, (_, i) => operatorAt(i)),
      stakes,
    );
    return {
      words: encodeSet(set).map((word) => `0x${word.toString(16).padStart(64, "0")}`),
      hash: setHash(crypto, set),
    };
  });
}

const text = (value: unknown): string => `${JSON.stringify(plain(value), null, 1)}\n`;

export function vectors(): string {
  const track = trackId(crypto, header);
  return text({
    domain: { ...DOMAIN, separator: SEPARATOR },
    trees: trees(),
    lists: lists(),
    updatable: updatable(),
    contexts: contexts(),
    requests: requests(),
    track: { operator: header.operator, incarnation: header.incarnation, id: track },
    turns: [
      { sequence: 1, index: 0, id: turnId(crypto, track, { sequence: 1, index: 0 }) },
      { sequence: 2 ** 40, index: 255, id: turnId(crypto, track, { sequence: 2 ** 40, index: 255 }) },
    ],
    header: {
      ...header,
      encoding: writeHeader(new Writer(), header).done(),
      hash: headerHash(crypto, SEPARATOR, header),
    },
    checkpoint: {
      fields: checkpoint,
      encoding: encodeCheckpoint(checkpoint),
      hash: checkpointHash(crypto, SEPARATOR, checkpoint),
    },
    memoryTraceLeaf: { root: hashOf("memory root"), leaf: leafHash(crypto, TREE.memoryTrace, hashOf("memory root")) },
    memories: memories(),
    models: models(),
    cutLeaves: cutLeaves(),
    sets: sets(),
    world: world(),
    evidence: evidence(),
  });
}

/** A forward pass, and elements of it opened. */
export const traceVectors = (): string => text(trace());

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = { "formats.json": vectors(), "trace.json": traceVectors() };
  for (const [name, made] of Object.entries(files)) {
    const file = new URL(name, import.meta.url);
    if (!process.argv.includes("--check")) writeFileSync(file, made);
    else if (readFileSync(file, "utf8") !== made) {
      console.error(`test/vectors/${name} is not what the code makes: a frozen format changed`);
      process.exitCode = 1;
    }
  }
}

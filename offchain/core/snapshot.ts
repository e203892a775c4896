import { type Bytes, Reader, Writer } from "./bytes.ts";
import { encodeDefinition, type MemoryDefinition, readDefinition } from "./memory-definition.ts";
import type { Hashing } from "./ports.ts";
import { type CheckpointRef, encodeRequest, type Request, readRequest } from "./request.ts";
import { leafHash, TREE } from "./tree.ts";

/** The place of a snapshot in its track. */
export type Place = { sequence: number; index: number };

export type Parent = { checkpoint: CheckpointRef; turn: Bytes; position: number };

/** Given by the client, carried over from what is not committed yet, or written by this turn's author. */
export const TOKEN_KINDS = ["given", "carried", "written"] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

export const CLOSE_REASONS = ["end", "stop", "length"] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

export type TurnOpen = {
  type: "open";
  requestId: Bytes;
  request: Request;
  parent?: Parent;
  /** Where this turn's own tokens begin, and the peaks of the context up to there. */
  start: { length: number; peaks: readonly Bytes[] };
  /** The abandoned turn that this one continues: a hint, nothing is derived from it. */
  continues?: Bytes;
};

export type Tokens = {
  type: "tokens";
  turn: Bytes;
  previous: Place;
  first: number;
  kind: TokenKind;
  /** Context root after these tokens. */
  root: Bytes;
  /** SHA-256 of the rows of these positions, position by position; of nothing when no rows are offered. */
  rowsDigest: Bytes;
  ids: readonly number[];
};

/** Learns written positions of the snapshot right before it in its turn. It is the last one of its segment. */
export type Learn = {
  type: "learn";
  turn: Bytes;
  previous: Place;
  /** By its definition: what is added follows from this snapshot and the tokens alone. */
  memory: MemoryDefinition;
  /** Where the turn's own tokens begin: no context reaches before. */
  start: number;
  first: number;
  count: number;
  /** Length and root of the context here, as every snapshot states them: the next one is judged beside this one alone. */
  length: number;
  root: Bytes;
};

export type TurnClose = {
  type: "close";
  turn: Bytes;
  previous: Place;
  requestId: Bytes;
  length: number;
  root: Bytes;
  reason: CloseReason;
};

export type Snapshot = TurnOpen | Tokens | Learn | TurnClose;

/** As it stands in a segment: siblings cannot be guessed from a proof, because each has a salt of its own. */
export type SaltedSnapshot = { salt: Bytes; body: Bytes };

export const LIMIT_SNAPSHOT_BYTES = 64 * 1024;
export const SALT_BYTES = 16;
const TAG = { open: 1, tokens: 2, learn: 3, close: 4 } as const;
/** Few enough that a contract can recompute the context root of one snapshot. */
export const LIMIT_IDS = 1024;

export function snapshotLeaf(h: Hashing, snapshot: SaltedSnapshot): Bytes {
  return leafHash(h, TREE.snapshots, new Writer().fixed(snapshot.salt, SALT_BYTES).raw(snapshot.body).done());
}

export function encodeSnapshot(snapshot: Snapshot): Bytes {
  const out = new Writer().u8(TAG[snapshot.type]);
  if (snapshot.type === "open") {
    out.fixed(snapshot.requestId, 32).raw(encodeRequest(snapshot.request));
    out.u8(snapshot.parent ? 1 : 0);
    if (snapshot.parent) writeParent(out, snapshot.parent);
    out.u32(snapshot.start.length).u8(snapshot.start.peaks.length);
    for (const peak of snapshot.start.peaks) out.fixed(peak, 32);
    out.u8(snapshot.continues ? 1 : 0);
    if (snapshot.continues) out.fixed(snapshot.continues, 32);
    return out.done();
  }
  out.fixed(snapshot.turn, 32).u64(snapshot.previous.sequence).u32(snapshot.previous.index);
  if (snapshot.type === "tokens") {
    out.u32(snapshot.first).u8(TOKEN_KINDS.indexOf(snapshot.kind) + 1);
    out.fixed(snapshot.root, 32).fixed(snapshot.rowsDigest, 32).u32(snapshot.ids.length);
    for (const id of snapshot.ids) out.u32(id);
  } else if (snapshot.type === "learn")
    out
      .raw(encodeDefinition(snapshot.memory))
      .u32(snapshot.start)
      .u32(snapshot.first)
      .u32(snapshot.count)
      .u32(snapshot.length)
      .fixed(snapshot.root, 32);
  else
    out
      .fixed(snapshot.requestId, 32)
      .u32(snapshot.length)
      .fixed(snapshot.root, 32)
      .u8(CLOSE_REASONS.indexOf(snapshot.reason) + 1);
  return out.done();
}

function writeParent(out: Writer, parent: Parent): void {
  out.u64(parent.checkpoint.number).fixed(parent.checkpoint.hash, 32).fixed(parent.turn, 32).u32(parent.position);
}

/** @throws WeftError `malformed` for anything but the canonical encoding of a snapshot. */
export function decodeSnapshot(body: Bytes): Snapshot {
  const from = new Reader(body, "snapshot");
  if (body.length > LIMIT_SNAPSHOT_BYTES) throw from.malformed(`is larger than ${LIMIT_SNAPSHOT_BYTES} bytes`);
  const snapshot = readSnapshot(from);
  from.end();
  return snapshot;
}

function readSnapshot(from: Reader): Snapshot {
  const tag = from.u8();
  if (tag === TAG.open) return readOpen(from);
  const turn = from.fixed(32);
  const previous = { sequence: from.u64(), index: from.u32() };
  switch (tag) {
    case TAG.tokens: {
      const first = from.u32();
      const kind = TOKEN_KINDS[from.u8() - 1];
      if (!kind) throw from.malformed("has an unknown kind of tokens");
      const root = from.hash();
      const rowsDigest = from.hash();
      const count = from.count(LIMIT_IDS);
      if (count === 0) throw from.malformed("has no tokens");
      const ids = Array.from({ length: count }, () => from.u32());
      return { type: "tokens", turn, previous, first, kind, root, rowsDigest, ids };
    }
    case TAG.learn: {
      const memory = readDefinition(from);
      const [start, first, count, length] = [from.u32(), from.u32(), from.u32(), from.u32()];
      return { type: "learn", turn, previous, memory, start, first, count, length, root: from.hash() };
    }
    case TAG.close: {
      const requestId = from.fixed(32);
      const length = from.u32();
      const root = from.hash();
      const reason = CLOSE_REASONS[from.u8() - 1];
      if (!reason) throw from.malformed("has an unknown reason");
      return { type: "close", turn, previous, requestId, length, root, reason };
    }
    default:
      throw from.malformed(`has the unknown tag ${tag}`);
  }
}

function readOpen(from: Reader): TurnOpen {
  const open: TurnOpen = {
    type: "open",
    requestId: from.fixed(32),
    request: readRequest(from),
    start: { length: 0, peaks: [] },
  };
  if (from.bool())
    open.parent = {
      checkpoint: { number: from.u64(), hash: from.hash() },
      turn: from.hash(),
      position: from.u32(),
    };
  const length = from.u32();
  const count = from.u8();
  if (count > TREE.context.depth) throw from.malformed("has too many peaks");
  open.start = { length, peaks: Array.from({ length: count }, () => from.fixed(32)) };
  if (from.bool()) open.continues = from.hash();
  return open;
}

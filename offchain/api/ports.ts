import type { Bytes } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { Gate, Request } from "../core/request.ts";

export type CompletionRequest = {
  prompt: string;
  maxTokens: number;
  /** In hundredths. */
  temperature: number;
  stop: string[];
  /** The client's identity, 32 bytes. */
  requester: Bytes;
  seed?: number;
  stream: boolean;
  /** The author that the client prefers, 20 bytes. */
  author?: Bytes;
  /** Computes the whole prefix even where its rows are at hand; for measurements. */
  recompute?: boolean;
  /** A memory of the client's own that the answer reads, and, with `learn`, is taught to. */
  memory?: MemoryName & { gate: Gate | "auto"; learn: boolean };
  /**
   * What, beside the body, fixed an earlier request: the answer is that one's. `memory` null: it read none; undefined: what
   * it read is chosen anew.
   */
  retry?: { nonce: Bytes; historyLength: number; memory?: NonNullable<Request["memory"]> | null };
};

/** How a client says which of its memories it means: at least one of the two. */
export type MemoryName = { name?: string | undefined; id?: Bytes | undefined };

export type StartedInfo = {
  requestId: Hex;
  nonce: Hex;
  historyLength: number;
  model: Hex;
  gateway: Hex;
  /** What the answer reads. */
  memory: { id: Hex; gate: Gate; checkpoint: number; checkpointHash: Hex } | null;
};

/** A memory as its owner is told of it. */
export type MemoryInfo = {
  id: Hex;
  name: string;
  columns: number;
  orders: readonly number[];
  salt: Hex;
  writers: Hex[];
};
export type MemoryContents = {
  /** Counts that are not zero. */
  cells: number;
  /** The latest checkpoint known here: requests that come now read the memory as of this one. */
  checkpoint: { number: number; hash: Hex } | null;
};

/** Long-term memories; nothing of another client's is ever found. All throw WeftError. */
export type MemoryPorts = {
  make(requester: Bytes, name: string, choices: { orders?: number[]; writers?: Bytes[] }): MemoryInfo;
  list(requester: Bytes): MemoryInfo[];
  show(requester: Bytes, named: MemoryName): MemoryInfo & MemoryContents;
  /** Resolves once all of the text was written; under the same key once, however often it is asked. */
  teach(
    requester: Bytes,
    named: MemoryName,
    text: string,
    signal: AbortSignal,
    key?: string,
  ): Promise<{ id: Hex; tokens: number; turns: Hex[]; authors: Hex[] }>;
};

export type AuthoredInfo = {
  author: Hex;
  turn: Hex;
  /** Positions whose rows were attached, and positions computed, before the first token. */
  attached: number;
  prefilled: number;
  /** Why the former author was given up, and after how long a silence in ms. */
  takeover?: { from: Hex; reason: string; detectedMs: number };
};

/** One snapshot with tokens: its place in the turn's track, and its positions; `kind` says who answers for them. */
export type NamedSnapshot = {
  turn: Hex;
  sequence: number;
  index: number;
  first: number;
  count: number;
  kind: "given" | "carried" | "written";
};

export type Usage = { promptTokens: number; completionTokens: number };

export type CompletionEvent =
  | { type: "started"; info: StartedInfo }
  | ({ type: "authored" } & AuthoredInfo)
  /** Whole characters only; `position` is that of the first of the `tokens` that complete them. */
  | { type: "text"; text: string; position: number; tokens: number }
  /** `snapshots` of these turns are those that this worker holds by now; the receipt names all of them. */
  | { type: "finished"; reason: "stop" | "length"; usage: Usage; turns: Hex[]; snapshots: NamedSnapshot[] };

/** The entries of its cut; headers with their signatures, and whole segments, in the order of the segments tree. */
export const CHECKPOINT_PARTS = ["cut", "headers", "segments"] as const;
export type CheckpointPart = (typeof CHECKPOINT_PARTS)[number];

export type CheckpointPage = {
  number: number;
  hash: Hex;
  from: number;
  /** In the encodings of docs/formats.md. */
  items: Hex[];
  /** Where the following page begins; null after the last. */
  next: number | null;
};

/** What a worker found when it computed a turn of another's again; the fields beside `id` are those that are signed. */
export type ReportItem = {
  id: number;
  reporter: Hex;
  model: Hex;
  turn: Hex;
  author: Hex;
  agrees: boolean;
  position: number;
  distance: number;
  signature: Hex;
};
/** Ascending by id; `last` is the highest there is, so there are more while it is not reached. */
export type ReportPage = { items: ReportItem[]; last: number };

/** What the API needs from the worker behind it. */
export type ApiPorts = {
  /** Throws WeftError. Ends soon after `signal` is aborted. */
  complete(request: CompletionRequest, signal: AbortSignal): AsyncIterable<CompletionEvent>;
  memories: MemoryPorts;
  /** `created` in seconds since 1970. */
  models(): { id: string; created: number }[];
  /** A value that JSON can hold: what an answer says there, or all of it, with the proofs that there are. */
  receipt(requestId: Hex, range: { position: number; count: number } | undefined): Promise<unknown>;
  /** Throws WeftError `not_found`. */
  checkpointPage(part: CheckpointPart, number: number, from: number): CheckpointPage;
  reports(after: number): ReportPage;
  metrics(): Promise<{ contentType: string; body: string }>;
  health(): { ok: boolean; [key: string]: unknown };
};

import type { Asked } from "./availability.ts";
import { type Bytes, fromHex, toHex } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { DisputeEvent } from "./dispute.ts";
import type { RegistryEvent } from "./registry.ts";

export type Hex = `0x${string}`;

export type ChainBlock = { number: number; hash: Hex; parentHash: Hex; timestamp: number };

/** What the chain said, in the order of (block, logIndex). */
export type ChainEvent = (
  | { kind: "registry"; event: RegistryEvent }
  | { kind: "endpoint"; operator: Bytes; endpoint: string }
  | { kind: "committed"; hash: Bytes; checkpoint: Checkpoint; committedAt: number }
  /** Standing checkpoints from this number on fell; `standing` is the latest now. */
  | { kind: "fell"; from: number; standing: number }
  /** So many disputes about a checkpoint are open now. */
  | { kind: "disputed"; number: number; open: number }
  /** Deadlines stand still from the one block time to the other, in seconds. */
  | { kind: "paused"; from: number; until: number }
  | { kind: "resumed"; at: number }
  /** Somebody asks for what a committed checkpoint contains; `deadline` of the answer in active seconds. */
  | { kind: "challenged"; id: Hex; number: number; hash: Bytes; asked: Asked; deadline: number }
  /** It was served. For some time yet the checkpoint may not be final. */
  | { kind: "answered"; id: Hex }
  /** Nobody served it; `condemned` unless the checkpoint fell or was condemned before. */
  | { kind: "unanswered"; id: Hex; hash: Bytes; condemned: boolean }
  | { kind: "released"; id: Hex }
  | DisputeEvent
) & { block: number; logIndex: number };

/** What has been read from the chain, kept so that a restart goes on where it stopped. */
export type ChainLog = {
  /** The latest blocks, ascending. The last one is the cursor: everything up to it has been read. */
  blocks(): ChainBlock[];
  /** Every event, ascending by (block, logIndex). */
  events(): ChainEvent[];
  /** In one transaction. */
  append(blocks: readonly ChainBlock[], events: readonly ChainEvent[]): void;
  /** Forgets the block `fromBlock` and everything after it. */
  truncate(fromBlock: number): void;
};

/** How many blocks a log keeps; a reorganisation deeper than that is read again from the start. */
export const KEPT_BLOCKS = 512;

const BYTES_FIELDS = new Set([
  ...["operator", "signer", "oldSigner", "newSigner", "hash", "parent"],
  ...["registryHash", "cutRoot", "segmentsRoot", "memoryRoot", "memoryTraceRoot"],
  ...["turn", "contextRoot", "model", "requestId", "memoryId", "memoryCheckpointHash", "accuser"],
  ...["traceRoot", "answerer", "tensorRoots", "groupRoots", "values"],
]);
const AMOUNTS = new Set(["stake", "bond"]);

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, plain(field)]));
}

/** Canonical JSON: sorted keys, bytes as hexadecimal, stakes as decimal strings. Equal events have one encoding. */
export function encodeChainEvent(event: ChainEvent): string {
  return JSON.stringify(plain(event));
}

export function decodeChainEvent(text: string): ChainEvent {
  return JSON.parse(text, (key, value) => {
    if (BYTES_FIELDS.has(key)) return Array.isArray(value) ? value.map((one) => fromHex(one)) : fromHex(value);
    return AMOUNTS.has(key) ? BigInt(value) : value;
  });
}

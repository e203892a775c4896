import { z } from "zod/v4";
import { toHex } from "../core/bytes.ts";
import { COURT_SAYS } from "../core/dispute.ts";
import { WeftError } from "../core/errors.ts";
import type { ListTree } from "../core/list-tree.ts";
import type { Hashing } from "../core/ports.ts";
import { type Segment, snapshotTree } from "../core/segment.ts";
import { TOKEN_KINDS } from "../core/snapshot.ts";

export type Hex = `0x${string}`;

const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `is not 0x and ${bytes} bytes`)
    .transform((text) => text.toLowerCase() as Hex);
const anyHex = z
  .string()
  .regex(/^0x(?:[0-9a-fA-F]{2})*$/, "is not 0x and whole bytes")
  .transform((text) => text.toLowerCase() as Hex);
const u32 = z.int().min(0).max(0xffff_ffff);
const counter = z.int().min(0);

const proofSchema = z.object({
  number: counter,
  segmentIndex: u32,
  header: z.object({
    operator: hex(20),
    incarnation: hex(16),
    sequence: counter,
    previous: hex(32),
    snapshotsRoot: hex(32),
    snapshotCount: u32,
  }),
  signature: hex(65),
  segmentProof: z.array(hex(32)),
  snapshotIndex: u32,
  salt: hex(16),
  body: anyHex,
  snapshotProof: z.array(hex(32)),
});

const place = { sequence: counter, index: u32, proof: proofSchema.optional() };

const snapshotSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("open"), ...place }),
  z.object({ type: z.literal("tokens"), ...place, first: u32, kind: z.enum(TOKEN_KINDS), tokens: z.array(u32) }),
  z.object({ type: z.literal("close"), ...place }),
]);

const canonicalSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("answer"), turn: hex(32), number: counter, segmentIndex: u32, snapshotIndex: u32 }),
  z.object({ type: z.literal("none") }),
  z.object({ type: z.literal("unknown") }),
]);

const receiptSchema = z.object({
  requestId: hex(32),
  turn: hex(32),
  status: z.enum(["pending", "attested", "final"]),
  court: z.enum(COURT_SAYS),
  canonical: canonicalSchema,
  position: u32,
  tokens: z.array(u32).min(1),
  snapshots: z.array(snapshotSchema).min(1),
});

/** Where one snapshot stands in a checkpoint: the fields of a contract's `SnapshotProof`, and the author's signature. */
export type SnapshotProof = z.output<typeof proofSchema>;

/**
 * One snapshot of the turn at its place in its track; `proof` once a checkpoint covers it. `first` is an absolute
 * position, `tokens` are all that the snapshot has.
 */
export type ReceiptSnapshot = z.output<typeof snapshotSchema>;

/**
 * What a worker says of an answer: the token ids from `position` on, the turn that says them, and its snapshots in order:
 * the opening, those with these tokens and, when it is known, the closing. `canonical` names the turn that counts where
 * several answer the request, and the place of its closing; `court` says what the inference court says of this one. They and
 * `status` are the worker's word; all the rest is proven.
 */
export type Receipt = z.output<typeof receiptSchema>;

/** @throws WeftError `malformed`, with the path of the first fault as its field */
export function parseReceipt(value: unknown): Receipt {
  return parsed(receiptSchema, value, "receipt");
}

/** @throws WeftError `malformed`, with the path of the first fault as its field */
export function parseProof(value: unknown): SnapshotProof {
  return parsed(proofSchema, value, "proof");
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue.path.join(".") || what;
  throw new WeftError("malformed", `not a ${what}: ${field}: ${issue.message}`, { field });
}

/**
 * The proof of one snapshot: two Merkle steps into a committed checkpoint, as contracts take them.
 * @param segments the tree of all segments of checkpoint `number`
 * @param segmentIndex where in it `segment` stands
 */
export function proofJson(
  hashing: Hashing,
  { number, segments, segmentIndex }: { number: number; segments: ListTree; segmentIndex: number },
  { header, signature, snapshots }: Segment,
  snapshotIndex: number,
): SnapshotProof {
  const { salt, body } = snapshots[snapshotIndex];
  return {
    number,
    segmentIndex,
    header: {
      operator: toHex(header.operator),
      incarnation: toHex(header.incarnation),
      sequence: header.sequence,
      previous: toHex(header.previous),
      snapshotsRoot: toHex(header.snapshotsRoot),
      snapshotCount: header.snapshotCount,
    },
    signature: toHex(signature),
    segmentProof: segments.proof(segmentIndex).map(toHex),
    snapshotIndex,
    salt: toHex(salt),
    body: toHex(body),
    snapshotProof: snapshotTree(hashing, snapshots).proof(snapshotIndex).map(toHex),
  };
}

/** A proof as contracts take it: viem and ethers encode it as the struct `SnapshotProof`. */
export function toStruct({ signature: _, ...proof }: SnapshotProof) {
  const { header } = proof;
  return { ...proof, number: BigInt(proof.number), header: { ...header, sequence: BigInt(header.sequence) } };
}

export type SnapshotProofStruct = ReturnType<typeof toStruct>;

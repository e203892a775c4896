import type { Bytes } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { CutEntry } from "./cut.ts";
import type { Header } from "./header.ts";
import type { SetMember } from "./registry.ts";
import type { SaltedSnapshot } from "./snapshot.ts";

/** An entry as a quorum states it, true or not: its counter may be any 64 bits. */
export type StatedEntry = Omit<CutEntry, "sequence"> & { sequence: bigint };

/** A header as a quorum states it, true or not: its counter may be any 64 bits. */
export type StatedHeader = Omit<Header, "sequence"> & { sequence: bigint };

type Siblings = readonly Bytes[];

/** A leaf of a tree by its hash. */
export type LeafAt = { index: number; leaf: Bytes; proof: Siblings };
/** What a leaf of a tree is the hash of. */
export type DataAt = { index: number; data: Bytes; proof: Siblings };
/** An entry of the accused cut, and of the parent's unless the slot is new. */
export type EntryAt = {
  slot: number;
  entry: StatedEntry;
  proof: Siblings;
  before?: { entry: StatedEntry; proof: Siblings };
};
/** A segment of the accused checkpoint. */
export type HeaderAt = { index: number; header: StatedHeader; proof: Siblings };
/** A snapshot of the accused checkpoint, or of one before it. */
export type SnapshotAt = SaltedSnapshot & {
  number: number;
  segmentIndex: number;
  header: StatedHeader;
  segmentProof: Siblings;
  snapshotIndex: number;
  snapshotProof: Siblings;
};
/** What happened at a registry position that left the operator set as it was. */
export type QuietPosition = { kind: number; payload: Bytes };

type OfCheckpoint = { checkpoint: Checkpoint };
type OfBoth = OfCheckpoint & { parent: Checkpoint };
/** The accused checkpoint by its hash. */
type OfHash = { hash: Bytes };

/** A call of the court about cuts that condemns a checkpoint: what each part is, `ICutCourt` says. */
export type CutProof =
  | ({ functionName: "proveCounts" } & OfBoth)
  | ({ functionName: "proveCount"; tree: "cut" | "segments"; here: LeafAt } & OfCheckpoint)
  | ({ functionName: "proveFormat"; tree: "cut" | "segments"; here: DataAt } & OfCheckpoint)
  | ({ functionName: "proveEntry"; here: EntryAt } & OfBoth)
  | ({ functionName: "proveFirst"; here: EntryAt; next?: EntryAt } & OfBoth)
  | ({ functionName: "proveOrder"; low: EntryAt; high: EntryAt } & OfBoth)
  | ({ functionName: "proveConvicted"; here: EntryAt; conviction: number; setHash: Bytes } & OfCheckpoint)
  | ({
      functionName: "proveGone";
      here: EntryAt;
      exit: number;
      activation: number;
      epoch: number;
      set: readonly SetMember[];
    } & OfCheckpoint)
  | ({
      functionName: "proveMember";
      here: EntryAt;
      recorded: number;
      kind: number;
      /** One word: the epoch's number, or the convicted operator. */
      subject: Bytes;
      set: readonly SetMember[];
      quiet: readonly QuietPosition[];
    } & OfCheckpoint)
  | ({ functionName: "provePlace"; here: EntryAt; segment: HeaderAt } & OfBoth)
  | ({ functionName: "proveChain"; earlier: HeaderAt; later: HeaderAt } & OfCheckpoint)
  | ({ functionName: "proveHeader"; segment: HeaderAt; here?: LeafAt } & OfCheckpoint)
  | ({ functionName: "proveSnapshot"; snapshot: SnapshotAt } & OfHash)
  | ({ functionName: "proveSuccession"; later: SnapshotAt; earlier: SnapshotAt; peaks: Siblings } & OfHash)
  | ({ functionName: "proveRequest"; later: SnapshotAt; open: SnapshotAt } & OfHash)
  | ({ functionName: "proveTwins"; snapshot: SnapshotAt; twin: SnapshotAt } & OfHash);

import type { Accusation } from "./accused-cut.ts";
import type { Beat } from "./beat.ts";
import type { Bytes } from "./bytes.ts";
import type { ChainEvent } from "./chain.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { CommittedPlace } from "./checkpoints.ts";
import type { Advance, Cut, CutEntry } from "./cut.ts";
import type { CutProof, StatedEntry, StatedHeader } from "./cut-proof.ts";
import type { WeftError } from "./errors.ts";
import type { Evidence } from "./evidence.ts";
import type { FalseMemory } from "./false-memory.ts";
import type { TraceEntry } from "./fold-proof.ts";
import type { Memories } from "./memories.ts";
import type { MemoryCursor, MemoryPage, MemoryPart } from "./memory-page.ts";
import type { AttestReply, Proposal } from "./proposal.ts";
import type { SetMember } from "./registry.ts";
import type { Segment, TrackKey } from "./segment.ts";
import type { StatedTree, TreePage, TreeRequest } from "./stated-tree.ts";

/** `size` is in bytes, as it came. */
export type SizedSegment = { segment: Segment; size: number };

/**
 * The border of the protocol: `step(event, now) → effects` (protocol.ts). Whoever drives it (a worker, a test, a
 * simulator) turns what happens into events, and carries the effects out in their order: what is to be stored is durable
 * before anything after it is done. Times are milliseconds of one monotonic clock.
 */
export type ProtocolEvent =
  /** Several times a second. `load`: turns being written here. */
  | { type: "tick"; load: number }
  /** Pushed on a peer's plot lane, or relayed. */
  | { type: "segments"; from: Bytes; segments: readonly SizedSegment[] }
  /** Sealed by this worker's pen. */
  | { type: "own"; segment: Segment & { hash: Bytes } }
  | { type: "evidence"; evidence: Evidence }
  | { type: "beat"; from: Bytes; beat: Beat }
  | { type: "peer"; peer: Bytes; up: boolean }
  /** A peer asks us to attest; the effect `reply` with the same ticket is the answer. */
  | { type: "asked"; from: Bytes; ticket: number; proposal: Proposal }
  /** To a question of ours. Segments may come in several parts, the last of which says so. */
  | { type: "answered"; id: number; answer: Answer }
  /** What the chain says now. `reorg`: this is the whole list, to be replayed. */
  | { type: "chain"; update: ChainUpdate }
  /** What the chain showed of a committed checkpoint, because we asked for it there. */
  | { type: "shown"; at: CommittedPlace; shown: Shown }
  /** The chain's answer to our commit. */
  | { type: "commit"; outcome: CommitResult };

export type Shown =
  | { type: "segment"; segment: Segment }
  | { type: "trace"; entry: TraceEntry }
  /** Of a segment; also where a segment was asked for and the header is not one of any. With siblings from the bottom up. */
  | { type: "header"; header: StatedHeader; proof: readonly Bytes[] }
  /** Of the cut, by its slot. */
  | { type: "entry"; entry: StatedEntry; proof: readonly Bytes[] };

export type ChainUpdate = {
  type: "events" | "reorg";
  events: readonly ChainEvent[];
  /** Timestamp of the latest block that was read, in seconds; 0 when not known. */
  time: number;
};

/** `lost`: another checkpoint was first. `retired`: the ledger takes none any more. */
export type CommitResult = { type: "committed" | "lost" | "paused" | "retired" } | { type: "failed"; reason: string };

export type Question =
  | { type: "attest"; proposal: Proposal }
  /** Segments `from` to `to` of a track, both included, in order; later than `from` where the beginning is not held. */
  | { type: "fetch"; track: TrackKey; from: number; to: number }
  /** The cut of a committed checkpoint. */
  | { type: "cut"; number: number }
  /** The memories as of a committed checkpoint, from this cell on. */
  | { type: "memory"; number: number; from: MemoryCursor }
  /** What stands in a tree of a committed checkpoint. */
  | ({ type: "tree" } & TreeRequest);

export type Answer =
  | { type: "attest"; reply: AttestReply }
  | { type: "segments"; segments: readonly SizedSegment[]; last: boolean }
  | { type: "cut"; entries: readonly CutEntry[] | undefined }
  /** `size` is in bytes, as it came. */
  | { type: "memory"; page: MemoryPage | undefined; size: number }
  | { type: "tree"; page: TreePage | undefined }
  /** There will be no (further) answer. */
  | { type: "failed"; error: WeftError };

/** What must be on disk before anything that follows it is done. */
export type StoreRecord =
  | { type: "segment"; segment: Segment; hash: Bytes }
  | { type: "evidence"; operator: Bytes; evidence: Evidence }
  /** We are about to sign this. */
  | { type: "attested"; number: number; hash: Bytes }
  | { type: "checkpoint"; number: number; hash: Bytes; checkpoint: Checkpoint; cut: Cut }
  | { type: "drop-checkpoints"; from: number }
  /**
   * The memories as of a final checkpoint, in the place of those that are on disk, which are `before`. Without `before` it is
   * not known what is there: it goes.
   */
  | { type: "memory"; number: number; hash: Bytes; memories: Memories; before?: Memories }
  /** Forget what the cuts before this number were: nobody may ask for them any more. */
  | { type: "prune-checkpoints"; before: number }
  /** Forget what comes after `to`: the chain took another fork. */
  | { type: "rewind"; track: TrackKey; to: number }
  /** The track begins after this head here: nothing up to it is, or is any longer, held. */
  | { type: "base"; base: Advance };

/** A cut that does not follow, with what shows it. */
export type FalseCut = { type: "cut"; proof: CutProof };

/** A cut with a segment that breaks a rule: what shows it is found with the snapshots before it, which are on disk. */
export type FalseSegments = { type: "segments"; accusation: Accusation };

export type Effect =
  | { type: "store"; record: StoreRecord }
  /** Something that beats say has changed. */
  | { type: "announce" }
  /** A segment is stored, ours or another's: to whoever subscribes to its author here, and to rows that waited for it. */
  | { type: "held"; segment: Segment }
  | { type: "ask"; id: number; to: Bytes; question: Question }
  /** The answer is not waited for any more. */
  | { type: "forget"; id: number }
  | { type: "reply"; ticket: number; reply: AttestReply }
  | {
      type: "commit";
      checkpoint: Checkpoint;
      set: readonly SetMember[];
      /** Ascending by signer. */
      signatures: readonly Bytes[];
    }
  /** Pass it on to every peer. */
  | { type: "spread"; evidence: Evidence }
  /** Have a court see it. */
  | { type: "accuse"; evidence: Evidence }
  /** Have a court see what is false in a checkpoint that a quorum attested to. */
  | { type: "condemn"; number: number; hash: Bytes; lie: FalseMemory | FalseCut | FalseSegments }
  /** Nobody serves this tree of a committed checkpoint, which is false, or cannot be read, and without which nobody can be accused. */
  | { type: "unserved"; number: number; hash: Bytes; tree: StatedTree }
  /** Have whoever attested to it show it on the chain: no peer has, for long. */
  | { type: "challenge"; wanted: Shown["type"]; at: CommittedPlace }
  /** Who is to be connected to: the registry has changed. */
  | { type: "peers" }
  /** Whose tracks are to be relayed to us, by which peer; this is the whole list. */
  | { type: "relay"; by: readonly { peer: Bytes; of: readonly Bytes[] }[] }
  /** Checkpoints that the chain committed. */
  | { type: "committed"; numbers: readonly number[] }
  | { type: "fault"; kind: string; operator?: Bytes; error: WeftError };

/** What is on disk, as a worker that starts reads it. */
export type Disk = {
  /** The latest checkpoints with their cuts, ascending; at least as many as the protocol keeps in memory. */
  checkpoints(): Iterable<{ number: number; hash: Bytes; entries: readonly CutEntry[] }>;
  /** A checkpoint's cut, however old, unless it was pruned. */
  cut(number: number): { hash: Bytes; entries: readonly CutEntry[] } | undefined;
  /** The memories that were stored last, and as of which checkpoint. */
  memory(): { number: number; hash: Bytes; parts: Iterable<MemoryPart> } | undefined;
  chain(): { events: readonly ChainEvent[]; time: number };
  bases(): Iterable<Advance>;
  /** Track after track, each ascending. */
  segments(): Iterable<{ segment: Segment; hash: Bytes }>;
  evidence(): Iterable<Evidence>;
};

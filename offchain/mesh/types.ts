import type { Beat } from "../core/beat.ts";
import type { Bytes } from "../core/bytes.ts";
import type { Advance } from "../core/cut.ts";
import type { Evidence } from "../core/evidence.ts";
import type { GenerateEvent, GenerateOrder } from "../core/generate.ts";
import type { Crypto, Signer } from "../core/ports.ts";
import type { AttestReply, Proposal } from "../core/proposal.ts";
import type { RowsShipment } from "../core/rows.ts";
import type { TrackKey } from "../core/segment.ts";

export const LANES = ["pager", "plot", "rows"] as const;
export type Lane = (typeof LANES)[number];

/** A registered worker, as the registry has it. `endpoint` is host:port. */
export type Peer = { operator: Bytes; signer: Bytes; endpoint: string };

/** All heads and all evidence that a worker holds; the mesh sends each peer what it has not sent it yet. */
export type BeatState = Omit<Beat, "heads" | "evidence"> & { heads: readonly Advance[]; evidence: readonly Bytes[] };

export type CutAnswer = { checkpoint: Bytes; entries: Bytes };

/** What a mesh is given and what it serves. None of these may throw the process down: a throw is a fault. */
export type MeshHandlers = {
  /** `heads` and `evidence` are what changed since the beat before; the first of a connection has everything. */
  beat(from: Bytes, beat: Beat): void;
  evidence(from: Bytes, evidence: Evidence): void;
  /**
   * Raw and bounded in size, nothing else is known of it. Awaiting holds the peer's stream back. A throw drops the stream;
   * it is taken up again from `heldOf`, so nothing is skipped.
   */
  segment(from: Bytes, bytes: Bytes): void | Promise<void>;
  rows(from: Bytes, shipment: RowsShipment): void | Promise<void>;
  peerUp?(operator: Bytes): void;
  peerDown?(operator: Bytes): void;
  /** Our heads of that peer's own tracks. */
  heldOf(operator: Bytes): readonly Advance[];

  state(): BeatState;
  /**
   * Own tracks as stored, newer than these heads, each track in order. Read in bounded batches, from the start again each
   * time with newer heads: nothing stays open between two ticks. `to` is the peer that is shown them.
   */
  ownSegments(since: readonly Advance[], to: Bytes): Iterable<Bytes>;
  /** Segments `from` to `to` of any track that is held, in order and without a gap; it may end early. */
  fetch(track: TrackKey, from: number, to: number, peer: Bytes): Iterable<Bytes>;
  cut(number: number): CutAnswer | undefined;
  attest(from: Bytes, proposal: Proposal): Promise<AttestReply>;
  generate(from: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncIterable<GenerateEvent>;
};

export type OnFault = (kind: FaultKind, from: Bytes | undefined, error: unknown) => void;

export type FaultKind =
  /** A peer did not prove its registered key, or refused ours. */
  | "handshake"
  /** A call without a valid session. */
  | "unauthenticated"
  /** Something received was too large, unreadable or out of bounds. */
  | "malformed"
  /** A stream or a call ended with an error that is not just a peer gone. */
  | "stream"
  /** A handler threw. */
  | "handler"
  /** Something to publish was larger than anybody accepts. */
  | "oversized"
  /** An address that cannot be dialled. */
  | "endpoint";

export type MeshOptions = {
  operator: Bytes;
  signer: Signer;
  crypto: Crypto;
  /** EIP-712 domain separator of the ledger: a key proven to one deployment proves nothing to another. */
  separator: Bytes;
  /** host:port; port 0 takes a free one. */
  listen: string;
  handlers: MeshHandlers;
  onFault: OnFault;
  failpoint?(name: string): void;
};

export type PeerState = {
  operator: Bytes;
  endpoint: string;
  /** Its pager and plot streams both reach us. */
  up: boolean;
  lanes: Record<Lane, boolean>;
  /** Payload bytes; calls count on the lane whose connection they use. */
  bytesIn: Record<Lane, number>;
  bytesOut: Record<Lane, number>;
  /** Shipments of rows that this peer was too slow to take. */
  rowsDropped: number;
};

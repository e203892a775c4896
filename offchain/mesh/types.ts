import type { Beat } from "../core/beat.ts";
import type { Bytes } from "../core/bytes.ts";
import type { Advance } from "../core/cut.ts";
import type { Answer, Question } from "../core/events.ts";
import type { Evidence } from "../core/evidence.ts";
import type { GenerateEvent, GenerateOrder } from "../core/generate.ts";
import type { Heads } from "../core/heads.ts";
import type { MemoryCursor, MemoryPage } from "../core/memory-page.ts";
import type { Crypto, Signer } from "../core/ports.ts";
import type { AttestReply, Proposal } from "../core/proposal.ts";
import type { RowsShipment } from "../core/rows.ts";
import type { TrackKey } from "../core/segment.ts";
import type { TreePage, TreeRequest } from "../core/stated-tree.ts";

export const LANES = ["pager", "plot", "rows"] as const;
export type Lane = (typeof LANES)[number];

/** A registered worker, as the registry has it. `endpoint` is host:port. */
export type Peer = { operator: Bytes; signer: Bytes; endpoint: string };

/** All heads and all evidence that a worker holds; the mesh sends each peer what it has not sent it yet. */
export type BeatState = Omit<Beat, "whole" | "heads" | "evidence"> & {
  heads: Heads;
  evidence: readonly Bytes[];
};

export type CutAnswer = { checkpoint: Bytes; entries: Bytes };

/**
 * What a mesh is given and what it serves. None of these is called within a call to the mesh, and none may throw the process
 * down: a throw is a fault.
 */
export type PeerHandlers = {
  /** `heads` and `evidence` are what changed since the beat before; the first of a connection has everything. */
  beat(from: Bytes, beat: Beat): void;
  evidence(from: Bytes, evidence: Evidence): void;
  /**
   * Raw and bounded in size, nothing else is known of it: a track of `from`, or one that it relays. Awaiting holds the
   * peer's stream back. A throw drops the stream; it is taken up again from `heads`, so nothing is skipped.
   */
  segment(from: Bytes, bytes: Bytes): void | Promise<void>;
  rows(from: Bytes, shipment: RowsShipment): void | Promise<void>;
  /** To a question of `ask`. Awaiting holds further parts back. */
  answered(id: number, answer: Answer): void | Promise<void>;
  /** A peer asks us to attest; `reply` with this ticket is the answer, and without one the peer's patience ends. */
  attest(from: Bytes, ticket: number, proposal: Proposal): void;
  peerUp?(operator: Bytes): void;
  peerDown?(operator: Bytes): void;
  /** How far we hold each track. */
  heads(): readonly Advance[];

  state(): BeatState;
  /**
   * Segments as stored of these operators' tracks, newer than these heads, each track in order. Read in bounded batches,
   * from the start again each time with newer heads: nothing stays open between two ticks. `to` is the peer that is shown
   * them.
   */
  segmentsSince(since: readonly Advance[], of: readonly Bytes[], to: Bytes): Iterable<Bytes>;
  /** Segments `from` to `to` of any track that is held, in order and without a gap; it may end early. */
  fetch(track: TrackKey, from: number, to: number, peer: Bytes): Iterable<Bytes>;
  cut(number: number): CutAnswer | undefined;
  /** The memories as of a committed checkpoint, from a cell on: as much of them as fits into a page. */
  memory(number: number, from: MemoryCursor): MemoryPage | undefined;
  /** What we attested to in a tree of a committed checkpoint, from a leaf on: as much as fits into a page. */
  tree(request: TreeRequest): TreePage | undefined;
};

/** Turns written for peers: only a mesh between real workers carries them. */
export type MeshHandlers = PeerHandlers & {
  generate(from: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncIterable<GenerateEvent>;
};

/** What a worker's protocol needs of a mesh, whatever carries it. Nothing here waits, and nothing throws. */
export type MeshPort = {
  /** Dials who is new, drops who is gone, and begins anew with whoever has another endpoint or key. */
  setPeers(peers: readonly Peer[]): void;
  /** The next segment of a track, already stored: our own, or another's for those to whom we relay it. */
  publishSegment(bytes: Bytes): void;
  /** Kept, so that peers who come later are told too; a restarted worker publishes again what it had stored. */
  publishEvidence(evidence: Evidence): void;
  publishRows(shipment: RowsShipment): void;
  /** What `state` says has changed: a beat within 20 ms. */
  changed(): void;
  /** Whose tracks each peer shall relay to us, beside its own; who is not named relays nothing. */
  relay(by: readonly { peer: Bytes; of: readonly Bytes[] }[]): void;
  /**
   * The handler `answered` gets exactly one final answer, whatever goes wrong, unless it is forgotten or the mesh closed.
   * @param id not that of another question that is still open.
   */
  ask(id: number, to: Bytes, question: Question): void;
  /** The question is withdrawn: nothing is answered any more. */
  forget(id: number): void;
  /** Ignored when who asked is gone. */
  reply(ticket: number, reply: AttestReply): void;
  peers(): PeerState[];
  close(): Promise<void>;
};

/** Whoever listens to faults cannot cause one: what it throws is ignored. */
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
  /** Something of our own could not be encoded. */
  | "unsayable"
  /** An address that cannot be dialled. */
  | "endpoint";

/** What every mesh is told. */
export type MeshBasics = {
  operator: Bytes;
  crypto: Crypto;
  /** EIP-712 domain separator of the ledger: a key proven to one deployment proves nothing to another. */
  separator: Bytes;
  handlers: PeerHandlers;
  onFault: OnFault;
  failpoint?(name: string): void;
};

export type MeshOptions = MeshBasics & {
  signer: Signer;
  /** host:port; port 0 takes a free one. */
  listen: string;
  handlers: MeshHandlers;
};

export type PeerState = {
  operator: Bytes;
  endpoint: string;
  /** Its pager and plot streams both reach us. */
  up: boolean;
  lanes: Record<Lane, boolean>;
  /** Bytes of messages; calls count on the lane whose connection they use. */
  bytesIn: Record<Lane, number>;
  bytesOut: Record<Lane, number>;
  /** Shipments of rows that this peer was too slow to take. */
  rowsDropped: number;
};

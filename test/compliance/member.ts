import { randomBytes } from "node:crypto";
import type { Beat } from "../../offchain/core/beat.ts";
import { type Bytes, toHex } from "../../offchain/core/bytes.ts";
import { type Advance, trackName } from "../../offchain/core/cut.ts";
import { codeOf } from "../../offchain/core/errors.ts";
import type { Answer } from "../../offchain/core/events.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import { Heads } from "../../offchain/core/heads.ts";
import type { Signer } from "../../offchain/core/ports.ts";
import type { RowsShipment } from "../../offchain/core/rows.ts";
import {
  decodeSegment,
  encodeSegment,
  headerHash,
  sealSegment,
  type TrackKey,
  trackId,
} from "../../offchain/core/segment.ts";
import { crypto, signerFromKey } from "../../offchain/crypto/crypto.ts";
import type { BeatState, MeshBasics, MeshPort, Peer, PeerHandlers } from "../../offchain/mesh/types.ts";

export const separator = crypto.keccak256(new TextEncoder().encode("a test deployment"));
export const bytes = (length: number): Bytes => new Uint8Array(randomBytes(length));

const BODY_BYTES = 60_000;

export type Identity = { operator: Bytes; signer: Signer };
export const identity = (): Identity => ({ operator: bytes(20), signer: signerFromKey(bytes(32)) });

/** A worker without a protocol: stores what it hears, relays it, and notes everything. */
export class Member {
  readonly operator: Bytes;
  readonly signer: Signer;
  readonly incarnation = bytes(16);
  readonly beats: { from: string; beat: Beat; at: number }[] = [];
  readonly evidence: Evidence[] = [];
  /** What came on plot lanes, in its order. */
  readonly segments: { from: string; of: string; sequence: number }[] = [];
  readonly rows: RowsShipment[] = [];
  readonly events: string[] = [];
  readonly answers: { id: number; answer: Answer }[] = [];
  readonly tickets: number[] = [];
  /** How far the subscriber was, whenever the store was asked for what it lacks. */
  readonly asked: { of: string; since: number }[] = [];
  readonly faults: { kind: string; code: string }[] = [];
  readonly handlers: PeerHandlers;
  state: BeatState = {
    registryPosition: 1,
    registryMark: bytes(8),
    checkpoint: 0,
    anchor: 0,
    known: new Uint8Array(8),
    digest: bytes(32),
    moved: 0,
    load: 0,
    heads: new Heads(),
    evidence: [],
  };
  mesh!: MeshPort;
  peer!: Peer;
  readonly #tracks = new Map<string, { key: TrackKey; stored: Bytes[]; head: Bytes }>();

  constructor({ operator, signer }: Identity, now: () => number, overrides: Partial<PeerHandlers> = {}) {
    this.operator = operator;
    this.signer = signer;
    this.handlers = {
      beat: (from, beat) => void this.beats.push({ from: toHex(from), beat, at: now() }),
      evidence: (_from, evidence) => void this.evidence.push(evidence),
      segment: (from, encoded) => this.#take(from, encoded),
      rows: (_from, shipment) => void this.rows.push(shipment),
      answered: (id, answer) => void this.answers.push({ id, answer }),
      attest: (_from, ticket) => void this.tickets.push(ticket),
      peerUp: (peer) => void this.events.push(`up ${toHex(peer)}`),
      peerDown: (peer) => void this.events.push(`down ${toHex(peer)}`),
      heads: () => this.heads(),
      state: () => this.state,
      segmentsSince: (since, of) => this.#since(since, of),
      fetch: (track, from, to) => this.#tracks.get(trackName(track))?.stored.slice(from - 1, to) ?? [],
      cut: () => undefined,
      memory: () => undefined,
      tree: () => undefined,
      ...overrides,
    };
  }

  get basics(): MeshBasics {
    return {
      operator: this.operator,
      crypto,
      separator,
      handlers: this.handlers,
      onFault: (kind, _from, error) => void this.faults.push({ kind, code: codeOf(error, String(error)) }),
    };
  }

  get track(): TrackKey {
    return { operator: this.operator, incarnation: this.incarnation };
  }

  heads(): Advance[] {
    return [...this.#tracks.values()].map(({ key, stored, head }) => ({ ...key, sequence: stored.length, head }));
  }

  /** Seals and stores the next own segment. */
  seal(size = 64): Bytes {
    const { track } = this;
    const own = this.#open(track);
    const bodies = Array.from({ length: Math.ceil(size / BODY_BYTES) }, () => bytes(Math.min(size, BODY_BYTES)));
    const segment = sealSegment(
      crypto,
      separator,
      this.signer,
      track,
      { sequence: own.stored.length + 1, previous: own.head },
      bodies.map((body) => ({ salt: bytes(16), body })),
    );
    const encoded = encodeSegment(segment);
    own.stored.push(encoded);
    own.head = segment.hash;
    return encoded;
  }

  /** Publishes it too. */
  write(size?: number): void {
    this.mesh.publishSegment(this.seal(size));
  }

  /** Stores a segment of any track, if it is the next. True when it is. */
  keep(encoded: Bytes): boolean {
    const { header } = decodeSegment(encoded);
    const track = this.#open(header);
    if (header.sequence !== track.stored.length + 1) return false;
    track.stored.push(encoded);
    track.head = headerHash(crypto, separator, header);
    return true;
  }

  /** Sequences of an operator's segments, in the order in which they came. */
  heard(of: Member): number[] {
    return this.segments.filter((one) => one.of === toHex(of.operator)).map(({ sequence }) => sequence);
  }

  /** What was answered to a question, the final answer last. */
  answersTo(id: number): Answer[] {
    return this.answers.filter((one) => one.id === id).map(({ answer }) => answer);
  }

  #take(from: Bytes, encoded: Bytes): void {
    const { operator, sequence } = decodeSegment(encoded).header;
    this.segments.push({ from: toHex(from), of: toHex(operator), sequence });
    if (this.keep(encoded)) this.mesh.publishSegment(encoded);
  }

  #open({ operator, incarnation }: TrackKey) {
    const name = trackName({ operator, incarnation });
    let track = this.#tracks.get(name);
    if (!track) {
      track = { key: { operator, incarnation }, stored: [], head: trackId(crypto, { operator, incarnation }) };
      this.#tracks.set(name, track);
    }
    return track;
  }

  *#since(since: readonly Advance[], of: readonly Bytes[]): Generator<Bytes> {
    for (const operator of of)
      this.asked.push({ of: toHex(operator), since: Math.max(0, ...since.map(({ sequence }) => sequence)) });
    const wanted = new Set(of.map(toHex));
    const reached = new Map(since.map((head) => [trackName(head), head.sequence]));
    for (const [name, { key, stored }] of this.#tracks)
      if (wanted.has(toHex(key.operator))) yield* stored.slice(reached.get(name) ?? 0);
  }
}

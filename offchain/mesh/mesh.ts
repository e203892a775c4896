import { type Bytes, equal } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import { decodeGenerateEvent, encodeOrder, type GenerateEvent, type GenerateOrder } from "../core/generate.ts";
import { type AttestReply, decodeAttestReply, encodeProposal, type Proposal } from "../core/proposal.ts";
import { encodeRows, LIMIT_ROWS_BYTES, type RowsShipment } from "../core/rows.ts";
import { LIMIT_SEGMENT_BYTES, type TrackKey } from "../core/segment.ts";
import { type AttestResponse, type CutReply, RowsMessage } from "./generated/mesh.ts";
import { Link } from "./link.ts";
import { Pager } from "./pager.ts";
import { frameSegment, headerOf, type PlotSource } from "./plot.ts";
import { subscriptionsTo } from "./receive.ts";
import { MeshServer } from "./server.ts";
import { type Subscribers, serviceOf } from "./service.ts";
import { Sessions } from "./sessions.ts";
import type { CutAnswer, FaultKind, Lane, MeshOptions, Peer, PeerState } from "./types.ts";
import { framed, hex, LIMIT_FETCH, owned, plain } from "./wire.ts";

export type {
  BeatState,
  CutAnswer,
  FaultKind,
  Lane,
  MeshHandlers,
  MeshOptions,
  OnFault,
  Peer,
  PeerState,
} from "./types.ts";

const CUT_MS = 10_000;
const FETCH_IDLE_MS = 10_000;

type Traffic = Pick<PeerState, "bytesIn" | "bytesOut" | "rowsDropped">;

/** One worker's end of the mesh: a server for what it has, and three connections to every peer for what they have. */
export class Mesh {
  readonly #options: MeshOptions;
  readonly #sessions: Sessions;
  readonly #server: MeshServer;
  readonly #subscribers: Subscribers;
  readonly #links = new Map<string, Link>();
  readonly #traffic = new Map<string, Traffic>();
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: MeshOptions) {
    this.#options = options;
    const { handlers, crypto, separator, failpoint = () => {} } = options;
    this.#sessions = new Sessions(options);
    this.#subscribers = {
      pager: new Pager(
        () => handlers.state(),
        (error) => this.#fault("handler", undefined, error),
      ),
      plot: new Set(),
      rows: new Set(),
    };
    const source: PlotSource = {
      crypto,
      separator,
      ownSegments: (since, to) => handlers.ownSegments(since, to),
      failpoint,
      fault: (error) => this.#fault("handler", undefined, error),
    };
    const dropped = (operator: Bytes) => {
      this.#trafficOf(operator).rowsDropped++;
    };
    this.#server = new MeshServer(
      this.#sessions,
      serviceOf(handlers, this.#subscribers, source, dropped),
      (kind, from, error) => this.#fault(kind, from, error),
      (operator, lane, bytes) => {
        this.#trafficOf(operator).bytesOut[lane] += bytes;
      },
    );
  }

  /** @throws WeftError `cannot_listen` */
  async start(): Promise<{ port: number }> {
    const port = await this.#server.listen(this.#options.listen);
    this.#subscribers.pager.start();
    return { port };
  }

  /** Dials who is new, drops who is gone, and begins anew with whoever has another endpoint or key. */
  setPeers(peers: readonly Peer[]): void {
    if (this.#closed) return;
    const others = peers.filter(({ operator }) => !equal(operator, this.#options.operator));
    this.#sessions.setPeers(others);
    const wanted = new Map(others.map((peer) => [hex(peer.operator), peer]));
    for (const [name, link] of this.#links) {
      const peer = wanted.get(name);
      if (peer?.endpoint === link.peer.endpoint && equal(peer.signer, link.peer.signer)) continue;
      this.#links.delete(name);
      this.#retire(link);
    }
    for (const name of this.#traffic.keys()) if (!wanted.has(name)) this.#traffic.delete(name);
    for (const [name, peer] of wanted) {
      if (this.#links.has(name)) continue;
      try {
        this.#links.set(name, this.#dial(peer));
      } catch (error) {
        this.#fault("endpoint", peer.operator, error);
      }
    }
  }

  /** The next segment of an own track, already stored. */
  publishSegment(bytes: Bytes): void {
    if (bytes.length > LIMIT_SEGMENT_BYTES) this.#tooLarge("segment");
    if (bytes.length > LIMIT_SEGMENT_BYTES || this.#subscribers.plot.size === 0) return;
    const live = { frame: frameSegment(bytes), header: headerOf(bytes) };
    for (const subscriber of this.#subscribers.plot) subscriber.publish(live);
  }

  publishRows(shipment: RowsShipment): void {
    if (shipment.rows.length > LIMIT_ROWS_BYTES) this.#tooLarge("rows");
    if (shipment.rows.length > LIMIT_ROWS_BYTES || this.#subscribers.rows.size === 0) return;
    const frame = framed(RowsMessage, { rows: encodeRows(shipment) });
    for (const subscriber of this.#subscribers.rows) subscriber.publish(frame);
  }

  /** Kept, so that peers who come later are told too; a restarted worker publishes again what it had stored. */
  publishEvidence(evidence: Evidence): void {
    this.#subscribers.pager.publishEvidence(evidence);
  }

  /** What `state` says has changed: a beat within 20 ms. */
  changed(): void {
    this.#subscribers.pager.changed();
  }

  async *fetch(peer: Bytes, track: TrackKey, from: number, to: number): AsyncGenerator<Bytes> {
    const link = this.#linkTo(peer);
    const { operator, incarnation } = track;
    for (let next = from; next <= to; ) {
      const fromSequence = next;
      const toSequence = Math.min(to, next + LIMIT_FETCH - 1);
      const request = { operator, incarnation, fromSequence, toSequence };
      const open = (metadata: Parameters<typeof link.clients.plot.fetch>[1]) =>
        link.clients.plot.fetch(request, metadata);
      for await (const { segment } of link.stream(open, { idleMs: FETCH_IDLE_MS })) {
        this.#count(peer, "plot", segment.length);
        if (segment.length > LIMIT_SEGMENT_BYTES || next > toSequence) throw this.#malformed(peer, "fetched segment");
        next++;
        yield owned(segment);
      }
      if (next <= toSequence) return; // the peer has no more
    }
  }

  async cut(peer: Bytes, number: number): Promise<CutAnswer | undefined> {
    const { pager } = this.#linkTo(peer).clients;
    const reply = await this.#linkTo(peer).call<CutReply>(
      (metadata, options, done) => pager.cut({ number }, metadata, options, done),
      CUT_MS,
    );
    this.#count(peer, "pager", reply.entries.length);
    return reply.found ? { checkpoint: owned(reply.checkpoint), entries: owned(reply.entries) } : undefined;
  }

  async attest(peer: Bytes, proposal: Proposal, timeoutMs: number): Promise<AttestReply> {
    const { pager } = this.#linkTo(peer).clients;
    const request = { proposal: encodeProposal(proposal) };
    const { reply } = await this.#linkTo(peer).call<AttestResponse>(
      (metadata, options, done) => pager.attest(request, metadata, options, done),
      timeoutMs,
    );
    this.#count(peer, "pager", reply.length);
    return this.#parsed(peer, () => decodeAttestReply(plain(reply)));
  }

  /** Throws WeftError: `cancelled` after an abort, `unavailable` when the peer is gone, or the peer's own code. */
  async *generate(peer: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const link = this.#linkTo(peer);
    const request = { order: encodeOrder(order) };
    for await (const { event } of link.stream((metadata) => link.clients.plot.generate(request, metadata), {
      signal,
    })) {
      this.#count(peer, "plot", event.length);
      yield this.#parsed(peer, () => decodeGenerateEvent(plain(event)));
    }
  }

  peers(): PeerState[] {
    return [...this.#links.values()].map(({ peer, up, lanes }) => {
      const { bytesIn, bytesOut, rowsDropped } = this.#trafficOf(peer.operator);
      const { operator, endpoint } = peer;
      return {
        operator,
        endpoint,
        up,
        lanes: { ...lanes },
        bytesIn: { ...bytesIn },
        bytesOut: { ...bytesOut },
        rowsDropped,
      };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#subscribers.pager.stop();
    for (const link of this.#links.values()) this.#retire(link);
    this.#links.clear();
    this.#sessions.close();
    this.#server.close();
    await Promise.all(this.#closing);
  }

  #dial(peer: Peer): Link {
    const { handlers } = this.#options;
    const { operator } = peer;
    const subscriptions = subscriptionsTo(
      operator,
      handlers,
      (lane, bytes) => this.#count(operator, lane, bytes),
      (kind, error) => this.#fault(kind, operator, error),
    );
    return new Link(this.#options, peer, subscriptions, {
      up: () => this.#guard(operator, () => handlers.peerUp?.(operator)),
      down: () => this.#guard(operator, () => handlers.peerDown?.(operator)),
      fault: (kind, from, error) => this.#fault(kind, from, error),
    });
  }

  #retire(link: Link): void {
    const closing = link.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #linkTo(peer: Bytes): Link {
    const link = this.#links.get(hex(peer));
    if (!link) throw new WeftError("unknown_peer", "the registry does not list this operator", { field: "peer" });
    return link;
  }

  #trafficOf(operator: Bytes): Traffic {
    const name = hex(operator);
    let traffic = this.#traffic.get(name);
    if (!traffic) {
      traffic = { bytesIn: { pager: 0, plot: 0, rows: 0 }, bytesOut: { pager: 0, plot: 0, rows: 0 }, rowsDropped: 0 };
      this.#traffic.set(name, traffic);
    }
    return traffic;
  }

  #count(operator: Bytes, lane: Lane, bytes: number): void {
    this.#trafficOf(operator).bytesIn[lane] += bytes;
  }

  #parsed<V>(peer: Bytes, read: () => V): V {
    try {
      return read();
    } catch (error) {
      this.#fault("malformed", peer, error);
      throw error;
    }
  }

  #malformed(peer: Bytes, what: string): WeftError {
    const error = new WeftError("malformed", `not a ${what}`, { field: what });
    this.#fault("malformed", peer, error);
    return error;
  }

  #tooLarge(what: string): void {
    this.#fault("oversized", undefined, new WeftError("too_large", `a ${what} that no peer accepts`, { field: what }));
  }

  #guard<V>(from: Bytes | undefined, handle: () => V): V | undefined {
    try {
      return handle();
    } catch (error) {
      this.#fault("handler", from, error);
      return undefined;
    }
  }

  /** Whoever listens to faults must not be able to cause one. */
  #fault(kind: FaultKind, from: Bytes | undefined, error: unknown): void {
    try {
      this.#options.onFault(kind, from, error);
    } catch {}
  }
}

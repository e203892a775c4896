import { type Bytes, equal } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Question } from "../core/events.ts";
import type { Evidence } from "../core/evidence.ts";
import type { AttestReply } from "../core/proposal.ts";
import { encodeRows, LIMIT_ROWS_BYTES, type RowsShipment } from "../core/rows.ts";
import { LIMIT_SEGMENT_BYTES } from "../core/segment.ts";
import { Asks } from "./asks.ts";
import { framed, hex } from "./frames.ts";
import { RowsMessage } from "./generated/mesh.ts";
import { Pager } from "./pager.ts";
import { liveSegment, type PlotSource } from "./plot.ts";
import { subscriptionsTo } from "./receive.ts";
import { type Subscribers, serviceOf, Tickets } from "./service.ts";
import type { CountOut, Link, Server, Service, Transport } from "./transport.ts";
import type { FaultKind, Lane, MeshBasics, MeshPort, OnFault, Peer, PeerState } from "./types.ts";

type Traffic = Pick<PeerState, "bytesIn" | "bytesOut" | "rowsDropped">;

/** One worker's end of the mesh: a server for what it has, and a link to every peer for what they have. */
export class MeshBase implements MeshPort {
  readonly #options: MeshBasics;
  readonly #transport: Transport;
  readonly #server: Server;
  readonly #subscribers: Subscribers;
  readonly #tickets = new Tickets();
  readonly #asks: Asks;
  readonly #links = new Map<string, Link>();
  readonly #relayed = new Map<string, readonly Bytes[]>();
  readonly #traffic = new Map<string, Traffic>();
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  /** @param extra calls that only this kind of mesh serves. */
  protected constructor(options: MeshBasics, transport: Transport, extra: Service = {}) {
    this.#options = options;
    this.#transport = transport;
    const { handlers, operator, crypto, separator, failpoint = () => {} } = options;
    const { clock } = transport;
    const fault = (error: unknown) => this.fault("handler", undefined, error);
    this.#subscribers = {
      pager: new Pager(clock, () => handlers.state(), fault),
      plot: new Set(),
      rows: new Set(),
    };
    const source: PlotSource = {
      clock,
      crypto,
      separator,
      self: operator,
      segmentsSince: (since, of, to) => handlers.segmentsSince(since, of, to),
      failpoint,
      fault,
    };
    const dropped = (to: Bytes) => {
      this.#trafficOf(to).rowsDropped++;
    };
    const service = serviceOf(handlers, this.#subscribers, this.#tickets, source, dropped);
    const onFault: OnFault = (kind, from, error) => this.fault(kind, from, error);
    const countOut: CountOut = (to, lane, bytes) => {
      this.#trafficOf(to).bytesOut[lane] += bytes;
    };
    this.#server = transport.serve({ ...service, ...extra }, onFault, countOut);
    this.#asks = new Asks({
      clock,
      linkTo: (peer) => this.linkTo(peer),
      answered: (id, answer) => handlers.answered(id, answer),
      count: (peer, lane, bytes) => this.count(peer, lane, bytes),
      fault: onFault,
    });
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#closed) return;
    const others = peers.filter(({ operator }) => !equal(operator, this.#options.operator));
    this.#server.setPeers(others);
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
        this.fault("endpoint", peer.operator, error);
      }
    }
  }

  publishSegment(bytes: Bytes): void {
    if (bytes.length > LIMIT_SEGMENT_BYTES) this.#tooLarge("segment");
    if (bytes.length > LIMIT_SEGMENT_BYTES || this.#subscribers.plot.size === 0) return;
    const live = this.#sayable(() => liveSegment(bytes));
    if (live) for (const subscriber of this.#subscribers.plot) subscriber.publish(live);
  }

  publishRows(shipment: RowsShipment): void {
    if (shipment.rows.length > LIMIT_ROWS_BYTES) this.#tooLarge("rows");
    if (shipment.rows.length > LIMIT_ROWS_BYTES || this.#subscribers.rows.size === 0) return;
    const frame = this.#sayable(() => framed(RowsMessage, { rows: encodeRows(shipment) }));
    if (frame) for (const subscriber of this.#subscribers.rows) subscriber.publish(frame);
  }

  publishEvidence(evidence: Evidence): void {
    this.#sayable(() => this.#subscribers.pager.publishEvidence(evidence));
  }

  changed(): void {
    this.#subscribers.pager.changed();
  }

  relay(by: readonly { peer: Bytes; of: readonly Bytes[] }[]): void {
    const wanted = new Map(by.map(({ peer, of }) => [hex(peer), of]));
    for (const name of new Set([...this.#relayed.keys(), ...wanted.keys()])) {
      const of = wanted.get(name) ?? [];
      const isSame = namesOf(of) === namesOf(this.#relayed.get(name) ?? []);
      this.#relayed.set(name, of);
      if (of.length === 0) this.#relayed.delete(name);
      if (!isSame) this.#links.get(name)?.renew("plot");
    }
  }

  ask(id: number, to: Bytes, question: Question): void {
    if (!this.#closed) this.#asks.ask(id, to, question);
  }

  forget(id: number): void {
    this.#asks.forget(id);
  }

  reply(ticket: number, reply: AttestReply): void {
    this.#sayable(() => this.#tickets.reply(ticket, reply));
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
    this.#asks.close();
    this.#subscribers.pager.stop();
    for (const link of this.#links.values()) this.#retire(link);
    this.#links.clear();
    this.#server.close();
    await Promise.all(this.#closing);
  }

  protected begin(): void {
    this.#subscribers.pager.start();
  }

  protected linkTo(peer: Bytes): Link | undefined {
    return this.#links.get(hex(peer));
  }

  protected count(peer: Bytes, lane: Lane, bytes: number): void {
    this.#trafficOf(peer).bytesIn[lane] += bytes;
  }

  /** Whoever listens to faults must not be able to cause one. */
  protected fault(kind: FaultKind, from: Bytes | undefined, error: unknown): void {
    try {
      this.#options.onFault(kind, from, error);
    } catch {}
  }

  #dial(peer: Peer): Link {
    const { handlers } = this.#options;
    const { operator } = peer;
    const subscriptions = subscriptionsTo(operator, handlers, {
      relayed: () => this.#relayed.get(hex(operator)) ?? [],
      count: (lane, bytes) => this.count(operator, lane, bytes),
      fault: (kind, error) => this.fault(kind, operator, error),
    });
    return this.#transport.dial(peer, subscriptions, {
      up: () => this.#told(operator, () => handlers.peerUp?.(operator)),
      down: () => this.#told(operator, () => handlers.peerDown?.(operator)),
      fault: (kind, from, error) => this.fault(kind, from, error),
    });
  }

  #retire(link: Link): void {
    const closing = link.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
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

  #tooLarge(what: string): void {
    this.fault("oversized", undefined, new WeftError("too_large", `a ${what} that no peer accepts`, { field: what }));
  }

  /** What cannot be said is our own fault, and not a reason to fall over. */
  #sayable<V>(work: () => V): V | undefined {
    try {
      return work();
    } catch (error) {
      this.fault("unsayable", undefined, error);
      return undefined;
    }
  }

  #told(peer: Bytes, tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.fault("handler", peer, error);
    }
  }
}

const namesOf = (operators: readonly Bytes[]): string => operators.map(hex).sort().join();

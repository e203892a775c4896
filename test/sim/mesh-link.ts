import { equal } from "../../offchain/core/bytes.ts";
import { codeOf, WeftError } from "../../offchain/core/errors.ts";
import { backoffMs, FRAME_LIMITS, LANE_OF, type Method } from "../../offchain/mesh/frames.ts";
import type { CallLimits, Link, LinkEvents, Subscriptions, Taker } from "../../offchain/mesh/transport.ts";
import { LANES, type Lane, type Peer } from "../../offchain/mesh/types.ts";
import { type Call, type Packet, type Proof, sizeOf, type Wire } from "./wire.ts";

/** How long a call waits for a connection, and a subscription for an answer. */
const CONNECT_MS = 1000;
const OPEN_MS = 3000;
/** A peer whose pager is silent for so long is gone, whatever the connection says. */
const SILENCE_MS = 3000;
const GOOD_MS = 3000;

/** Who takes the packets that answer a call. */
export type Calls = Map<Call, (packet: Packet) => void>;

type Stream = { call?: Call; opened: boolean; began: number; failures: number; heard: boolean; cancel: () => void };

export class MemoryLink implements Link {
  readonly peer: Peer;
  readonly lanes: Record<Lane, boolean> = { pager: false, plot: false, rows: false };
  readonly #wire: Wire;
  readonly #self: Proof & { endpoint: string };
  readonly #calls: Calls;
  readonly #subscriptions: Subscriptions;
  readonly #events: LinkEvents;
  readonly #onClose: () => void;
  readonly #streams: Record<Lane, Stream>;
  readonly #asked = new Set<(error: WeftError) => void>();
  #closed = false;
  #up = false;

  constructor(
    wire: Wire,
    self: Proof & { endpoint: string },
    calls: Calls,
    peer: Peer,
    subscriptions: Subscriptions,
    events: LinkEvents,
    onClose: () => void,
  ) {
    this.#wire = wire;
    this.#self = self;
    this.#calls = calls;
    this.peer = peer;
    this.#subscriptions = subscriptions;
    this.#events = events;
    this.#onClose = onClose;
    const stream = (): Stream => ({ opened: false, began: 0, failures: 0, heard: false, cancel: () => {} });
    this.#streams = { pager: stream(), plot: stream(), rows: stream() };
    for (const lane of LANES) this.#later(lane, 0);
  }

  get up(): boolean {
    return this.#up;
  }

  /** The wire says that the connection has come or gone. */
  changed(): void {
    if (this.#wire.isOpen(this.#self.endpoint, this.peer.endpoint)) {
      for (const lane of LANES) {
        this.#streams[lane].failures = 0;
        if (!this.#streams[lane].call) this.#later(lane, 0);
      }
    } else this.#lost(false);
  }

  renew(lane: Lane): void {
    const stream = this.#streams[lane];
    if (!stream.call) return; // asks anew whenever it is opened
    this.#forget(lane, true);
    this.#later(lane, 0);
  }

  call(method: Method, request: Buffer, { timeoutMs, idleMs }: CallLimits, taker: Taker): () => void {
    const call = this.#named(method);
    const timers: (() => void)[] = [];
    let heard = false;
    const end = (): boolean => {
      for (const cancel of timers) cancel();
      this.#asked.delete(finish);
      return this.#calls.delete(call);
    };
    const finish = (error?: WeftError) => end() && taker.over(error);
    const cancel = (error?: WeftError) => {
      if (!end()) return;
      this.#carry({ ...this.#to(call), kind: "cancel", size: sizeOf() });
      if (error) taker.over(error);
    };
    const after = (ms: number, work: () => void) => void timers.push(this.#wire.after(ms, work));
    const listen = (ms: number) => {
      after(ms, () => {
        if (!heard) cancel(new WeftError("deadline", "the peer fell silent"));
        heard = false;
        if (this.#calls.has(call)) listen(ms);
      });
    };
    this.#asked.add(finish);
    let frames = 0;
    this.#calls.set(call, (packet) => {
      heard = true;
      if (packet.kind !== "data" && packet.kind !== "end") return;
      const at = packet.index ?? frames;
      if (at < frames) return; // once more
      // An answer is whole and in order, or its connection broke; streams to subscribers are as the network leaves them.
      if (at > frames) return cancel(new WeftError("unavailable", "the connection broke"));
      if (packet.kind === "end") return void finish(packet.error);
      frames++;
      try {
        this.#bounded(call.lane, packet.frame.length);
        void taker.frame(packet.frame as Buffer);
      } catch (error) {
        cancel(
          error instanceof WeftError ? error : new WeftError("stream_failed", "the call failed", { cause: error }),
        );
      }
    });
    if (!this.#isOpen) after(CONNECT_MS, () => finish(new WeftError("unavailable", "the peer is not connected")));
    else this.#carry({ ...this.#to(call), kind: "open", as: this.#self, request, size: sizeOf(request) });
    if (timeoutMs !== undefined) after(timeoutMs, () => cancel(new WeftError("deadline", "the peer was too slow")));
    if (idleMs !== undefined) listen(idleMs);
    return () => cancel();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#onClose();
    this.#wire.after(0, () => this.#lost(true));
    return Promise.resolve();
  }

  get #isOpen(): boolean {
    return !this.#closed && this.#wire.isOpen(this.#self.endpoint, this.peer.endpoint);
  }

  #later(lane: Lane, ms: number): void {
    const stream = this.#streams[lane];
    stream.cancel();
    stream.cancel = this.#wire.after(ms, () => this.#subscribe(lane));
  }

  #subscribe(lane: Lane): void {
    const stream = this.#streams[lane];
    if (stream.call || !this.#isOpen) return;
    const call = this.#named(lane);
    const request = this.#subscriptions[lane].request();
    stream.call = call;
    stream.opened = false;
    stream.began = this.#wire.now();
    stream.cancel = this.#wire.after(OPEN_MS, () => this.#drop(lane));
    this.#calls.set(call, (packet) => this.#received(lane, packet));
    this.#carry({ ...this.#to(call), kind: "open", as: this.#self, request, size: sizeOf(request) });
  }

  #received(lane: Lane, packet: Packet): void {
    const stream = this.#streams[lane];
    stream.heard = true;
    switch (packet.kind) {
      case "opened":
        if (!this.#isPeer(packet.as)) {
          this.#report(new WeftError("wrong_peer", "the peer does not hold the registered key", { field: "endpoint" }));
          this.#drop(lane);
        } else this.#opened(lane);
        break;
      case "data":
        this.#opened(lane);
        if (!this.#take(lane, packet.frame as Buffer) && stream.call === packet.call) this.#drop(lane);
        break;
      case "end":
        this.#report(packet.error ?? new WeftError("unavailable", "the peer ended the stream"));
        this.#failed(lane, false);
    }
  }

  #take(lane: Lane, frame: Buffer): boolean {
    try {
      this.#bounded(lane, frame.length);
    } catch (error) {
      this.#report(error);
      return false;
    }
    return this.#subscriptions[lane].receive(frame) !== false;
  }

  #bounded(lane: Lane, length: number): void {
    if (length > FRAME_LIMITS[lane]) throw new WeftError("too_large", "a message larger than anything that there is");
  }

  #opened(lane: Lane): void {
    const stream = this.#streams[lane];
    if (stream.opened) return;
    stream.opened = true;
    stream.cancel();
    if (lane === "pager") this.#listen(stream.call);
    this.#mark(lane, true);
  }

  #listen(call: Call | undefined): void {
    const stream = this.#streams.pager;
    stream.heard = false;
    this.#wire.after(SILENCE_MS, () => {
      if (stream.call !== call) return;
      if (stream.heard) this.#listen(call);
      else this.#lost(true);
    });
  }

  #isPeer({ operator, signer }: Proof): boolean {
    return equal(operator, this.peer.operator) && equal(signer, this.peer.signer);
  }

  #drop(lane: Lane): void {
    this.#failed(lane, true);
  }

  #failed(lane: Lane, cancel: boolean): void {
    const stream = this.#streams[lane];
    if (this.#wire.now() - stream.began > GOOD_MS) stream.failures = 0;
    this.#forget(lane, cancel);
    this.#mark(lane, false);
    if (!this.#closed) this.#later(lane, backoffMs(stream.failures++));
  }

  /** Everything over this link is over; what can be is taken up again. */
  #lost(cancel: boolean): void {
    for (const lane of LANES) {
      const had = this.#streams[lane].call !== undefined;
      if (had) this.#failed(lane, cancel);
      else if (this.#closed) this.#streams[lane].cancel();
    }
    for (const finish of [...this.#asked]) finish(new WeftError("unavailable", "the peer is gone"));
  }

  #forget(lane: Lane, cancel: boolean): void {
    const stream = this.#streams[lane];
    stream.cancel();
    if (!stream.call) return;
    this.#calls.delete(stream.call);
    if (cancel) this.#carry({ ...this.#to(stream.call), kind: "cancel", size: sizeOf() });
    stream.call = undefined;
  }

  #mark(lane: Lane, open: boolean): void {
    this.lanes[lane] = open;
    const up = this.lanes.pager && this.lanes.plot;
    if (up === this.#up) return;
    this.#up = up;
    if (up) this.#events.up();
    else this.#events.down();
  }

  /** A peer that is gone is no fault; one that refuses us, or sends what cannot be, is. */
  #report(error: unknown): void {
    const code = codeOf(error);
    if (this.#closed || code === "unavailable") return;
    const isHandshake = code === "wrong_peer" || code === "unknown_operator" || code === "no_session";
    const kind = code === "too_large" ? "malformed" : isHandshake ? "handshake" : "stream";
    this.#events.fault(kind, this.peer.operator, error);
  }

  #named(method: Method): Call {
    return { method, lane: LANE_OF[method], from: this.#self.endpoint, to: this.peer.endpoint };
  }

  #to(call: Call) {
    return { from: call.from, to: call.to, lane: call.lane, call };
  }

  #carry(packet: Packet): void {
    this.#wire.carry(packet, () => {});
  }
}

import { type Bytes, equal } from "../../offchain/core/bytes.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import { CREDIT_BYTES, hex, LANE_OF, LIMIT_CALLS, type Method, REQUEST_LIMITS } from "../../offchain/mesh/frames.ts";
import { faultOf } from "../../offchain/mesh/service.ts";
import type { CountOut, Outlet, Server, Service } from "../../offchain/mesh/transport.ts";
import type { OnFault, Peer } from "../../offchain/mesh/types.ts";
import { type Call, type Packet, type Proof, sizeOf, type Wire } from "./wire.ts";

/** What a Byzantine worker sends instead of an honest frame: nothing, something else, several. */
export type Tamper = (to: Bytes, method: Method, frame: Buffer) => readonly Buffer[];

type Open = Extract<Packet, { kind: "open" }>;
type Serving = Proof & { out: MemoryOutlet };
/** How many frames of a call were sent. */
type Sent = { frames: number };

/** The server's end of calls over a wire. */
export class MemoryServer implements Server {
  tamper: Tamper | undefined;
  readonly #wire: Wire;
  readonly #self: Proof;
  readonly #service: Service;
  readonly #onFault: OnFault;
  readonly #countOut: CountOut;
  readonly #calls = new Map<Call, Serving & { sent: Sent }>();
  /** A packet that comes twice opens nothing twice, nor what was cancelled before it came. */
  readonly #seen = new WeakSet<Call>();
  #signers = new Map<string, Bytes>();

  constructor(wire: Wire, self: Proof, service: Service, onFault: OnFault, countOut: CountOut) {
    this.#wire = wire;
    this.#self = self;
    this.#service = service;
    this.#onFault = onFault;
    this.#countOut = countOut;
  }

  setPeers(peers: readonly Peer[]): void {
    this.#signers = new Map(peers.map(({ operator, signer }) => [hex(operator), signer]));
    for (const { operator, signer, out } of [...this.#calls.values()])
      if (!this.#isListed(operator, signer)) out.fail(new WeftError("no_session", "the session is over"));
  }

  opened({ call, as, request }: Open): void {
    if (this.#seen.has(call)) return;
    this.#seen.add(call);
    const method = call.method as Method;
    const sent: Sent = { frames: 0 };
    const out = new MemoryOutlet(
      (frame, gone) => this.#send(call, sent, as.operator, frame, gone),
      (error) => this.#carry({ ...this.#back(call), kind: "end", error, index: sent.frames, size: sizeOf() }),
      () => this.#calls.delete(call),
    );
    try {
      const served = this.#admit(method, as, request);
      if (served.subscription) this.#supersede(method, as.operator);
      this.#calls.set(call, { ...as, out, sent });
      this.#carry({ ...this.#back(call), kind: "opened", as: this.#self, size: sizeOf() });
      void served.serve(as.operator, Buffer.from(request.buffer, request.byteOffset, request.length), out);
    } catch (error) {
      this.#onFault(faultOf(error), as.operator, error);
      out.fail(error);
    }
  }

  cancelled(call: Call): void {
    this.#seen.add(call);
    this.#calls.get(call)?.out.close();
  }

  /** The connection to an endpoint is gone, and what went over it. */
  lost(endpoint: string): void {
    for (const [call, { out }] of [...this.#calls]) if (call.from === endpoint) out.close();
  }

  /** Sends this on a peer's subscription, whatever it is. False when there is none. */
  inject(to: Bytes, method: Method, frame: Buffer): boolean {
    for (const [call, { operator, sent }] of this.#calls)
      if (call.method === method && equal(operator, to)) {
        this.#data(call, sent, frame, () => {});
        return true;
      }
    return false;
  }

  close(): void {
    for (const { out } of [...this.#calls.values()]) out.close();
  }

  #admit(method: Method, { operator, signer }: Proof, request: Bytes) {
    const served = this.#service[method];
    if (!served) throw new WeftError("unimplemented", "no such call");
    if (!this.#isListed(operator, signer))
      throw new WeftError("unknown_operator", "the registry does not list this operator, or not with this key");
    const calls = [...this.#calls.values()].filter((other) => equal(other.operator, operator)).length;
    if (calls >= LIMIT_CALLS)
      throw new WeftError("too_many_calls", `more than ${LIMIT_CALLS} calls at once`, { remedy: "wait" });
    if (request.length > REQUEST_LIMITS[method]) throw new WeftError("too_large", "the request is too large");
    return served;
  }

  #isListed(operator: Bytes, signer: Bytes): boolean {
    const listed = this.#signers.get(hex(operator));
    return listed !== undefined && equal(listed, signer);
  }

  #supersede(method: Method, by: Bytes): void {
    for (const [call, { operator, out }] of [...this.#calls])
      if (call.method === method && equal(operator, by))
        out.fail(new WeftError("superseded", "the session subscribed again"));
  }

  #send(call: Call, sent: Sent, to: Bytes, frame: Buffer, gone: () => void): void {
    const method = call.method as Method;
    const frames = this.tamper ? this.tamper(to, method, frame) : [frame];
    this.#countOut(to, LANE_OF[method], frame.length);
    if (frames.length === 0) this.#wire.after(0, gone);
    for (const [i, one] of frames.entries()) this.#data(call, sent, one, i === 0 ? gone : () => {});
  }

  #data(call: Call, sent: Sent, frame: Buffer, gone: () => void): void {
    this.#wire.carry({ ...this.#back(call), kind: "data", frame, index: sent.frames++, size: sizeOf(frame) }, gone);
  }

  #carry(packet: Packet): void {
    this.#wire.carry(packet, () => {});
  }

  #back(call: Call) {
    return { from: call.to, to: call.from, lane: call.lane, call };
  }
}

/** Without a reason of ours, every stream that ends costs an exception with its stack. */
const OVER = "the stream is over";

class MemoryOutlet implements Outlet {
  readonly #send: (frame: Buffer, sent: () => void) => void;
  readonly #end: (error?: WeftError) => void;
  readonly #closed = new AbortController();
  #pending = 0;
  onRoom: () => void = () => {};

  constructor(send: (frame: Buffer, sent: () => void) => void, end: (error?: WeftError) => void, onClose: () => void) {
    this.#send = send;
    this.#end = end;
    this.closed.addEventListener("abort", onClose, { once: true });
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get room(): boolean {
    return !this.closed.aborted && this.#pending < CREDIT_BYTES;
  }

  send(frame: Buffer): void {
    if (this.closed.aborted) return;
    this.#pending += frame.length;
    this.#send(frame, () => {
      this.#pending -= frame.length;
      if (this.room) this.onRoom();
    });
  }

  end(): void {
    if (this.closed.aborted) return;
    this.close();
    this.#end();
  }

  fail(error: unknown): void {
    if (this.closed.aborted) return;
    this.close();
    const isOurs = error instanceof WeftError; // what is not says nothing about our insides
    this.#end(isOurs ? new WeftError(error.code, error.message) : new WeftError("internal", "the worker failed"));
  }

  close(): void {
    this.onRoom = () => {};
    this.#closed.abort(OVER);
  }
}

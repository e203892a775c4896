import type { Bytes } from "../../offchain/core/bytes.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import { MeshBase } from "../../offchain/mesh/base.ts";
import { hex, type Method } from "../../offchain/mesh/frames.ts";
import type {
  CountOut,
  Link,
  LinkEvents,
  Service,
  Subscriptions,
  Taker,
  Transport,
} from "../../offchain/mesh/transport.ts";
import type { Lane, MeshBasics, OnFault, Peer, PeerHandlers } from "../../offchain/mesh/types.ts";
import { type Calls, MemoryLink } from "./mesh-link.ts";
import { MemoryServer, type Tamper } from "./mesh-server.ts";
import { Crash } from "./process.ts";
import type { Packet, Wire } from "./wire.ts";

export type MemoryMeshOptions = MeshBasics & {
  /** The address of the key that it proves to hold. */
  signer: Bytes;
  endpoint: string;
  wire: Wire;
};

/**
 * The mesh of a simulated worker: the very code of the real one over a `Wire`, without promises, timers or chance of its own.
 * A handler that throws a `Crash` ends it there: nothing more is said, and whoever called it from the wire gets the crash.
 */
export class MemoryMesh extends MeshBase {
  readonly #transport: MemoryTransport;

  constructor(options: MemoryMeshOptions) {
    const transport = new MemoryTransport(options);
    super(transport.guarded(options), transport);
    this.#transport = transport;
  }

  start(): void {
    this.#transport.listen();
    this.begin();
  }

  override close(): Promise<void> {
    const closing = super.close();
    this.#transport.close();
    return closing;
  }

  /** For a Byzantine worker: what every frame that goes to a peer becomes. */
  set tamper(tamper: Tamper | undefined) {
    this.#transport.server.tamper = tamper;
  }

  /** For a Byzantine worker: any bytes, to one peer, on a lane that it has subscribed to. False when it has not. */
  inject(to: Bytes, lane: Lane, frame: Buffer): boolean {
    return this.#transport.server.inject(to, lane, frame);
  }

  /** For a Byzantine worker: a call with any bytes for a request. The function returned cancels it. */
  raw(to: Bytes, method: Method, request: Buffer, taker: Taker): () => void {
    const link = this.linkTo(to);
    if (!link) throw new WeftError("unknown_peer", `nobody is connected as ${hex(to)}`);
    return link.call(method, request, {}, taker);
  }
}

/** Links and a server on one endpoint of a wire. */
export class MemoryTransport implements Transport {
  readonly clock: Wire;
  readonly #options: MemoryMeshOptions;
  readonly #calls: Calls = new Map();
  readonly #links = new Set<MemoryLink>();
  #server: MemoryServer | undefined;
  #ends: (() => void)[] = [];
  #crash: Crash | undefined;
  #over = false;

  constructor(options: MemoryMeshOptions) {
    this.#options = options;
    const { wire } = options;
    this.clock = {
      now: () => wire.now(),
      after: (ms, work) => wire.after(ms, () => this.#enter(work)),
      listen: (endpoint, receive) => wire.listen(endpoint, (packet) => this.#enter(() => receive(packet))),
      carry: (packet, sent) => {
        if (!this.#over) wire.carry(packet, () => this.#enter(sent));
      },
      isOpen: (a, b) => wire.isOpen(a, b),
      onChange: (listener) => wire.onChange((a, b) => this.#enter(() => listener(a, b))),
    };
  }

  get server(): MemoryServer {
    if (!this.#server) throw new WeftError("not_served", "the mesh makes its server first");
    return this.#server;
  }

  serve(service: Service, onFault: OnFault, countOut: CountOut): MemoryServer {
    this.#server = new MemoryServer(this.clock, this.#options, service, onFault, countOut);
    return this.#server;
  }

  dial(peer: Peer, subscriptions: Subscriptions, events: LinkEvents): Link {
    const link = new MemoryLink(this.clock, this.#options, this.#calls, peer, subscriptions, events, () =>
      this.#links.delete(link),
    );
    this.#links.add(link);
    return link;
  }

  listen(): void {
    const { endpoint } = this.#options;
    this.#ends = [
      this.clock.onChange((a, b) => {
        if (a === endpoint) this.#changed(b);
        else if (b === endpoint) this.#changed(a);
      }),
      this.clock.listen(endpoint, (packet) => this.#receive(packet)),
    ];
  }

  close(): void {
    this.#over = true;
    for (const end of this.#ends.splice(0)) end();
  }

  /** Handlers whose crash comes out again where the wire called us, past all that makes a fault of what is thrown. */
  guarded(options: MeshBasics): MeshBasics {
    const guarded = Object.entries(options.handlers).map(([name, handle]) => [
      name,
      (...args: unknown[]) => {
        try {
          return (handle as (...args: unknown[]) => unknown)(...args);
        } catch (error) {
          if (error instanceof Crash) {
            this.#crash = error;
            this.#over = true;
          }
          throw error;
        }
      },
    ]);
    return {
      ...options,
      handlers: Object.fromEntries(guarded) as PeerHandlers,
      onFault: (...fault) => {
        if (!this.#over) options.onFault(...fault);
      },
    };
  }

  #enter(work: () => void): void {
    if (this.#over) return;
    work();
    if (this.#crash) throw this.#crash;
  }

  #changed(other: string): void {
    if (!this.clock.isOpen(this.#options.endpoint, other)) this.#server?.lost(other);
    for (const link of [...this.#links]) if (link.peer.endpoint === other) link.changed();
  }

  #receive(packet: Packet): void {
    if (packet.kind === "open") this.#server?.opened(packet);
    else if (packet.kind === "cancel") this.#server?.cancelled(packet.call);
    else this.#calls.get(packet.call)?.(packet); // of a call that is over otherwise
  }
}

import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { GenerateEvent, GenerateOrder } from "../core/generate.ts";
import { decodeGenerateEvent, decodeOrder, encodeGenerateEvent, encodeOrder } from "../core/generate.ts";
import { MeshBase } from "./base.ts";
import { ready } from "./flow.ts";
import { framed, LANE_OF, parse, plain } from "./frames.ts";
import { GenerateMessage, GenerateRequest } from "./generated/mesh.ts";
import { GrpcLink } from "./link.ts";
import { MeshServer } from "./server.ts";
import { Sessions } from "./sessions.ts";
import type { Clock, Served } from "./transport.ts";
import type { MeshHandlers, MeshOptions } from "./types.ts";

export type {
  BeatState,
  CutAnswer,
  FaultKind,
  Lane,
  MeshHandlers,
  MeshOptions,
  MeshPort,
  OnFault,
  Peer,
  PeerHandlers,
  PeerState,
} from "./types.ts";

const clock: Clock = {
  now: () => performance.now(),
  after(ms, work) {
    if (ms > 0) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    }
    const soon = setImmediate(work);
    return () => clearImmediate(soon);
  },
};

/** The mesh between real workers: gRPC, with one connection for each lane and peer, which the receiver dials. */
export class Mesh extends MeshBase {
  readonly #listen: () => Promise<number>;

  constructor(options: MeshOptions) {
    let server: MeshServer | undefined;
    super(
      options,
      {
        clock,
        serve(service, onFault, countOut) {
          server = new MeshServer(new Sessions(options), service, onFault, countOut);
          return server;
        },
        dial: (peer, subscriptions, events) => new GrpcLink(options, peer, subscriptions, events),
      },
      { generate: serveGenerate(options.handlers) },
    );
    this.#listen = () => server!.listen(options.listen);
  }

  /** @throws WeftError `cannot_listen` */
  async start(): Promise<{ port: number }> {
    const port = await this.#listen();
    this.begin();
    return { port };
  }

  /** Throws WeftError: `cancelled` after an abort, `unavailable` when the peer is gone, or the peer's own code. */
  async *generate(peer: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const link = this.linkTo(peer);
    if (!(link instanceof GrpcLink))
      throw new WeftError("unknown_peer", "the registry does not list this operator", { field: "peer" });
    const request = framed(GenerateRequest, { order: encodeOrder(order) });
    for await (const frame of link.stream("generate", request, { signal })) {
      this.count(peer, LANE_OF.generate, frame.length);
      yield this.#read(peer, frame);
    }
  }

  #read(peer: Bytes, frame: Buffer): GenerateEvent {
    try {
      return decodeGenerateEvent(plain(parse(GenerateMessage, frame).event));
    } catch (error) {
      this.fault("malformed", peer, error);
      throw error;
    }
  }
}

function serveGenerate(handlers: MeshHandlers): Served {
  return {
    subscription: false,
    async serve(from, request, out) {
      const order = decodeOrder(plain(parse(GenerateRequest, request).order));
      for await (const event of handlers.generate(from, order, out.closed)) {
        if (!(await ready(out))) return;
        out.send(framed(GenerateMessage, { event: encodeGenerateEvent(event) }));
      }
      out.end();
    },
  };
}

import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerMethodDefinition,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { Flow } from "./flow.ts";
import { framed, LANE_OF, type Method, parse } from "./frames.ts";
import { HelloReply, HelloRequest, MeshService, type MessageFns, ProveReply, ProveRequest } from "./generated/mesh.ts";
import { faultOf } from "./service.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { CountOut, Served, Service, Server as Serving } from "./transport.ts";
import type { OnFault, Peer } from "./types.ts";
import { limitOf, SERVER_OPTIONS, sessionIn, statusOf } from "./wire.ts";

const WITHOUT_SESSION: readonly string[] = [MeshService.hello.path, MeshService.prove.path];
/**
 * Messages pass grpc-js as bytes: requests are parsed once the session is known, replies framed once for many. One answer is
 * a stream of one, on the wire as well.
 */
const asBytes = (bytes: Buffer): Buffer => bytes;
const RAW_SERVICE: ServiceDefinition = Object.fromEntries(
  Object.entries(MeshService).map(([name, method]) => [
    name,
    {
      ...method,
      responseStream: !WITHOUT_SESSION.includes(method.path),
      requestDeserialize: asBytes,
      responseSerialize: asBytes,
    },
  ]),
);

/** Accepts calls: bounded, then authenticated, then parsed, then handed on. */
export class MeshServer implements Serving {
  readonly #sessions: Sessions;
  readonly #onFault: OnFault;
  readonly #countOut: CountOut;
  readonly #subscriptions = new WeakMap<Session, Map<string, Flow>>();
  readonly #server: Server;

  constructor(sessions: Sessions, service: Service, onFault: OnFault, countOut: CountOut) {
    this.#sessions = sessions;
    this.#onFault = onFault;
    this.#countOut = countOut;
    this.#server = new Server({
      ...SERVER_OPTIONS,
      interceptors: [(method, call) => this.#gate(method, call)],
    });
    const calls = Object.entries(service).map(([name, method]) => [name, this.#streaming(name as Method, method)]);
    this.#server.addService(RAW_SERVICE, {
      ...Object.fromEntries(calls),
      hello: this.#open(HelloRequest, HelloReply, (request) => sessions.hello(request)),
      prove: this.#open(ProveRequest, ProveReply, (request) => sessions.prove(request)),
    });
  }

  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (cause, port) => {
        if (cause) reject(new WeftError("cannot_listen", `cannot listen on ${address}`, { field: "listen", cause }));
        else resolve(port);
      });
    });
  }

  setPeers(peers: readonly Peer[]): void {
    this.#sessions.setPeers(peers);
  }

  close(): void {
    this.#sessions.close();
    this.#server.forceShutdown();
  }

  /** Before a byte of the request is read: how large may it be, and is there a session. */
  #gate(method: ServerMethodDefinition<unknown, unknown>, call: ServerInterceptingCallInterface) {
    lowerLimit(call, limitOf(method.path));
    let settled = false;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            try {
              if (!WITHOUT_SESSION.includes(method.path)) this.#sessions.find(sessionIn(metadata));
            } catch (error) {
              settled = true;
              this.#report(undefined, error);
              call.sendStatus(statusOf(error));
              return;
            }
            pass(metadata);
          },
          onReceiveMessage: (message, pass) => {
            settled = true;
            pass(message);
          },
          onCancel: () => {
            if (!settled) this.#report(undefined, new WeftError("too_large", `no whole request of ${method.path}`));
          },
        }),
    });
  }

  #open<Q, R>(asked: MessageFns<Q>, given: MessageFns<R>, answer: (request: Q) => R): handleUnaryCall<Buffer, Buffer> {
    return (call, reply) => {
      try {
        reply(null, framed(given, answer(parse(asked, bounded(call.getPath(), call.request)))));
      } catch (error) {
        this.#report(undefined, error);
        reply(statusOf(error));
      }
    };
  }

  #streaming(name: Method, { subscription, serve }: Served): handleServerStreamingCall<Buffer, Buffer> {
    return async (call) => {
      let session: Session | undefined;
      const flow = new Flow(call, (bytes) => {
        if (session) this.#countOut(session.operator, LANE_OF[name], bytes);
      });
      if (flow.closed.aborted) return;
      try {
        session = this.#sessions.find(sessionIn(call.metadata));
        flow.closed.addEventListener("abort", session.enter(), { once: true });
        const over = () => flow.fail(new WeftError("no_session", "the session is over"));
        session.closed.addEventListener("abort", over, { once: true, signal: flow.closed });
        const request = bounded(call.getPath(), call.request);
        if (subscription) this.#supersede(session, name, flow);
        call.sendMetadata(new Metadata()); // tells the subscriber that it is one
        await serve(session.operator, request, flow);
      } catch (error) {
        if (flow.closed.aborted) return;
        this.#report(session?.operator, error);
        flow.fail(error);
      }
    };
  }

  #supersede(session: Session, name: string, flow: Flow): void {
    const flows = this.#subscriptions.get(session) ?? new Map<string, Flow>();
    this.#subscriptions.set(session, flows);
    flows.get(name)?.fail(new WeftError("superseded", "the session subscribed again"));
    flows.set(name, flow);
  }

  #report(from: Bytes | undefined, error: unknown): void {
    this.#onFault(faultOf(error), from, error);
  }
}

function bounded(path: string, request: Buffer): Buffer {
  if (request.length > limitOf(path)) throw new WeftError("too_large", "the request is too large");
  return request;
}

/**
 * grpc-js has one limit for all methods of a server; this takes the call's own decoder down to its method's. Should a later
 * version keep the decoder elsewhere, `bounded` still refuses, only after the bytes were buffered.
 */
function lowerLimit(call: ServerInterceptingCallInterface, limit: number): void {
  const { decoder } = call as { decoder?: { maxReadMessageLength?: number } };
  if (typeof decoder?.maxReadMessageLength === "number") decoder.maxReadMessageLength = limit;
}

import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, LogController } from "fastify";
import { z } from "zod/v4";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import { serveCheckpoints } from "./checkpoints.ts";
import { answer } from "./completions.ts";
import { fromFramework, RETRY_AFTER_SECONDS, refusalOf } from "./errors.ts";
import { serveMemories } from "./memories.ts";
import type { ApiPorts } from "./ports.ts";
import { serveReports } from "./reports.ts";
import { ANY_ORIGIN } from "./stream.ts";

export type {
  ApiPorts,
  AuthoredInfo,
  CompletionEvent,
  CompletionRequest,
  StartedInfo,
  Usage,
} from "./ports.ts";

export type ApiOptions = {
  logger: FastifyBaseLogger;
  /** Silence after which a comment keeps a stream open. */
  heartbeatMs?: number;
  /** A client that reads nothing for so long is given up. */
  stalledMs?: number;
};

const BODY_LIMIT = 1024 * 1024;
const HEADER_LIMIT = 16 * 1024;
const CONNECTION_LIMIT = 1_024;
const REQUEST_TIMEOUT_MS = 30_000;
/** What running answers get to say goodbye in when the server closes. */
const GOODBYE_MS = 500;

/** No route has a JSON schema, zod reads what is sent: compilers of schemas would take a tenth of a worker's start to load. */
const noSchemas = () => () => {
  throw new WeftError("internal", "a route has a JSON schema, and nothing compiles it");
};

const natural = (fault: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, fault)
    .transform(Number);

const receiptParams = z.object({
  requestId: z.string().regex(/^0x[0-9a-fA-F]{64}$/, "is not 0x and 32 bytes"),
  position: natural("is not a position").optional(),
  count: natural("is not a count").optional(),
});

/** The OpenAI-compatible HTTP interface of a worker. Not listening yet. */
export function createApi(ports: ApiPorts, options: ApiOptions): FastifyInstance {
  const { logger } = options;
  const limits = { heartbeatMs: options.heartbeatMs ?? 5_000, stalledMs: options.stalledMs ?? 60_000 };
  const app: FastifyInstance = Fastify({
    loggerInstance: logger,
    // Its request log has addresses and headers in it; ours has not.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 10_000,
    forceCloseConnections: true,
    return503OnClosing: true,
    http: { maxHeaderSize: HEADER_LIMIT, headersTimeout: 10_000 },
    routerOptions: { maxParamLength: 128 },
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    frameworkErrors: (error, _request, reply) => refuse(reply as unknown as FastifyReply, error),
  });
  app.server.maxConnections = CONNECTION_LIMIT;
  app.removeContentTypeParser("text/plain");

  const refuse = (reply: FastifyReply, error: unknown) => {
    const { status, body } = refusalOf(fromFramework(error));
    if (status === 500) logger.error({ err: error }, "a request failed");
    if (status === 503) reply.header("retry-after", RETRY_AFTER_SECONDS);
    return reply.code(status).type("application/json; charset=utf-8").send(body);
  };
  app.setErrorHandler((error, _request, reply) => refuse(reply, error));
  app.setNotFoundHandler((request, reply) =>
    refuse(
      reply,
      new WeftError("not_found", `there is no ${request.method} ${request.url.split("?")[0].slice(0, 200)}`),
    ),
  );
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    logger.debug({ method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime }, "answered");
  });

  app.addHook("onRequest", async (_request, reply) => {
    reply.headers(ANY_ORIGIN);
  });
  // Browsers ask before they send JSON or a bearer token.
  app.options("/v1/*", async (_request, reply) =>
    reply
      .code(204)
      .headers({
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "authorization, content-type, idempotency-key",
        "access-control-max-age": "86400",
      })
      .send(),
  );

  const running = new Map<AbortController, Promise<unknown>>();
  app.addHook("preClose", async () => {
    const stopping = new WeftError("shutting_down", "this worker is stopping", {
      remedy: "send the same request with the weft fields of the first event to another worker",
    });
    for (const controller of running.keys()) controller.abort(stopping);
    await Promise.race([
      Promise.allSettled(running.values()),
      new Promise((resolve) => setTimeout(resolve, GOODBYE_MS).unref()),
    ]);
  });

  const untilStopped = async <T>(work: (signal: AbortSignal) => Promise<T>, controller = new AbortController()) => {
    const done = work(controller.signal);
    running.set(controller, done);
    try {
      return await done;
    } finally {
      running.delete(controller);
    }
  };
  const untilClosed = <T>(reply: FastifyReply, work: (signal: AbortSignal) => Promise<T>) => {
    const controller = new AbortController();
    const gone = () => {
      if (!reply.raw.writableFinished) controller.abort(new WeftError("aborted", "the client went away"));
    };
    reply.raw.once("close", gone);
    return untilStopped(work, controller);
  };

  app.post("/v1/completions", (request, reply) =>
    untilClosed(reply, (signal) => answer(ports, limits, { request, reply, signal })),
  );
  serveMemories(app, ports, { untilClosed, untilStopped });

  app.post("/v1/chat/completions", async (request) => {
    const named = z.object({ model: z.string() }).safeParse(request.body).data?.model;
    if (named === undefined) throw new WeftError("malformed", "model: is not a text", { field: "model" });
    if (!ports.models().some(({ id }) => id === named))
      throw new WeftError("model_not_found", `this worker has no model "${named.slice(0, 100)}"`, { field: "model" });
    throw new WeftError("no_chat_template", "this model has no chat template, so there is no chat to complete", {
      field: "model",
      remedy: "POST /v1/completions with a prompt",
    });
  });

  const modelJson = ({ id, created }: { id: string; created: number }) => ({
    id,
    object: "model",
    created,
    owned_by: "weft",
  });
  app.get("/v1/models", async () => ({ object: "list", data: ports.models().map(modelJson) }));
  app.get<{ Params: { id: string } }>("/v1/models/:id", async (request) => {
    const model = ports.models().find(({ id }) => id === request.params.id);
    if (model) return modelJson(model);
    throw new WeftError("model_not_found", "this worker has no such model", { field: "model" });
  });

  app.get<{ Params: { requestId: string }; Querystring: Record<string, unknown> }>(
    "/v1/receipts/:requestId",
    async (request) => {
      const { position, count } = request.query;
      const parsed = receiptParams.safeParse({ ...request.params, position, count });
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new WeftError("malformed", `${issue.path.join(".")}: ${issue.message}`, { field: issue.path.join(".") });
      }
      const { requestId, ...range } = parsed.data;
      if (range.count === 0 || (range.position === undefined && range.count !== undefined))
        throw new WeftError("malformed", "count: goes with a position, and is at least 1", { field: "count" });
      return ports.receipt(
        requestId.toLowerCase() as Hex,
        range.position === undefined ? undefined : { position: range.position, count: range.count ?? 1 },
      );
    },
  );

  serveCheckpoints(app, ports);
  serveReports(app, ports);
  app.get("/metrics", async (_request, reply) => {
    const { contentType, body } = await ports.metrics();
    return reply.type(contentType).send(body);
  });
  // Health says that the process answers, readiness that it can serve.
  app.get("/health", async () => ports.health());
  app.get("/ready", async (_request, reply) => {
    const health = ports.health();
    return reply.code(health.ok ? 200 : 503).send(health);
  });
  return app;
}

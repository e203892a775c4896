import type { FastifyReply, FastifyRequest } from "fastify";
import { WeftError } from "../core/errors.ts";
import { parseBody, requesterOf } from "./body.ts";
import { refusalOf } from "./errors.ts";
import type { ApiPorts, AuthoredInfo, CompletionEvent, StartedInfo, Usage } from "./ports.ts";
import { EventStream, type StreamLimits, until } from "./stream.ts";

/** Answers `POST /v1/completions`, whole or as a stream. */
export async function answer(
  ports: ApiPorts,
  limits: StreamLimits,
  http: { request: FastifyRequest; reply: FastifyReply; signal: AbortSignal },
): Promise<unknown> {
  const { request, reply, signal } = http;
  const body = parseBody(request.body, requesterOf(request.headers.authorization));
  if (!ports.models().some((model) => model.id === body.model))
    throw new WeftError("model_not_found", `this worker has no model "${body.model.slice(0, 100)}"`, {
      field: "model",
      remedy: "GET /v1/models lists what it has",
    });

  const events = until(ports.complete(body.request, signal), signal);
  // What fails before the first event is an HTTP error, also of a stream.
  const first = await events.next();
  if (first.done || first.value.type !== "started") {
    await events.return();
    throw new WeftError("internal", "the answer did not begin with its request");
  }
  const { info } = first.value;
  if (body.expectedId !== undefined && body.expectedId !== info.requestId.toLowerCase()) {
    await events.return();
    throw new WeftError("request_mismatch", "these fields do not give the request that weft.request_id names", {
      field: "weft.request_id",
      remedy: "send the same prompt, parameters and token as then, or leave weft out",
    });
  }
  const head = {
    id: `cmpl-${info.requestId}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: body.model,
  };
  if (!body.request.stream) return whole(head, info, events);

  reply.hijack();
  await stream(
    new EventStream(reply.raw, limits),
    { head, info, events, signal, withUsage: body.includeUsage },
    request,
  );
  return reply;
}

type Head = { id: string; object: string; created: number; model: string };

const startedJson = (info: StartedInfo) => ({
  request_id: info.requestId,
  nonce: info.nonce,
  history_length: info.historyLength,
  model: info.model,
  gateway: info.gateway,
  memory: info.memory && {
    id: info.memory.id,
    gate: info.memory.gate,
    checkpoint: info.memory.checkpoint,
    checkpoint_hash: info.memory.checkpointHash,
  },
  receipt: `/v1/receipts/${info.requestId}`,
});

const authoredJson = ({ author, turn, attached, prefilled, takeover }: AuthoredInfo) => ({
  author,
  turn,
  attached,
  prefilled,
  ...(takeover && { takeover: { from: takeover.from, reason: takeover.reason, detected_ms: takeover.detectedMs } }),
});

const usageJson = ({ promptTokens, completionTokens }: Usage) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});

async function whole(head: Head, info: StartedInfo, events: AsyncIterable<CompletionEvent>) {
  let text = "";
  const authors = [];
  for await (const event of events) {
    if (event.type === "text") text += event.text;
    else if (event.type === "authored") authors.push(authoredJson(event));
    else if (event.type === "finished")
      return {
        ...head,
        choices: [{ text, index: 0, logprobs: null, finish_reason: event.reason }],
        usage: usageJson(event.usage),
        weft: { ...startedJson(info), authors, turns: event.turns, snapshots: event.snapshots },
      };
  }
  throw new WeftError("internal", "the answer ended without a reason");
}

type Streamed = {
  head: Head;
  info: StartedInfo;
  events: AsyncIterable<CompletionEvent>;
  signal: AbortSignal;
  withUsage: boolean;
};

async function stream(out: EventStream, answer: Streamed, request: FastifyRequest): Promise<void> {
  const { head, info, events, signal, withUsage } = answer;
  const send = (text: string, finish: string | null, weft: object) =>
    out.send(
      {
        ...head,
        choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
        ...(withUsage && { usage: null }),
        weft,
      },
      signal,
    );
  try {
    await send("", null, { type: "started", ...startedJson(info) });
    for await (const event of events) {
      if (event.type === "text")
        await send(event.text, null, { type: "text", position: event.position, tokens: event.tokens });
      else if (event.type === "authored") await send("", null, { type: "authored", ...authoredJson(event) });
      else if (event.type === "finished") {
        await send("", event.reason, { type: "finished", turns: event.turns, snapshots: event.snapshots });
        if (withUsage) await out.send({ ...head, choices: [], usage: usageJson(event.usage) }, signal);
        out.end("[DONE]");
        return;
      }
    }
    throw new WeftError("internal", "the answer ended without a reason");
  } catch (error) {
    const { status, body } = refusalOf(error);
    if (status === 500) request.log.error({ err: error, requestId: info.requestId }, "an answer failed");
    out.end(JSON.stringify(body));
  }
}

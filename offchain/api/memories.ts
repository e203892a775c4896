import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod/v4";
import { type Bytes, compare, fromHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { LIMIT_ORDER, LIMIT_ORDERS, LIMIT_WRITERS } from "../core/memory-definition.ts";
import { requesterOf } from "./body.ts";
import { hex, memoryName } from "./fields.ts";
import type { ApiPorts, MemoryInfo } from "./ports.ts";

const makeBody = z.strictObject({
  name: memoryName,
  orders: z
    .array(z.int().min(1).max(LIMIT_ORDER))
    .min(1)
    .max(LIMIT_ORDERS)
    .refine((orders) => orders.every((order, i) => i === 0 || order > orders[i - 1]), "do not ascend")
    .nullish(),
  writers: z
    .array(hex(20).transform((address) => fromHex(address, 20)))
    .max(LIMIT_WRITERS)
    .transform((writers) => writers.sort(compare))
    .refine((writers) => writers.every((one, i) => i === 0 || compare(writers[i - 1], one) < 0), "name one twice")
    .nullish(),
});
const place = z.object({ id: hex(32).transform((id) => fromHex(id, 32)), name: memoryName.optional() });
const idempotencyKey = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, "is not 1 to 255 visible characters of ASCII")
    .optional(),
});
const teachBody = z.strictObject({ text: z.string().min(1), name: memoryName.nullish() });

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const field = issue.path.join(".");
  throw new WeftError("malformed", `${field || "the body"}: ${issue.message}`, { field: field || undefined });
}

const memoryJson = <M extends MemoryInfo>(memory: M) => ({ object: "memory", ...memory });

export type Running = {
  /** Work that ends when the client goes or the server closes. */
  untilClosed(reply: FastifyReply, work: (signal: AbortSignal) => Promise<unknown>): Promise<unknown>;
  /** Work that ends when the server closes. */
  untilStopped(work: (signal: AbortSignal) => Promise<unknown>): Promise<unknown>;
};

/** Long-term memories of the client who asks. `name` beside an id is needed only at workers where the memory was not made. */
export function serveMemories(
  app: FastifyInstance,
  { memories }: Pick<ApiPorts, "memories">,
  { untilClosed, untilStopped }: Running,
): void {
  type Asked = { Params: { id: string }; Querystring: Record<string, unknown> };
  const own = (headers: { authorization?: string | undefined }): Bytes => requesterOf(headers.authorization);

  app.post("/v1/memories", async ({ headers, body }) => {
    const { name, orders, writers } = parsed(makeBody, body);
    return memoryJson(memories.make(own(headers), name, { ...(orders && { orders }), ...(writers && { writers }) }));
  });
  app.get("/v1/memories", async ({ headers }) => ({
    object: "list",
    data: memories.list(own(headers)).map(memoryJson),
  }));
  app.get<Asked>("/v1/memories/:id", async ({ headers, params, query }) =>
    memoryJson(memories.show(own(headers), parsed(place, { id: params.id, name: query["name"] }))),
  );
  app.post<Asked>("/v1/memories/:id/teach", async ({ headers, params, body }, reply) => {
    const { text, name } = parsed(teachBody, body);
    const named = parsed(place, { id: params.id, name: name ?? undefined });
    const { "idempotency-key": key } = parsed(idempotencyKey, headers);
    const teach = (signal: AbortSignal) => memories.teach(own(headers), named, text, signal, key);
    // Who has a key may lose the answer, and ask again.
    return key === undefined ? untilClosed(reply, teach) : untilStopped(teach);
  });
}

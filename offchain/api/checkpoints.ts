import type { FastifyInstance } from "fastify";
import { z } from "zod/v4";
import { WeftError } from "../core/errors.ts";
import { type ApiPorts, CHECKPOINT_PARTS } from "./ports.ts";

const natural = z
  .string()
  .regex(/^\d{1,15}$/, "is not a number from 0")
  .transform(Number);
const asked = z.object({
  number: natural,
  part: z.enum(CHECKPOINT_PARTS, { error: `is none of ${CHECKPOINT_PARTS.join(", ")}` }),
  from: natural.default(0),
});

/** What committed checkpoints contain, for whoever keeps copies: `next` says where the following page begins. */
export function serveCheckpoints(app: FastifyInstance, ports: Pick<ApiPorts, "checkpointPage">): void {
  app.get<{ Params: { number: string; part: string }; Querystring: Record<string, unknown> }>(
    "/v1/checkpoints/:number/:part",
    async (request) => {
      const parsed = asked.safeParse({ ...request.params, from: request.query["from"] });
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new WeftError("malformed", `${issue.path.join(".")}: ${issue.message}`, { field: issue.path.join(".") });
      }
      const { part, number, from } = parsed.data;
      return ports.checkpointPage(part, number, from);
    },
  );
}

import type { FastifyInstance } from "fastify";
import { z } from "zod/v4";
import { toHex } from "../core/bytes.ts";
import type { SignedReport } from "../core/check-report.ts";
import { WeftError } from "../core/errors.ts";
import type { ApiPorts, ReportItem } from "./ports.ts";

const asked = z.object({
  after: z
    .string()
    .regex(/^\d{1,15}$/, "is not a number from 0")
    .transform(Number)
    .default(0),
});

/** What this worker found in answers of others, signed: for whoever keeps copies, page by page. */
export function serveReports(app: FastifyInstance, ports: Pick<ApiPorts, "reports">): void {
  app.get<{ Querystring: Record<string, unknown> }>("/v1/reports", async (request) => {
    const parsed = asked.safeParse(request.query);
    if (!parsed.success)
      throw new WeftError("malformed", `after: ${parsed.error.issues[0].message}`, { field: "after" });
    return ports.reports(parsed.data.after);
  });
}

/** A report as JSON has it. */
export function reportJson({ report, signature }: SignedReport): Omit<ReportItem, "id"> {
  const { reporter, model, turn, author, ...verdict } = report;
  return {
    reporter: toHex(reporter),
    model: toHex(model),
    turn: toHex(turn),
    author: toHex(author),
    ...verdict,
    signature: toHex(signature),
  };
}

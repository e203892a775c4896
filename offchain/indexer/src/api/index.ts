import { db } from "ponder:api";
import schema from "ponder:schema";
import { type Context, Hono } from "hono";
import { graphql } from "ponder";
import { z } from "zod/v4";
import { WeftError } from "../../../core/errors.ts";
import { openContent } from "../../content.ts";
import { refusal } from "../../refusal.ts";
import { settingsFrom } from "../../settings.ts";

const { proofs, reports, standings, collected } = await openContent(settingsFrom(process.env), db);

const id = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "is not 0x and 32 bytes")
  .transform((text) => text.toLowerCase());
const natural = z
  .string()
  .regex(/^\d{1,9}$/, "is not a number from 0")
  .transform(Number);

/** @throws WeftError `malformed` with the parameter at fault */
function parse<T extends z.ZodType>(shape: T, context: Context): z.output<T> {
  const parsed = shape.safeParse({ ...context.req.query(), ...context.req.param() });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue.path.join(".");
  throw new WeftError("malformed", `${field}: ${issue.message}`, { field });
}

const placeOf = z.object({ checkpoint: natural, segment: natural, snapshot: natural });
const tokenOf = z.object({ turn: id, position: natural });
const answerOf = z.object({ requestId: id, position: natural.optional() });

const app = new Hono();
app.use("/graphql", graphql({ db, schema }));
app.get("/proofs/:checkpoint/:segment/:snapshot", async (context) => {
  const { checkpoint, segment, snapshot } = parse(placeOf, context);
  return context.json(await proofs.at(checkpoint, segment, snapshot));
});
app.get("/proofs/:turn/:position", async (context) => {
  const { turn, position } = parse(tokenOf, context);
  return context.json(await proofs.ofToken(turn, position));
});
app.get("/checkpoints/attested", async (context) => context.json(await standings.latestAttested()));
app.get("/checkpoints/final", async (context) => context.json(await standings.latestFinal()));
app.get("/checkpoints/:checkpoint", async (context) => {
  const { checkpoint } = parse(z.object({ checkpoint: natural }), context);
  return context.json(await standings.at(checkpoint));
});
// By request, where a dApp knows no turn.
app.get("/answers/:requestId", async (context) => {
  const { requestId, position } = parse(answerOf, context);
  return context.json(await proofs.ofAnswer(requestId, position));
});
app.get("/reports/:turn", async (context) => {
  const { turn } = parse(z.object({ turn: id }), context);
  return context.json({ items: await reports.of(turn) });
});
app.get("/collected", async (context) => context.json(await collected()));
app.all("*", (context) => {
  throw new WeftError("not_found", `there is no ${context.req.method} ${context.req.path.slice(0, 200)}`);
});
app.onError((error, context) => {
  const { status, body } = refusal(error);
  if (status === 500) process.stderr.write(`weft: ${error.stack}\n`);
  return context.json(body, status);
});

export default app;

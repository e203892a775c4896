import { db } from "ponder:api";
import schema from "ponder:schema";
import { Hono } from "hono";
import { graphql } from "ponder";
import { WeftError } from "../../../core/errors.ts";
import { refusal } from "../../refusal.ts";

const app = new Hono();
app.use("/graphql", graphql({ db, schema }));
app.all("*", (context) => {
  throw new WeftError("not_found", `there is no ${context.req.method} ${context.req.path.slice(0, 200)}`);
});
app.onError((error, context) => {
  const { status, body } = refusal(error);
  return context.json(body, status);
});

export default app;

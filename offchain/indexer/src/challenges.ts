import { ponder } from "ponder:registry";
import { challenge, challengeKind } from "ponder:schema";
import { condemn } from "./condemn.ts";

ponder.on("AvailabilityCourt:Challenged", async ({ event, context }) => {
  const { number, kind, path, ...asked } = event.args;
  await context.db.insert(challenge).values({
    ...asked,
    number: Number(number),
    kind: challengeKind.enumValues[kind],
    path: [...path],
    status: "open",
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

ponder.on("AvailabilityCourt:Answered", async ({ event, context }) => {
  const { id, answerer } = event.args;
  await context.db.update(challenge, { id }).set({ status: "answered", answerer, closedAt: event.block.timestamp });
});

ponder.on("AvailabilityCourt:Unanswered", async ({ event, context }) => {
  const { id, condemned } = event.args;
  const status = condemned ? "condemned" : "lapsed";
  await context.db.update(challenge, { id }).set({ status, closedAt: event.block.timestamp });
  if (condemned) await condemn(context, event, { court: "availability", fault: "unanswered", challenge: id });
});

ponder.on("AvailabilityCourt:Released", async ({ event, context }) => {
  await context.db.update(challenge, { id: event.args.id }).set({ releasedAt: event.block.timestamp });
});

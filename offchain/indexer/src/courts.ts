import { ponder } from "ponder:registry";
import { equivocation } from "ponder:schema";

ponder.on("EquivocationCourt:EquivocationProven", async ({ event, context }) => {
  await context.db.insert(equivocation).values({
    ...event.args,
    id: event.id,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

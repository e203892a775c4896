import { type Context, type Event, ponder } from "ponder:registry";
import { equivocation, falseAttestation } from "ponder:schema";
import { type Condemned, condemn } from "./condemn.ts";

type AttesterEvent =
  | Event<"FoldCourt:AttesterConvicted">
  | Event<"CutCourt:AttesterConvicted">
  | Event<"AvailabilityCourt:AttesterConvicted">;

/** Kinds of lies about a cut, in the court's order. */
const LIES = ["count", "format", "entry", "first", "order", "ended", "place", "chain", "snapshot"] as const;

async function attested(context: Context, event: AttesterEvent, court: Condemned["court"]): Promise<void> {
  await context.db.insert(falseAttestation).values({
    ...event.args,
    court,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
}

ponder.on("EquivocationCourt:EquivocationProven", async ({ event, context }) => {
  await context.db.insert(equivocation).values({
    ...event.args,
    id: event.id,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

ponder.on("FoldCourt:WrongMemory", ({ event, context }) =>
  condemn(context, event, { court: "fold", fault: "memory", place: event.args.segments }),
);

ponder.on("FoldCourt:WrongTrace", ({ event, context }) =>
  condemn(context, event, { court: "fold", fault: "trace", place: event.args.index }),
);

ponder.on("CutCourt:CutDisproven", ({ event, context }) =>
  condemn(context, event, { court: "cut", fault: LIES[event.args.lie], place: event.args.place }),
);

ponder.on("FoldCourt:AttesterConvicted", ({ event, context }) => attested(context, event, "fold"));
ponder.on("CutCourt:AttesterConvicted", ({ event, context }) => attested(context, event, "cut"));
ponder.on("AvailabilityCourt:AttesterConvicted", ({ event, context }) => attested(context, event, "availability"));

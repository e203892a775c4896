import type { Context, Event } from "ponder:registry";
import { checkpoint, condemnation } from "ponder:schema";

type CourtEvent =
  | Event<"FoldCourt:WrongMemory">
  | Event<"FoldCourt:WrongTrace">
  | Event<"CutCourt:CutDisproven">
  | Event<"AvailabilityCourt:Unanswered">;

export type Condemned = Pick<typeof condemnation.$inferInsert, "court" | "fault" | "place" | "challenge">;

/** Courts say what is wrong before they condemn, and condemn what the ledger has: its row is there. */
export async function condemn(context: Context, event: CourtEvent, condemned: Condemned): Promise<void> {
  const { hash } = event.args;
  const known = await context.db.find(checkpoint, { hash });
  if (!known) throw new Error(`checkpoint ${hash} was condemned and never committed`);
  await context.db.insert(condemnation).values({
    hash,
    number: known.number,
    ...condemned,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
}

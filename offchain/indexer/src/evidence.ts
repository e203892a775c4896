import type { Context, Event } from "ponder:registry";
import { accusation, type conviction, type courtName, equivocation, falseAttestation } from "ponder:schema";
import { and, eq } from "ponder";
import { settingsFrom } from "../settings.ts";

const { contracts } = settingsFrom(process.env).deployment;

const COURTS = new Map(
  Object.entries({
    equivocation: contracts.equivocationCourt,
    fold: contracts.foldCourt,
    cut: contracts.cutCourt,
    availability: contracts.availabilityCourt,
    inference: contracts.inferenceCourt,
  } as const).map(([name, address]) => [address.toLowerCase(), name as (typeof courtName.enumValues)[number]]),
);

/** Which court convicted, and by what: it has said so earlier in the same transaction. */
export async function evidenceOf(
  { db }: Context,
  { args, transaction }: Event<"OperatorRegistry:OperatorConvicted">,
): Promise<Pick<typeof conviction.$inferInsert, "courtName" | "evidence">> {
  const { operator, court } = args;
  const name = COURTS.get(court.toLowerCase());
  switch (name) {
    case undefined:
      return {};
    case "equivocation": {
      const isIts = and(eq(equivocation.operator, operator), eq(equivocation.transaction, transaction.hash));
      const [proven] = await db.sql.select({ id: equivocation.id }).from(equivocation).where(isIts);
      return { courtName: name, evidence: proven?.id };
    }
    case "inference": {
      const isIts = and(eq(accusation.operator, operator), eq(accusation.closedTransaction, transaction.hash));
      const [judged] = await db.sql.select({ id: accusation.id }).from(accusation).where(isIts);
      return { courtName: name, evidence: judged?.id };
    }
    default:
      return { courtName: name, evidence: (await db.find(falseAttestation, { operator }))?.hash };
  }
}

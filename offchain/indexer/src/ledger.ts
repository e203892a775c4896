import { ponder } from "ponder:registry";
import { checkpoint, latest } from "ponder:schema";
import { settingsFrom } from "../settings.ts";

const { challengeWindowSeconds } = settingsFrom(process.env).deployment.parameters;

ponder.on("CheckpointLedger:CheckpointCommitted", async ({ event, context }) => {
  const { hash, signedStake, checkpoint: committed } = event.args;
  const { timestamp } = event.block;
  const number = Number(committed.number);
  // As the ledger has it: checkpoint 0 is final at once, and finality never falls from one number to the next.
  const before = (await context.db.find(latest, { id: 0 }))?.finalAt ?? 0n;
  const windowEnd = number === 0 ? timestamp : timestamp + BigInt(challengeWindowSeconds);
  const finalAt = windowEnd > before ? windowEnd : before;
  await context.db.insert(checkpoint).values({
    ...committed,
    hash,
    number,
    registryPosition: Number(committed.registryPosition),
    signedStake,
    committedAt: timestamp,
    committedBlock: event.block.number,
    finalAt,
    transaction: event.transaction.hash,
  });
  await context.db.insert(latest).values({ id: 0, finalAt }).onConflictDoUpdate({ finalAt });
});

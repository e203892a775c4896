import { ponder } from "ponder:registry";
import { checkpoint, latest, pause, retirement, successor } from "ponder:schema";
import { and, between, eq, gt, isNull, sql } from "ponder";
import { settingsFrom } from "../settings.ts";

const { challengeWindowSeconds } = settingsFrom(process.env).deployment.parameters;

ponder.on("CheckpointLedger:CheckpointCommitted", async ({ event, context }) => {
  const { hash, signedStake, checkpoint: committed } = event.args;
  const { timestamp } = event.block;
  const number = Number(committed.number);
  await context.db.insert(checkpoint).values({
    ...committed,
    hash,
    number,
    registryPosition: Number(committed.registryPosition),
    signedStake,
    committedAt: timestamp,
    committedBlock: event.block.number,
    // Checkpoint 0 has no window. Nothing is committed during a pause, and later ones move it.
    finalAt: number === 0 ? timestamp : timestamp + BigInt(challengeWindowSeconds),
    openDisputes: 0,
    transaction: event.transaction.hash,
  });
});

ponder.on("CheckpointLedger:CheckpointFell", async ({ event, context }) => {
  const range = between(checkpoint.number, Number(event.args.from), Number(event.args.to));
  await context.db.sql
    .update(checkpoint)
    .set({ fallenAt: event.block.timestamp })
    .where(and(range, isNull(checkpoint.fallenAt)));
});

ponder.on("CheckpointLedger:DisputeOpened", async ({ event, context }) => {
  const { number, open } = event.args;
  await context.db.sql
    .update(checkpoint)
    .set({ openDisputes: open })
    .where(eq(checkpoint.number, Number(number)));
});

ponder.on("CheckpointLedger:DisputeClosed", async ({ event, context }) => {
  const { number, open } = event.args;
  await context.db.sql
    .update(checkpoint)
    .set({ openDisputes: open })
    .where(eq(checkpoint.number, Number(number)));
});

ponder.on("CheckpointLedger:SuccessorAnnounced", async ({ event, context }) => {
  await context.db.insert(successor).values({
    ...event.args,
    announcedAt: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

ponder.on("OperatorRegistry:RegistryRetired", async ({ event, context }) => {
  await context.db.insert(retirement).values({
    ...event.args,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

// The registry keeps the time of both contracts: deadlines that still run move with a pause.

ponder.on("OperatorRegistry:Paused", async ({ event, context }) => {
  const { timestamp: startedAt } = event.block;
  const { until } = event.args;
  await context.db.insert(pause).values({ startedAt, until, transaction: event.transaction.hash });
  await context.db.insert(latest).values({ id: 0, pausedAt: startedAt }).onConflictDoUpdate({ pausedAt: startedAt });
  await context.db.sql
    .update(checkpoint)
    .set({ finalAt: sql`${checkpoint.finalAt} + ${until - startedAt}` })
    .where(gt(checkpoint.finalAt, startedAt));
});

ponder.on("OperatorRegistry:Resumed", async ({ event, context }) => {
  const { timestamp } = event.block;
  const startedAt = (await context.db.find(latest, { id: 0 }))?.pausedAt;
  const paused = startedAt == null ? undefined : await context.db.find(pause, { startedAt });
  if (!paused) return;
  // Read before the row is written: what was found changes with it.
  const { until } = paused;
  await context.db.update(pause, { startedAt: paused.startedAt }).set({ until: timestamp });
  await context.db.sql
    .update(checkpoint)
    .set({ finalAt: sql`${checkpoint.finalAt} - ${until - timestamp}` })
    .where(gt(checkpoint.finalAt, until));
});

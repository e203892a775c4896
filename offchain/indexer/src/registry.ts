import { type Context, type Event, ponder } from "ponder:registry";
import { conviction, latest, operator, operatorSet, registryChange, reporter, signer } from "ponder:schema";
import { evidenceOf } from "./evidence.ts";

type Kind = (typeof registryChange.$inferSelect)["kind"];
type Positioned =
  | Event<"OperatorRegistry:OperatorJoined">
  | Event<"OperatorRegistry:SignerRotated">
  | Event<"OperatorRegistry:ExitRequested">
  | Event<"OperatorRegistry:EpochActivated">
  | Event<"OperatorRegistry:OperatorConvicted">;

const STAKE_BITS = 96n;

async function record(context: Context, event: Positioned, kind: Kind): Promise<number> {
  const position = Number(event.args.position);
  await context.db.insert(registryChange).values({
    position,
    positionHash: event.args.positionHash,
    kind,
    operator: "operator" in event.args ? event.args.operator : null,
    block: event.block.number,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
  return position;
}

/** Keeps the set, and tells who came into it and who is gone. */
async function replaceSet(
  context: Context,
  event: Event<"OperatorRegistry:EpochActivated"> | Event<"OperatorRegistry:OperatorConvicted">,
): Promise<{ entered: `0x${string}`[]; gone: `0x${string}`[] }> {
  const { set, setHash } = event.args;
  const position = Number(event.args.position);
  const signers = set.map((word) => `0x${(word >> STAKE_BITS).toString(16).padStart(40, "0")}` as const);
  const stakes = set.map((word) => BigInt.asUintN(Number(STAKE_BITS), word));
  const newest = await context.db.find(latest, { id: 0 });
  const former = newest?.operatorSet ? await context.db.find(operatorSet, { position: newest.operatorSet }) : undefined;
  await context.db.insert(operatorSet).values({
    position,
    epoch: "epoch" in event.args ? Number(event.args.epoch) : null,
    setHash,
    signers,
    stakes,
    totalStake: stakes.reduce((sum, stake) => sum + stake, 0n),
    at: event.block.timestamp,
  });
  await context.db
    .insert(latest)
    .values({ id: 0, operatorSet: position })
    .onConflictDoUpdate({ operatorSet: position });
  return {
    entered: signers.filter((one) => !former?.signers.includes(one)),
    gone: former?.signers.filter((one) => !signers.includes(one)) ?? [],
  };
}

ponder.on("OperatorRegistry:OperatorJoined", async ({ event, context }) => {
  const position = await record(context, event, "joined");
  const { operator: owner, signer: address, stake, endpoint } = event.args;
  await context.db.insert(operator).values({
    owner,
    signer: address,
    stake,
    endpoint,
    status: "pending",
    joinedAt: event.block.timestamp,
    joinedPosition: position,
  });
  await context.db.insert(signer).values({ address, operator: owner, sincePosition: position });
});

ponder.on("OperatorRegistry:SignerRotated", async ({ event, context }) => {
  const position = await record(context, event, "rotated");
  const { operator: owner, oldSigner, newSigner } = event.args;
  await context.db.update(signer, { address: oldSigner }).set({ untilPosition: position });
  await context.db.insert(signer).values({ address: newSigner, operator: owner, sincePosition: position });
  await context.db.update(operator, { owner }).set({ signer: newSigner });
});

ponder.on("OperatorRegistry:EndpointChanged", async ({ event, context }) => {
  await context.db.update(operator, { owner: event.args.operator }).set({ endpoint: event.args.endpoint });
});

ponder.on("OperatorRegistry:ExitRequested", async ({ event, context }) => {
  await record(context, event, "exit");
  await context.db.update(operator, { owner: event.args.operator }).set({ status: "exiting" });
});

ponder.on("OperatorRegistry:EpochActivated", async ({ event, context }) => {
  await record(context, event, "activated");
  const { entered, gone } = await replaceSet(context, event);
  const ownerOf = async (address: `0x${string}`) => (await context.db.find(signer, { address }))?.operator;
  for (const address of entered) {
    const owner = await ownerOf(address);
    const known = owner && (await context.db.find(operator, { owner }));
    if (known && known.status === "pending") await context.db.update(operator, { owner }).set({ status: "active" });
  }
  for (const address of gone) {
    const owner = await ownerOf(address);
    const known = owner && (await context.db.find(operator, { owner }));
    // Whose key was only rotated is in the set with the new one.
    const stays = known && entered.includes(known.signer);
    if (known && !stays && known.status === "exiting")
      await context.db.update(operator, { owner }).set({ status: "left" });
  }
});

ponder.on("OperatorRegistry:OperatorConvicted", async ({ event, context }) => {
  const position = await record(context, event, "convicted");
  await replaceSet(context, event);
  const { operator: owner, court } = event.args;
  await context.db.update(operator, { owner }).set({ status: "convicted" });
  await context.db.insert(conviction).values({
    operator: owner,
    position,
    court,
    ...(await evidenceOf(context, event)),
    burned: 0n,
    bounty: 0n,
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

ponder.on("OperatorRegistry:StakeSlashed", async ({ event, context }) => {
  const { operator: owner, reporter: address, burned, bounty } = event.args;
  await context.db.update(operator, { owner }).set({ stake: 0n });
  await context.db.update(conviction, { operator: owner }).set({ burned, bounty, reporter: address });
  await context.db
    .insert(reporter)
    .values({ address, earned: bounty })
    .onConflictDoUpdate((row) => ({ earned: row.earned + bounty }));
});

ponder.on("OperatorRegistry:Withdrawn", async ({ event, context }) => {
  await context.db.update(operator, { owner: event.args.operator }).set({ status: "withdrawn", stake: 0n });
});

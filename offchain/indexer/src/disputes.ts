import { type Context, type Event, ponder } from "ponder:registry";
import { accusation, accusationAnswer, accusationMove, voidTurn } from "ponder:schema";
import { and, eq } from "ponder";
import { settingsFrom } from "../settings.ts";

const { accusationBond } = settingsFrom(process.env).deployment.parameters;

type AnswerMoved =
  | Event<"InferenceCourt:TensorDemanded">
  | Event<"InferenceCourt:GroupsPosted">
  | Event<"InferenceCourt:GroupDemanded">
  | Event<"InferenceCourt:GroupPosted">
  | Event<"InferenceCourt:AnswerDefeated">
  | Event<"InferenceCourt:AnswerStood">;
type Said =
  | AnswerMoved
  | Event<"InferenceCourt:AnswerGiven">
  | Event<"InferenceCourt:WrongElement">
  | Event<"InferenceCourt:WrongToken">
  | Event<"InferenceCourt:NoForwardPass">;
type Kind = typeof accusationMove.$inferInsert.kind;
type Stage = typeof accusationAnswer.$inferInsert.stage;

/** States of an accusation that is over, in the court's order. */
const CLOSED = [undefined, undefined, "convicted", "dismissed", "dropped"] as const;

async function say(context: Context, { args, id, block, transaction }: Said, kind: Kind): Promise<void> {
  await context.db.insert(accusationMove).values({
    id,
    accusation: args.id,
    place: "place" in args ? Number(args.place) : null,
    kind,
    tensor: "tensor" in args ? args.tensor : null,
    group: "group" in args ? args.group : null,
    at: block.timestamp,
    transaction: transaction.hash,
  });
}

/** Says it, and that the answer is there now. */
async function advance(context: Context, event: AnswerMoved, stage: Stage): Promise<void> {
  const { args } = event;
  await say(context, event, stage);
  await context.db.update(accusationAnswer, { accusation: args.id, place: Number(args.place) }).set({
    stage,
    ...("deadline" in args && { deadline: args.deadline }),
    ...("tensor" in args && { tensor: args.tensor }),
    ...("group" in args && { group: args.group }),
  });
}

ponder.on("InferenceCourt:Accused", async ({ event, context }) => {
  const { id, deadline, accused } = event.args;
  const { turn, position, token, operator, accuser, requestId, model, bond, opened, written } = accused;
  await context.db.insert(accusation).values({
    ...{ id, deadline, turn, position, operator, accuser, requestId, model, bond },
    token: BigInt(token),
    status: "open",
    openedNumber: Number(opened),
    writtenNumber: Number(written),
    at: event.block.timestamp,
    transaction: event.transaction.hash,
  });
});

ponder.on("InferenceCourt:AnswerGiven", async ({ event, context }) => {
  const { id, place, answerer, traceRoot, deadline } = event.args;
  await say(context, event, "answered");
  await context.db.insert(accusationAnswer).values({
    accusation: id,
    place: Number(place),
    bond: BigInt(accusationBond),
    stage: "answered",
    ...{ answerer, traceRoot, deadline },
  });
});

ponder.on("InferenceCourt:TensorDemanded", ({ event, context }) => advance(context, event, "tensor_demanded"));
ponder.on("InferenceCourt:GroupsPosted", ({ event, context }) => advance(context, event, "groups_posted"));
ponder.on("InferenceCourt:GroupDemanded", ({ event, context }) => advance(context, event, "group_demanded"));
ponder.on("InferenceCourt:GroupPosted", ({ event, context }) => advance(context, event, "group_posted"));
ponder.on("InferenceCourt:AnswerDefeated", ({ event, context }) => advance(context, event, "defeated"));
ponder.on("InferenceCourt:AnswerStood", ({ event, context }) => advance(context, event, "stood"));
ponder.on("InferenceCourt:WrongElement", ({ event, context }) => say(context, event, "wrong_element"));
ponder.on("InferenceCourt:WrongToken", ({ event, context }) => say(context, event, "wrong_token"));
ponder.on("InferenceCourt:NoForwardPass", ({ event, context }) => say(context, event, "no_forward_pass"));

ponder.on("InferenceCourt:AccusationClosed", async ({ event, context }) => {
  const { id, state } = event.args;
  const status = CLOSED[state];
  if (!status) throw new Error(`accusation ${id} was closed in state ${state}`);
  const [closedAt, closedTransaction] = [event.block.timestamp, event.transaction.hash];
  await context.db.update(accusation, { id }).set({ status, closedAt, closedTransaction });
});

/** Said in one transaction with the accusation's end. A turn may be void twice, where two were open. */
ponder.on("InferenceCourt:TurnVoided", async ({ event, context }) => {
  const { turn, operator, position } = event.args;
  const transaction = event.transaction.hash;
  const isIts = and(eq(accusation.turn, turn), eq(accusation.closedTransaction, transaction));
  const [closed] = await context.db.sql.select({ id: accusation.id }).from(accusation).where(isIts);
  await context.db
    .insert(voidTurn)
    .values({ turn, operator, position, accusation: closed?.id, at: event.block.timestamp, transaction })
    .onConflictDoNothing();
});

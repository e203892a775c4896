import { index, onchainEnum, onchainTable, primaryKey } from "ponder";

/** Disputes about tokens before the inference court. Deadlines are active time: a pause extends them. */

/** `dropped`: a checkpoint that it rests on fell. */
export const accusationStatus = onchainEnum("accusation_status", ["open", "convicted", "dismissed", "dropped"]);

/** Somebody is accused: that this token is not what the model says there. */
export const accusation = onchainTable(
  "accusation",
  (t) => ({
    id: t.hex().primaryKey(),
    turn: t.hex().notNull(),
    /** Of the token, absolute. */
    position: t.integer().notNull(),
    token: t.bigint().notNull(),
    operator: t.hex().notNull(),
    accuser: t.hex().notNull(),
    requestId: t.hex().notNull(),
    model: t.hex().notNull(),
    bond: t.bigint().notNull(),
    status: accusationStatus().notNull(),
    /** Of answers. */
    deadline: t.bigint().notNull(),
    /** Numbers of the checkpoints that have the opening and the token. */
    openedNumber: t.integer().notNull(),
    writtenNumber: t.integer().notNull(),
    at: t.bigint().notNull(),
    transaction: t.hex().notNull(),
    closedAt: t.bigint(),
    closedTransaction: t.hex(),
  }),
  (table) => ({
    byTurn: index().on(table.turn),
    byOperator: index().on(table.operator),
    byStatus: index().on(table.status),
  }),
);

/** Whose move it is about an answer: of `answered`, `groups_posted` and `group_posted` the accuser's. */
export const answerStage = onchainEnum("answer_stage", [
  "answered",
  "tensor_demanded",
  "groups_posted",
  "group_demanded",
  "group_posted",
  "stood",
  "defeated",
]);

/** What is said for the accused: place 0 by itself, the others by others. */
export const accusationAnswer = onchainTable(
  "accusation_answer",
  (t) => ({
    accusation: t.hex().notNull(),
    place: t.integer().notNull(),
    answerer: t.hex().notNull(),
    traceRoot: t.hex().notNull(),
    bond: t.bigint().notNull(),
    stage: answerStage().notNull(),
    /** Of the next move. */
    deadline: t.bigint().notNull(),
    /** The tensor and the group that were demanded. */
    tensor: t.integer(),
    group: t.integer(),
  }),
  (table) => ({ pk: primaryKey({ columns: [table.accusation, table.place] }) }),
);

export const moveKind = onchainEnum("move_kind", [
  ...answerStage.enumValues,
  "wrong_element",
  "wrong_token",
  "no_forward_pass",
]);

/** Everything that was said in a dispute, in order; tensors' roots and values stand in the transactions. */
export const accusationMove = onchainTable(
  "accusation_move",
  (t) => ({
    id: t.text().primaryKey(),
    accusation: t.hex().notNull(),
    /** Of the answer that it is about. */
    place: t.integer(),
    kind: moveKind().notNull(),
    tensor: t.integer(),
    group: t.integer(),
    at: t.bigint().notNull(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byAccusation: index().on(table.accusation) }),
);

/** Turns of which a token was proven wrong: what they say is nobody's answer any more. */
export const voidTurn = onchainTable("void_turn", (t) => ({
  turn: t.hex().primaryKey(),
  operator: t.hex().notNull(),
  position: t.integer().notNull(),
  accusation: t.hex(),
  at: t.bigint().notNull(),
  transaction: t.hex().notNull(),
}));

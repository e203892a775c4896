import { bigint, boolean, hex, index, integer, onchainEnum, onchainTable, onchainView, sql, text } from "ponder";
import { accusation, voidTurn } from "./schema/disputes.ts";

export * from "./schema/courts.ts";
export * from "./schema/disputes.ts";

/** What the contracts said. Amounts are in the token's smallest unit, times in seconds since 1970. */

export const operatorStatus = onchainEnum("operator_status", [
  "pending",
  "active",
  "exiting",
  "left",
  "withdrawn",
  "convicted",
]);

export const operator = onchainTable("operator", (t) => ({
  owner: t.hex().primaryKey(),
  signer: t.hex().notNull(),
  /** What it can still lose: nothing once withdrawn or slashed. */
  stake: t.bigint().notNull(),
  endpoint: t.text().notNull(),
  status: operatorStatus().notNull(),
  joinedAt: t.bigint().notNull(),
  joinedPosition: t.integer().notNull(),
}));

/** Every key that an operator ever signed with: retired ones stay attributable. */
export const signer = onchainTable(
  "signer",
  (t) => ({
    address: t.hex().primaryKey(),
    operator: t.hex().notNull(),
    sincePosition: t.integer().notNull(),
    untilPosition: t.integer(),
  }),
  (table) => ({ byOperator: index().on(table.operator) }),
);

export const registryChangeKind = onchainEnum("registry_change_kind", [
  "joined",
  "rotated",
  "exit",
  "activated",
  "convicted",
]);

/** The registry's history: one row for each position. */
export const registryChange = onchainTable(
  "registry_change",
  (t) => ({
    position: t.integer().primaryKey(),
    positionHash: t.hex().notNull(),
    kind: registryChangeKind().notNull(),
    /** Absent for an activation, which is about all who waited. */
    operator: t.hex(),
    block: t.bigint().notNull(),
    at: t.bigint().notNull(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byOperator: index().on(table.operator) }),
);

/** Every operator set that ever counted, from its registry position on; signers ascend, and stakes stand beside them. */
export const operatorSet = onchainTable("operator_set", (t) => ({
  position: t.integer().primaryKey(),
  /** Absent where a conviction, and no epoch, made the set. */
  epoch: t.integer(),
  setHash: t.hex().notNull(),
  signers: t.hex().array().notNull(),
  stakes: t.bigint().array().notNull(),
  totalStake: t.bigint().notNull(),
  at: t.bigint().notNull(),
}));

/** The newest set and pause: one row. */
export const latest = onchainTable("latest", (t) => ({
  id: t.integer().primaryKey(),
  operatorSet: t.integer(),
  pausedAt: t.bigint(),
}));

/** While one lasts nothing becomes final, and every deadline that runs moves by as much. */
export const pause = onchainTable("pause", (t) => ({
  startedAt: t.bigint().primaryKey(),
  /** As it was announced, or when it was ended early. */
  until: t.bigint().notNull(),
  transaction: t.hex().notNull(),
}));

/** Where readers go on from a block time on. */
export const successor = onchainTable("successor", (t) => ({
  ledger: t.hex().primaryKey(),
  notBefore: t.bigint().notNull(),
  announcedAt: t.bigint().notNull(),
  transaction: t.hex().notNull(),
}));

/** Since when stakes count for nothing here: the ledger that took its last checkpoint under this registry. */
export const retirement = onchainTable("retirement", (t) => ({
  ledger: t.hex().primaryKey(),
  at: t.bigint().notNull(),
  transaction: t.hex().notNull(),
}));

export const checkpoint = onchainTable(
  "checkpoint",
  (t) => ({
    hash: t.hex().primaryKey(),
    number: t.integer().notNull(),
    parent: t.hex().notNull(),
    registryPosition: t.integer().notNull(),
    registryHash: t.hex().notNull(),
    cutRoot: t.hex().notNull(),
    entryCount: t.integer().notNull(),
    segmentsRoot: t.hex().notNull(),
    segmentCount: t.integer().notNull(),
    memoryRoot: t.hex().notNull(),
    memoryTraceRoot: t.hex().notNull(),
    signedStake: t.bigint().notNull(),
    committedAt: t.bigint().notNull(),
    committedBlock: t.bigint().notNull(),
    /** Final from this block time on by the pauses known now, unless it fell or is disputed (or one before it is). */
    finalAt: t.bigint().notNull(),
    openDisputes: t.integer().notNull(),
    fallenAt: t.bigint(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byNumber: index().on(table.number), byTime: index().on(table.finalAt) }),
);

/** What workers served of these checkpoints, joined by their hashes: what is not committed (any more) is not seen. */

export const segment = onchainView("segment", {
  number: integer("number").notNull(),
  segmentIndex: integer("segment_index").notNull(),
  hash: hex("hash").notNull(),
  operator: hex("operator").notNull(),
  incarnation: hex("incarnation").notNull(),
  sequence: bigint("sequence").notNull(),
  previous: hex("previous").notNull(),
  snapshotsRoot: hex("snapshots_root").notNull(),
  snapshotCount: integer("snapshot_count").notNull(),
  signature: hex("signature").notNull(),
}).as(sql`
  SELECT c.number, s.segment_index, s.hash, s.operator, s.incarnation, s.sequence::numeric AS sequence, s.previous,
    s.snapshots_root, s.snapshot_count, s.signature
  FROM weft_content.segment s JOIN ${checkpoint} c ON c.hash = s.checkpoint_hash`);

export const snapshot = onchainView("snapshot", {
  number: integer("number").notNull(),
  segmentIndex: integer("segment_index").notNull(),
  snapshotIndex: integer("snapshot_index").notNull(),
  kind: text("kind").notNull(),
  turn: hex("turn").notNull(),
  first: integer("first"),
  count: integer("count"),
  salt: hex("salt").notNull(),
  body: hex("body").notNull(),
}).as(sql`
  SELECT c.number, s.segment_index, s.snapshot_index, s.kind, s.turn, s.first, s.count,
    '0x' || encode(s.salt, 'hex') AS salt, '0x' || encode(s.body, 'hex') AS body
  FROM weft_content.snapshot s JOIN ${checkpoint} c ON c.hash = s.checkpoint_hash`);

/** A turn's place is that of its close; one that was abandoned, or goes on, has none. `accusations` are those that are open. */
export const turn = onchainView("turn", {
  turn: hex("turn").notNull(),
  requestId: hex("request_id").notNull(),
  operator: hex("operator").notNull(),
  start: integer("start").notNull(),
  openedNumber: integer("opened_number").notNull(),
  number: integer("number"),
  segmentIndex: integer("segment_index"),
  snapshotIndex: integer("snapshot_index"),
  length: integer("length"),
  reason: text("reason"),
  void: boolean("void").notNull(),
  accusations: integer("accusations").notNull(),
}).as(sql`
  SELECT o.turn, o.request_id, g.operator, o.first AS start, co.number AS opened_number, e.number, e.segment_index,
    e.snapshot_index, e.length, e.reason, EXISTS (SELECT 1 FROM ${voidTurn} v WHERE v.turn = o.turn) AS void,
    (SELECT count(*)::integer FROM ${accusation} a WHERE a.turn = o.turn AND a.status = 'open') AS accusations
  FROM weft_content.snapshot o
  JOIN ${checkpoint} co ON co.hash = o.checkpoint_hash
  JOIN weft_content.segment g ON g.checkpoint_hash = o.checkpoint_hash AND g.segment_index = o.segment_index
  LEFT JOIN (
    SELECT x.turn, cx.number, x.segment_index, x.snapshot_index, x.length, x.reason
    FROM weft_content.snapshot x JOIN ${checkpoint} cx ON cx.hash = x.checkpoint_hash WHERE x.kind = 'close'
  ) e ON e.turn = o.turn
  WHERE o.kind = 'open'`);

/** How far each checkpoint went in the tracks that went on. */
export const trackAdvance = onchainView("track_advance", {
  number: integer("number").notNull(),
  slot: integer("slot").notNull(),
  operator: hex("operator").notNull(),
  incarnation: hex("incarnation").notNull(),
  sequence: bigint("sequence").notNull(),
  head: hex("head").notNull(),
  firstSegment: integer("first_segment").notNull(),
  segmentCount: integer("segment_count").notNull(),
}).as(sql`
  SELECT c.number, t.slot, t.operator, t.incarnation, t.sequence::numeric AS sequence, t.head,
    t.first AS first_segment, t.count AS segment_count
  FROM weft_content.cut_entry t JOIN ${checkpoint} c ON c.hash = t.checkpoint_hash`);

/** What workers say of turns that they computed again: of those turns that are committed, and by that author. */
export const report = onchainView("report", {
  turn: hex("turn").notNull(),
  reporter: hex("reporter").notNull(),
  model: hex("model").notNull(),
  author: hex("author").notNull(),
  agrees: boolean("agrees").notNull(),
  position: bigint("position").notNull(),
  distance: bigint("distance").notNull(),
  signature: hex("signature").notNull(),
}).as(sql`
  SELECT r.turn, r.reporter, r.model, r.author, r.agrees, r.position::numeric AS position,
    r.distance::numeric AS distance, r.signature
  FROM weft_content.report r
  JOIN weft_content.snapshot o ON o.turn = r.turn AND o.kind = 'open'
  JOIN ${checkpoint} c ON c.hash = o.checkpoint_hash
  JOIN weft_content.segment g ON g.checkpoint_hash = o.checkpoint_hash AND g.segment_index = o.segment_index
  WHERE g.operator = r.author`);

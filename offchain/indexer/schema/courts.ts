import { index, onchainEnum, onchainTable, primaryKey } from "ponder";

/** What the courts took and decided. Amounts are in the stake token's smallest unit, times in seconds since 1970. */

export const courtName = onchainEnum("court_name", ["equivocation", "fold", "cut", "availability", "inference"]);

/** Two signed headers for one place of a track, as the court took them. */
export const equivocation = onchainTable(
  "equivocation",
  (t) => ({
    id: t.text().primaryKey(),
    operator: t.hex().notNull(),
    incarnation: t.hex().notNull(),
    sequence: t.bigint().notNull(),
    hashA: t.hex().notNull(),
    hashB: t.hex().notNull(),
    at: t.bigint().notNull(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byOperator: index().on(table.operator) }),
);

/** Checkpoints that a court has proven wrong, or of which something was not served. */
export const condemnation = onchainTable(
  "condemnation",
  (t) => ({
    hash: t.hex().notNull(),
    court: courtName().notNull(),
    number: t.integer().notNull(),
    /** What of it is wrong: of a cut the kind of lie, of a fold `memory` or `trace`, else `unanswered`. */
    fault: t.text().notNull(),
    /** The slot, or the index among the segments, that is wrong. */
    place: t.bigint(),
    /** The challenge that nobody answered. */
    challenge: t.hex(),
    at: t.bigint().notNull(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ pk: primaryKey({ columns: [table.hash, table.court] }) }),
);

/** Who signed a condemned checkpoint, and was convicted of it. */
export const falseAttestation = onchainTable(
  "false_attestation",
  (t) => ({
    operator: t.hex().primaryKey(),
    court: courtName().notNull(),
    /** Of the checkpoint. */
    hash: t.hex().notNull(),
    signer: t.hex().notNull(),
    at: t.bigint().notNull(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byCheckpoint: index().on(table.hash) }),
);

/** Who lost its stake, where, and by what. */
export const conviction = onchainTable("conviction", (t) => ({
  operator: t.hex().primaryKey(),
  position: t.integer().notNull(),
  court: t.hex().notNull(),
  /** Absent for a court that this deployment does not name. */
  courtName: courtName(),
  /** Of the equivocation, of the condemned checkpoint, or of the accusation. */
  evidence: t.text(),
  burned: t.bigint().notNull(),
  bounty: t.bigint().notNull(),
  reporter: t.hex(),
  at: t.bigint().notNull(),
  transaction: t.hex().notNull(),
}));

/** Who reported what was convicted, and what that earned. */
export const reporter = onchainTable("reporter", (t) => ({
  address: t.hex().primaryKey(),
  earned: t.bigint().notNull(),
}));

/** `lapsed`: nobody answered, of a checkpoint that had fallen or was condemned by then. */
export const challengeStatus = onchainEnum("challenge_status", ["open", "answered", "condemned", "lapsed"]);

export const challengeKind = onchainEnum("challenge_kind", [
  "entry",
  "segment",
  "trace",
  "snapshot",
  "context",
  "memory",
  "row",
  "tile",
]);

/** What attesters were asked to serve. */
export const challenge = onchainTable(
  "challenge",
  (t) => ({
    id: t.hex().primaryKey(),
    number: t.integer().notNull(),
    hash: t.hex().notNull(),
    kind: challengeKind().notNull(),
    /** Indices that lead to what is asked for. */
    path: t.bigint().array().notNull(),
    challenger: t.hex().notNull(),
    bond: t.bigint().notNull(),
    status: challengeStatus().notNull(),
    /** Of the answer, in active time: a pause extends it. */
    deadline: t.bigint().notNull(),
    answerer: t.hex(),
    /** Since when it keeps the checkpoint from being final no longer, where it did. */
    releasedAt: t.bigint(),
    at: t.bigint().notNull(),
    closedAt: t.bigint(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byCheckpoint: index().on(table.number), byStatus: index().on(table.status) }),
);

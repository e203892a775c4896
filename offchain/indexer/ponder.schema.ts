import { index, onchainEnum, onchainTable } from "ponder";

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
  /** What it can still lose: nothing once withdrawn or convicted. */
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

/** The newest of everything that counts up: one row. */
export const latest = onchainTable("latest", (t) => ({
  id: t.integer().primaryKey(),
  operatorSet: t.integer(),
  finalAt: t.bigint().notNull(),
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
    /** Final from this block time on, unless it fell. */
    finalAt: t.bigint().notNull(),
    fallenAt: t.bigint(),
    transaction: t.hex().notNull(),
  }),
  (table) => ({ byNumber: index().on(table.number), byTime: index().on(table.finalAt) }),
);

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

export const conviction = onchainTable("conviction", (t) => ({
  operator: t.hex().primaryKey(),
  position: t.integer().notNull(),
  court: t.hex().notNull(),
  burned: t.bigint().notNull(),
  bounty: t.bigint().notNull(),
  reporter: t.hex(),
  at: t.bigint().notNull(),
  transaction: t.hex().notNull(),
}));

/** Who reported what was convicted: bounties earned and fetched. */
export const reporter = onchainTable("reporter", (t) => ({
  address: t.hex().primaryKey(),
  earned: t.bigint().notNull(),
  claimed: t.bigint().notNull(),
}));

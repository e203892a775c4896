/**
 * What workers said, in tables of our own beside Ponder's, in the same database: what a checkpoint contains never
 * changes, so rows are named by the checkpoint's hash and written once, and neither a reorganisation nor a new version
 * of the handlers touches them. What Ponder says is committed is joined when somebody asks. The hash covers chain and
 * ledger, so that all indexers of one database share them.
 */
export const CONTENT_SCHEMA = "weft_content";

/** Each statement may be run again. */
export const CONTENT_TABLES = [
  `CREATE SCHEMA IF NOT EXISTS ${CONTENT_SCHEMA}`,
  // How far a checkpoint was collected; whole once everything that it contains is here.
  `CREATE TABLE IF NOT EXISTS ${CONTENT_SCHEMA}.collected (
    checkpoint_hash text PRIMARY KEY, segments integer NOT NULL, whole boolean NOT NULL)`,
  // The tracks that went on in this checkpoint.
  `CREATE TABLE IF NOT EXISTS ${CONTENT_SCHEMA}.cut_entry (
    checkpoint_hash text, slot integer, operator text NOT NULL, incarnation text NOT NULL, sequence bigint NOT NULL,
    head text NOT NULL, first integer NOT NULL, count integer NOT NULL, PRIMARY KEY (checkpoint_hash, slot))`,
  // Siblings are those below the height of the list; above it every sibling is an empty subtree.
  `CREATE TABLE IF NOT EXISTS ${CONTENT_SCHEMA}.segment (
    checkpoint_hash text, segment_index integer, hash text NOT NULL, operator text NOT NULL, incarnation text NOT NULL,
    sequence bigint NOT NULL, previous text NOT NULL, snapshots_root text NOT NULL, snapshot_count integer NOT NULL,
    signature text NOT NULL, siblings text NOT NULL, PRIMARY KEY (checkpoint_hash, segment_index))`,
  `CREATE TABLE IF NOT EXISTS ${CONTENT_SCHEMA}.snapshot (
    checkpoint_hash text, segment_index integer, snapshot_index integer, kind text NOT NULL, turn text NOT NULL,
    first integer, count integer, request_id text, length integer, reason text, salt bytea NOT NULL,
    body bytea NOT NULL, PRIMARY KEY (checkpoint_hash, segment_index, snapshot_index))`,
  `CREATE INDEX IF NOT EXISTS snapshot_turn ON ${CONTENT_SCHEMA}.snapshot (turn, first)`,
  `CREATE INDEX IF NOT EXISTS snapshot_request ON ${CONTENT_SCHEMA}.snapshot (request_id) WHERE request_id IS NOT NULL`,
  // What workers found in turns that they computed again, in the order in which it came: by each of a turn once.
  `CREATE TABLE IF NOT EXISTS ${CONTENT_SCHEMA}.report (
    reporter text, turn text, model text NOT NULL, author text NOT NULL, agrees boolean NOT NULL, position bigint NOT NULL,
    distance bigint NOT NULL, signature text NOT NULL, arrived bigserial, PRIMARY KEY (reporter, turn))`,
  `CREATE INDEX IF NOT EXISTS report_turn ON ${CONTENT_SCHEMA}.report (turn)`,
  `CREATE INDEX IF NOT EXISTS report_arrived ON ${CONTENT_SCHEMA}.report (reporter, arrived)`,
];

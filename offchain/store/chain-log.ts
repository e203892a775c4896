import {
  type ChainBlock,
  type ChainEvent,
  type ChainLog,
  decodeChainEvent,
  encodeChainEvent,
  KEPT_BLOCKS,
} from "../core/chain.ts";
import { type Db, guarded } from "./database.ts";

export function sqliteChainLog(db: Db, durably: (what: string, work: () => void) => void): ChainLog {
  const blocks = db.prepare("SELECT number, hash, parent_hash AS parentHash, timestamp FROM blocks ORDER BY number");
  const events = db.prepare("SELECT event FROM events ORDER BY block, log_index").pluck();
  const putBlock = db.prepare("INSERT OR REPLACE INTO blocks VALUES (@number, @hash, @parentHash, @timestamp)");
  const putEvent = db.prepare("INSERT OR REPLACE INTO events VALUES (?, ?, ?)");
  const prune = db.prepare(
    "DELETE FROM blocks WHERE number < (SELECT min(number) FROM (SELECT number FROM blocks ORDER BY number DESC LIMIT ?))",
  );
  const dropBlocks = db.prepare("DELETE FROM blocks WHERE number >= ?");
  const dropEvents = db.prepare("DELETE FROM events WHERE block >= ?");
  return {
    blocks: () => guarded(() => blocks.all() as ChainBlock[]),
    events: () => guarded(() => events.all().map((text): ChainEvent => decodeChainEvent(text as string))),
    append(newBlocks, newEvents) {
      durably("chain", () => {
        for (const block of newBlocks) putBlock.run(block);
        for (const event of newEvents) putEvent.run(event.block, event.logIndex, encodeChainEvent(event));
        prune.run(KEPT_BLOCKS);
      });
    },
    truncate(fromBlock) {
      durably("chain", () => {
        dropBlocks.run(fromBlock);
        dropEvents.run(fromBlock);
      });
    },
  };
}

import { type Bytes, equal } from "../../offchain/core/bytes.ts";
import { activeTime, guarded, wallTime } from "./clock-contract.ts";
import { type Context, type ContractState, type LedgerRecord, Revert } from "./contract-state.ts";

/** CheckpointChain.sol: what becomes of checkpoints, written down the obvious way: every ancestor is visited. */

/** The latest that has not fallen; checkpoint 0 never does. */
export function standing({ checkpoints }: Pick<ContractState, "checkpoints">): LedgerRecord {
  return checkpoints.findLast(({ fallen }) => !fallen) as LedgerRecord;
}

/** The checkpoint and those below it that have not fallen. */
function lineage({ checkpoints }: ContractState, number: number): LedgerRecord[] {
  return checkpoints.slice(0, number + 1).filter(({ fallen }) => !fallen);
}

export function isFinal(c: Pick<Context, "state" | "time">, number: number): boolean {
  const record = c.state.checkpoints[number];
  if (!record || record.fallen || activeTime(c) < record.finalAt) return false;
  return lineage(c.state, number).every(({ disputes }) => disputes === 0);
}

/** Number of the latest checkpoint that is final. */
export function latestFinal(c: Pick<Context, "state" | "time">): number {
  return c.state.checkpoints.findLastIndex((_, number) => isFinal(c, number));
}

/** Seconds of block time; 0 where it is not known. */
export function finalizedAt({ state }: Pick<Context, "state">, number: number): number {
  const record = state.checkpoints[number];
  const line = lineage(state, number);
  if (!record || record.fallen || line.some(({ disputes }) => disputes > 0)) return 0;
  return wallTime({ state }, Math.max(record.finalAt, ...line.map(({ clearedAt }) => clearedAt)));
}

function known({ state }: Context, number: number, hash: Bytes): LedgerRecord {
  const record = state.checkpoints[number];
  if (!record) throw new Revert("CheckpointLedgerUnknown", number);
  if (!equal(record.hash, hash)) throw new Revert("CheckpointLedgerWrongHash", number);
  return record;
}

function open(c: Context, number: number, hash: Bytes): LedgerRecord {
  const record = known(c, number, hash);
  if (record.fallen) throw new Revert("CheckpointLedgerFallen", number);
  if (isFinal(c, number)) throw new Revert("CheckpointLedgerFinal", number);
  return record;
}

export function dispute(c: Context, number: number, hash: Bytes): void {
  guarded(c);
  const record = open(c, number, hash);
  c.state.checkpoints[number] = { ...record, disputes: record.disputes + 1 };
  c.events.push({ kind: "disputed", number, open: record.disputes + 1 });
}

export function dismiss(c: Context, number: number, hash: Bytes): void {
  guarded(c);
  const record = known(c, number, hash);
  if (record.disputes === 0) throw new Revert("CheckpointLedgerNotDisputed", number);
  const disputes = record.disputes - 1;
  const late = disputes === 0 && activeTime(c) > record.finalAt;
  c.state.checkpoints[number] = { ...record, disputes, clearedAt: late ? activeTime(c) : record.clearedAt };
  c.events.push({ kind: "disputed", number, open: disputes });
}

export function invalidate(c: Context, number: number, hash: Bytes): void {
  guarded(c);
  open(c, number, hash);
  const { checkpoints } = c.state;
  for (let i = number; i < checkpoints.length; i++) checkpoints[i] = { ...checkpoints[i], fallen: true };
  c.events.push({ kind: "fell", from: number, standing: standing(c.state).checkpoint.number });
}

import { keccak256, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { CutEntry } from "../../../offchain/core/cut.ts";
import { type Sealed, type TrackWriter, writeSegments } from "../../helpers/core.ts";
import { extend, type Made } from "../../helpers/made.ts";
import { consent, type Operator, operatorAt, prepareJoin, setOf, type World } from "../fixture.ts";
import { header, signHeader } from "../quorum.ts";
import { Historian } from "./history.ts";

/**
 * Tracks of six operators: the first was convicted, the fourth has left, the sixth is in no set yet. Two checkpoints, of which
 * none is committed yet: one that ends the tracks of those two, and the next.
 */
export type Endings = { historian: Historian; ending: Made; next: Made; operators: readonly Operator[] };

/** The same checkpoint, but that some tracks have ended, or not. */
export function withEnded(historian: Historian, honest: Made, change: (slot: number) => Partial<CutEntry>): Made {
  const entries = honest.entries.map((entry, slot) => ({ ...entry, ...change(slot) }));
  return historian.make(honest.parent as Made, { entries, segments: honest.segments });
}

/** The slot of an operator's track. */
export function slotOf({ operators, next }: Endings, operator: number): number {
  const owner = (operators[operator] as Operator).owner.toLowerCase();
  return next.entries.findIndex((entry) => toHex(entry.operator) === owner);
}

/** Leads a world of four operators there. */
export async function endSome(world: World, first: readonly Operator[]): Promise<Endings> {
  const operators = [...first, operatorAt(world, 4), operatorAt(world, 5)];
  const [culprit, rotating, , leaving, joining, waiting] = operators as [Operator, ...Operator[]] & Operator[];
  await world.send(await prepareJoin(world, joining as Operator));
  await world.send({ ...world.registry, functionName: "requestExit", account: (leaving as Operator).owner });
  const early = await Historian.of(world, first);
  const all = Object.assign(Object.create(early), { operators }) as Historian;
  const writers = [0, 1, 2, 3, 4].map((operator) => all.track(operator, "before"));
  const parent = early.make(early.genesis, extend(early.genesis, writers.map(once)));
  await early.commit(parent);

  await world.pass(world.deployment.parameters.epochDurationSeconds);
  await world.send({ ...world.registry, functionName: "activateEpoch", args: [setOf([...first])] });
  const a = header(culprit.owner);
  const b = { ...a, snapshotsRoot: keccak256("0x02") };
  const args = [a, await signHeader(world, culprit, a), b, await signHeader(world, culprit, b)];
  const set = setOf([...operators.slice(0, 3), joining as Operator]);
  await world.send({ ...world.court, functionName: "convict", args: [...args, set] });
  await stirQuietly(world, rotating as Operator, operators[2] as Operator, waiting as Operator);

  const quorum = [operators[1], operators[2], joining] as Operator[];
  const historian = await Historian.of(world, quorum);
  const over = [culprit, leaving as Operator];
  const ending = ended(historian, parent, extend(parent, [once(all.track(5, "late"))]), over);
  const next = ended(historian, ending, extend(ending, []), over);
  return { historian, ending, next, operators };
}

const once = (writer: TrackWriter): Sealed[] => writeSegments(writer, 1);

function ended(
  historian: Historian,
  parent: Made,
  { entries, segments }: ReturnType<typeof extend>,
  over: readonly Operator[],
): Made {
  const owners = over.map(({ owner }) => owner.toLowerCase());
  const all = entries.map((entry) => ({ ...entry, ended: owners.includes(toHex(entry.operator)) }));
  return historian.make(parent, { entries: all, segments });
}

/** Each kind of position that leaves the set as it is. */
async function stirQuietly(world: World, rotating: Operator, exiting: Operator, joining: Operator): Promise<void> {
  const key = privateKeyToAccount(keccak256(toHex("another key")));
  const args = [key.address, await consent(world, rotating.owner, key)];
  await world.send({ ...world.registry, functionName: "rotateSigner", args, account: rotating.owner });
  await world.send({ ...world.registry, functionName: "requestExit", account: exiting.owner });
  await world.send(await prepareJoin(world, joining));
}

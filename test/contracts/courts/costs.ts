import { type Address, type Hex, parseEventLogs } from "viem";
import { toHex } from "../../../offchain/core/bytes.ts";
import { Context } from "../../../offchain/core/context.ts";
import { LIMIT_IDS, type Snapshot } from "../../../offchain/core/snapshot.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, requestOf } from "../../helpers/core.ts";
import { extend } from "../../helpers/made.ts";
import type { Call, Operator, World } from "../fixture.ts";
import { ANSWER_SECONDS, Historian, openCourt } from "./history.ts";

const BOND = 10n ** 18n;
const GIVEN = [1, 2, 3];

/** What the courts about cuts and availability cost at their dearest: as many tokens in one snapshot as there may be. */
export async function costsOfCourts(world: World, operators: readonly Operator[]): Promise<Record<string, number>> {
  const used: Record<string, number> = {};
  const court = await openCourt(world, "CutCourt");
  const availability = await openCourt(world, "AvailabilityCourt", BOND, ANSWER_SECONDS, ANSWER_SECONDS);
  const historian = await Historian.of(world, operators);
  const writer = historian.track(0, "dear");
  const turn = writer.open(requestOf(GIVEN, { maxLength: LIMIT_IDS })).tokens("given", GIVEN);
  const opened = writer.seal();
  turn.tokens(
    "written",
    Array.from({ length: LIMIT_IDS }, (_, i) => i),
  );
  const right = writer.pending.pop() as Snapshot;
  writer.pending.push({ ...right, root: hashOf("another root") } as Snapshot);
  const made = historian.make(historian.genesis, extend(historian.genesis, [[opened, writer.seal()]]));
  const fresh = await world.remember();
  await historian.commit(made);
  const [asker] = world.accounts as [Address];
  const send = async (name: string, call: Call) => {
    const { gas, logs } = await world.send(call);
    used[name] = Number(gas);
    return logs;
  };

  const peaks = Context.of(crypto, GIVEN).peaks.map(toHex);
  const args = [toHex(made.hash), made.snapshotAt(1, 0), made.snapshotAt(0, 1), peaks];
  await send(`prove a wrong context root, ${LIMIT_IDS} tokens`, { ...court, functionName: "proveSuccession", args });
  await fresh();
  await world.send({ ...world.token, functionName: "mint", args: [asker, 100n * BOND] });
  await world.send({ ...world.token, functionName: "approve", args: [availability.address, 100n * BOND] });
  await historian.commit(made);
  const ask = async (name: string, functionName: string, ...args: unknown[]) => {
    const logs = await send(name, { ...availability, functionName, args: [...args, 100n * BOND] });
    const [event] = parseEventLogs({ abi: availability.abi, logs, eventName: "Challenged" });
    return (event as unknown as { args: { id: Hex } }).args.id;
  };
  const { snapshotProof, salt, body } = made.snapshotAt(1, 0);
  const number = BigInt(made.checkpoint.number);
  const id = await ask("ask for a snapshot", "challengeSnapshot", number, toHex(made.hash), made.headerAt(1), 0n);
  const answer = { ...availability, functionName: "answerSnapshot", args: [id, salt, body, snapshotProof] };
  await send(`answer with a snapshot of ${LIMIT_IDS} tokens`, answer);
  const silent = await ask("ask for a cut entry", "challenge", made.accused.checkpoint, 0, 0n);
  await world.pass(ANSWER_SECONDS);
  await send("conclude that nobody answers", { ...availability, functionName: "conclude", args: [silent] });
  return used;
}

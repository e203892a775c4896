import { type AccusedCut, type Finding, found } from "./accused-cut.ts";
import { equal } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import { snapshotsOf } from "./false-segments.ts";
import type { Hashing } from "./ports.ts";
import type { Place, Snapshot } from "./snapshot.ts";
import { answers, appends, follows, type Later, opensWell, standsAlone } from "./succession.ts";
import { ToldTrack } from "./told-track.ts";

/** Each snapshot of a new segment that is not held, and so known to be valid, keeps the rules of turns. */
export function* falseSnapshots(h: Hashing, accused: AccusedCut): Generator<Finding> {
  for (const [slot, entry] of accused.entries.entries()) {
    const told = new ToldTrack(h, accused, slot);
    const from = Number(accused.before(slot).sequence);
    for (let sequence = from + 1; sequence <= entry.sequence; sequence++) {
      const index = entry.first + sequence - from - 1;
      const segment = accused.segmentAt(index);
      const held = accused.of.heldAt(entry, sequence);
      if (!segment || (held && equal(held, segment.hash))) continue;
      if (held) yield { type: "fork", index, track: told.track, sequence };
      const { header, snapshots } = segment;
      if (!snapshots || !snapshotsOf(h, header, snapshots)) yield { type: "unserved", what: "snapshots", index };
      else for (const at of snapshots.keys()) yield* falseSnapshot(h, accused, told, { sequence, index: at });
    }
  }
}

function* falseSnapshot(h: Hashing, accused: AccusedCut, told: ToldTrack, place: Place): Generator<Finding> {
  const { hash } = accused.of;
  const snapshot = told.readAt(place) as Snapshot | WeftError;
  if (snapshot instanceof WeftError && snapshot.field === "stop") {
    yield { type: "unjudged", rule: snapshot.message };
    return;
  }
  const count = told.countAt(place.sequence) as number;
  if (snapshot instanceof WeftError || !isWellAlone(h, snapshot, place, count)) {
    yield found({ functionName: "proveSnapshot", hash, snapshot: told.proofAt(place) });
    return;
  }
  if (snapshot.type === "open") return;
  const { previous } = snapshot;
  const before = told.snapshotAt(previous);
  if (!before) {
    const { sequence } = previous;
    const any = { sequence, index: 0 };
    const isNowhere = previous.index >= (told.countAt(sequence) ?? Number.POSITIVE_INFINITY);
    if (!isNowhere || !told.snapshotAt(any)) yield* told.missing(sequence);
    else
      yield found({
        functionName: "proveSuccession",
        hash,
        later: told.proofAt(place),
        earlier: told.proofAt(any),
        peaks: [],
      });
    return;
  }
  yield* falseSuccession(h, accused, told, place, snapshot, before);
}

function isWellAlone(h: Hashing, snapshot: Snapshot, place: Place, count: number): boolean {
  return snapshot.type === "open" ? opensWell(h, snapshot) : standsAlone(snapshot, place, count);
}

function* falseSuccession(
  h: Hashing,
  accused: AccusedCut,
  told: ToldTrack,
  place: Place,
  later: Later,
  before: Snapshot,
): Generator<Finding> {
  const { hash } = accused.of;
  const turn = before.type === "open" ? told.turnAt(later.previous) : before.turn;
  const of = () => ({ hash, later: told.proofAt(place), earlier: told.proofAt(later.previous) });
  if (!equal(later.turn, turn) || !follows(h, later, before))
    yield found({ functionName: "proveSuccession", ...of(), peaks: [] });
  const twin = told.twinOf(later, place);
  if (twin) yield found({ functionName: "proveTwins", hash, snapshot: told.proofAt(place), twin: told.proofAt(twin) });
  const state = told.stateAt(later.previous);
  if (typeof state === "number") {
    yield* told.missing(state);
    return;
  }
  const { opened, open, context } = state;
  if (!answers(later, open))
    yield found({ functionName: "proveRequest", hash, later: told.proofAt(place), open: told.proofAt(opened) });
  if (later.type === "tokens" && !appends(later, context))
    yield found({ functionName: "proveSuccession", ...of(), peaks: context.peaks });
}

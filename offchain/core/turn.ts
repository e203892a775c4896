import { type Bytes, equal } from "./bytes.ts";
import { Context } from "./context.ts";
import { WeftError } from "./errors.ts";
import type { Lesson } from "./fold.ts";
import type { MemoryDefinition } from "./memory-definition.ts";
import type { Hashing } from "./ports.ts";
import { requestId } from "./request.ts";
import type { TrackKey } from "./segment.ts";
import type { Learn, Place, Snapshot, TokenKind, Tokens, TurnClose, TurnOpen } from "./snapshot.ts";
import { TREE } from "./tree.ts";

/** A stretch of tokens of one turn, as one snapshot signed it. */
export type Run = { place: Place; first: number; kind: TokenKind; ids: readonly number[]; rowsDigest: Bytes };

export type Learnt = { place: Place; learn: Learn };

/** One request and its answer, as far as its author's track says it. */
export type Turn = {
  readonly id: Bytes;
  readonly track: TrackKey;
  readonly opened: Place;
  readonly open: TurnOpen;
  /** Place of the turn's latest snapshot. */
  latest: Place;
  /** The context up to the last token. */
  context: Context;
  runs: Run[];
  /** What it learnt, and where it says so. */
  learns: Learnt[];
  close?: TurnClose;
};

/** Positions times orders that one snapshot may learn: what a court folds in one transaction. */
export const LIMIT_LEARNT = 64;

/** So many positions may be learnt at once into a memory. */
export function mostLearnt({ orders }: MemoryDefinition): number {
  return Math.floor(LIMIT_LEARNT / orders.length);
}

/** A segment that breaks a rule of DESIGN §3 is invalid: its track stops before it. */
function invalid(rule: string): WeftError {
  return new WeftError("invalid_snapshot", rule, { field: "snapshot" });
}

function same(a: Place, b: Place): boolean {
  return a.sequence === b.sequence && a.index === b.index;
}

function isAfter(a: Place, b: Place): boolean {
  return a.sequence > b.sequence || (a.sequence === b.sequence && a.index > b.index);
}

/** @throws WeftError `invalid_snapshot` when the snapshot does not open a turn by the rules. */
export function openTurn(h: Hashing, id: Bytes, track: TrackKey, opened: Place, open: TurnOpen): Turn {
  const { request, parent, start } = open;
  if (!equal(open.requestId, requestId(h, request))) throw invalid("the request's fields do not hash to its id");
  if (request.maxLength === 0) throw invalid("an answer has at least one token");
  if (request.after.length + request.maxLength >= 2 ** TREE.context.depth) throw invalid("the context would overflow");
  if (start.length !== (parent?.position ?? 0)) throw invalid("a turn begins at its parent's position, or at 0");
  if (start.length > request.before.length) throw invalid("a turn begins at or before its given tokens");
  const context = Context.fromPeaks(h, start.length, start.peaks);
  const turn: Turn = { id, track, opened, open, latest: opened, context, runs: [], learns: [] };
  checkRoots(turn);
  return turn;
}

/** The context passes through the two roots that the request binds. */
function checkRoots({ context, open: { request } }: Turn): void {
  for (const bound of [request.before, request.after])
    if (context.length === bound.length && !equal(context.root, bound.root))
      throw invalid(`the context at ${bound.length} is not the one that the request binds`);
}

/** A copy that can be thrown away when a later snapshot of the segment proves invalid. */
export function draftOf(turn: Turn): Turn {
  return { ...turn, context: turn.context.clone(), runs: [], learns: [] };
}

/** An answer ends at its most tokens exactly when nothing has ended it before. */
function checkReason({ open: { request } }: Turn, { length, reason }: TurnClose): void {
  const most = request.after.length + request.maxLength;
  if (length <= request.after.length) throw invalid("an answer has at least one token");
  if (reason === "length" && length !== most) throw invalid("a turn closed for its length has the length asked for");
}

/** Folds a later snapshot into a draft. @throws WeftError `invalid_snapshot` */
export function extendTurn(
  draft: Turn,
  runsBefore: readonly Run[],
  place: Place,
  snapshot: Exclude<Snapshot, TurnOpen>,
) {
  if (draft.close) throw invalid("the turn is closed");
  if (!same(snapshot.previous, draft.latest)) throw invalid("the snapshot does not name the turn's latest place");
  switch (snapshot.type) {
    case "tokens":
      addTokens(draft, draft.runs.at(-1) ?? runsBefore.at(-1), place, snapshot);
      break;
    case "learn":
      checkLearn(draft, draft.runs.at(-1) ?? runsBefore.at(-1), snapshot);
      draft.learns.push({ place, learn: snapshot });
      break;
    case "close":
      if (!equal(snapshot.requestId, draft.open.requestId)) throw invalid("the close is of another request");
      if (snapshot.length !== draft.context.length || !equal(snapshot.root, draft.context.root))
        throw invalid("the close is not of the context that was written");
      checkReason(draft, snapshot);
      draft.close = snapshot;
  }
  draft.latest = place;
}

/** What is learnt is written right before: so each position is learnt at most once, and two neighbours show it. */
function checkLearn(draft: Turn, last: Run | undefined, { memory, start, first, count, length, root }: Learn): void {
  if (last?.kind !== "written" || !same(last.place, draft.latest))
    throw invalid("learning follows right after what the turn has written");
  if (count === 0 || first < last.first || first + count > last.first + last.ids.length)
    throw invalid("learning names positions that are not written right before it");
  if (count > mostLearnt(memory)) throw invalid(`at most ${LIMIT_LEARNT} positions times orders are learnt at once`);
  if (start !== draft.open.start.length) throw invalid("learning states another start than the turn's");
  if (length !== draft.context.length || !equal(root, draft.context.root))
    throw invalid("learning states another context than the turn's");
}

function addTokens(draft: Turn, last: Run | undefined, place: Place, tokens: Tokens): void {
  const { before, after } = draft.open.request;
  const end = tokens.first + tokens.ids.length;
  if (tokens.first !== draft.context.length) throw invalid("tokens start at the next position");
  if (tokens.first < after.length) {
    const history = tokens.first < before.length;
    if (end > (history ? before : after).length)
      throw invalid("tokens do not cross the end of the history or of the given ones");
    if (tokens.kind !== (history ? "carried" : "given"))
      throw invalid("history is carried, and what the request binds is given");
  } else {
    if (tokens.kind === "given") throw invalid("given tokens end where the request says");
    if (tokens.kind === "carried" && last?.kind === "written")
      throw invalid("nothing is carried after what is written");
    if (end > after.length + draft.open.request.maxLength)
      throw invalid("the answer is longer than the request allows");
  }
  draft.context.append(tokens.ids);
  if (!equal(draft.context.root, tokens.root)) throw invalid("the context root does not follow from the tokens");
  checkRoots(draft);
  draft.runs.push({ place, first: tokens.first, kind: tokens.kind, ids: tokens.ids, rowsDigest: tokens.rowsDigest });
}

/** Takes back what the turn's author wrote after segment `to`, which is the one that opened it or a later one. */
export function rewindTurn(h: Hashing, turn: Turn, to: number): void {
  if (turn.latest.sequence <= to) return;
  const stays = (place: Place) => place.sequence <= to;
  const runs = turn.runs.filter((run) => stays(run.place));
  if (runs.length < turn.runs.length) {
    turn.context = Context.fromPeaks(h, turn.open.start.length, turn.open.start.peaks);
    for (const run of runs) turn.context.append(run.ids);
  }
  turn.runs = runs;
  turn.learns = turn.learns.filter(({ place }) => stays(place));
  // A close is a turn's latest snapshot, so it goes whenever anything does.
  delete turn.close;
  const [wrote, learnt] = [runs.at(-1)?.place ?? turn.opened, turn.learns.at(-1)?.place ?? turn.opened];
  turn.latest = isAfter(learnt, wrote) ? learnt : wrote;
}

/** Does a turn begin with what its parent itself had said up to the position that it names? */
export function goesOnFrom(h: Hashing, { open: { parent, start } }: Turn, before: Turn): boolean {
  const { length, peaks } = before.open.start;
  if (!parent || parent.position <= length || parent.position > before.context.length) return false;
  const stood = Context.fromPeaks(h, length, peaks).append(turnTokens(before).slice(0, parent.position - length));
  return equal(stood.root, Context.fromPeaks(h, start.length, start.peaks).root);
}

/** What a snapshot of the turn teaches. */
export function lessonOf(turn: Turn, { memory, start, first, count }: Learn): Lesson {
  const from = Math.max(start, first - Math.max(...memory.orders));
  const ids: number[] = [];
  for (const run of turn.runs)
    if (run.first + run.ids.length > from && run.first < first + count)
      ids.push(...run.ids.slice(Math.max(0, from - run.first), first + count - run.first));
  return { author: turn.track.operator, memory, first, from, ids };
}

/** The token ids that the turn itself holds, from its start on. */
export function turnTokens(turn: Turn): number[] {
  return turn.runs.flatMap((run) => [...run.ids]);
}

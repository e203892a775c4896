import { type Bytes, equal } from "./bytes.ts";
import { Context } from "./context.ts";
import type { Hashing } from "./ports.ts";
import { requestId } from "./request.ts";
import type { Place, Snapshot, Tokens, TurnOpen } from "./snapshot.ts";
import { TREE } from "./tree.ts";
import { LIMIT_LEARNT } from "./turn.ts";

/**
 * The rules of turns as a court judges them: of one snapshot, or of two. A turn whose snapshots all pass is one that `openTurn`
 * and `extendTurn` take.
 */

/** A snapshot that goes on with a turn. */
export type Later = Exclude<Snapshot, TurnOpen>;

export const isBefore = (a: Place, b: Place) =>
  a.sequence < b.sequence || (a.sequence === b.sequence && a.index < b.index);

/** Does a turn open by the rules? */
export function opensWell(h: Hashing, open: TurnOpen): boolean {
  const { request, parent, start } = open;
  return (
    equal(open.requestId, requestId(h, request)) &&
    request.maxLength > 0 &&
    mostTokens(open) < 2 ** TREE.context.depth &&
    start.length === (parent?.position ?? 0) &&
    start.length <= request.before.length &&
    hasPeaks(start) &&
    passes(open, start.length, Context.fromPeaks(h, start.length, start.peaks).root)
  );
}

/** One peak for each set bit of the length. */
function hasPeaks({ length, peaks }: TurnOpen["start"]): boolean {
  return length < 2 ** TREE.context.depth && length.toString(2).replaceAll("0", "").length === peaks.length;
}

const mostTokens = ({ request }: TurnOpen) => request.after.length + request.maxLength;

/** May a context of this length and root be the one that the request binds? */
function passes({ request }: TurnOpen, length: number, root: Bytes): boolean {
  return [request.before, request.after].every((bound) => length !== bound.length || equal(root, bound.root));
}

/** Does it name a place before its own and, if it learns, end its segment of `count` snapshots with no more than is allowed? */
export function standsAlone(later: Later, place: Place, count: number): boolean {
  const { previous } = later;
  if (previous.sequence === 0 || !isBefore(previous, place)) return false;
  if (later.type !== "learn") return true;
  return place.index + 1 >= count && later.count > 0 && later.count * later.memory.orders.length <= LIMIT_LEARNT;
}

/** Length and root of the context after a snapshot. */
function contextAfter(h: Hashing, snapshot: Snapshot): { length: number; root: Bytes } {
  if (snapshot.type === "tokens") return { length: snapshot.first + snapshot.ids.length, root: snapshot.root };
  if (snapshot.type !== "open") return snapshot;
  return {
    length: snapshot.start.length,
    root: Context.fromPeaks(h, snapshot.start.length, snapshot.start.peaks).root,
  };
}

/** Does it go on from the snapshot before it in its turn, but for its tokens? */
export function follows(h: Hashing, later: Later, before: Snapshot): boolean {
  if (before.type === "close") return false;
  const hasWritten = before.type === "learn" || (before.type === "tokens" && before.kind === "written");
  const at = contextAfter(h, before);
  if (later.type === "tokens") return later.first === at.length && !(hasWritten && later.kind === "carried");
  if (later.length !== at.length || !equal(later.root, at.root)) return false;
  if (later.type === "close") return true;
  return (
    before.type === "tokens" && hasWritten && later.first >= before.first && later.first + later.count <= at.length
  );
}

/** Do tokens, appended to the context before them, give the root that they state? */
export function appends(tokens: Tokens, before: Context): boolean {
  if (before.length + tokens.ids.length >= 2 ** TREE.context.depth) return false;
  return equal(before.clone().append(tokens.ids).root, tokens.root);
}

/** Is it of the request that its turn was opened for? */
export function answers(later: Later, open: TurnOpen): boolean {
  const { before, after } = open.request;
  if (later.type === "learn") return later.start === open.start.length;
  if (later.type === "close") {
    if (!equal(later.requestId, open.requestId) || later.length <= after.length) return false;
    return later.reason !== "length" || later.length === mostTokens(open);
  }
  const end = later.first + later.ids.length;
  if (!passes(open, end, later.root)) return false;
  if (later.first < before.length) return later.kind === "carried" && end <= before.length;
  if (later.first < after.length) return later.kind === "given" && end <= after.length;
  return later.kind !== "given" && end <= mostTokens(open);
}

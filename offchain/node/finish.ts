import { type Bytes, equal } from "../core/bytes.ts";
import type { Conversations } from "../core/conversations.ts";
import { trackName } from "../core/cut.ts";
import type { Pen } from "../core/pen.ts";
import type { Replica } from "../core/replica.ts";
import type { Turn } from "../core/turn.ts";
import type { Author } from "./author.ts";

/**
 * A worker that died in mid-sentence finishes, in its new track, the turns that nobody has answered in the meantime. A turn
 * whose prompt was not sealed any more cannot be finished; its client asks again.
 */
export async function finishOpenTurns(options: {
  replica: Replica;
  conversations: Conversations;
  author: Author;
  pen: Pen;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
}): Promise<void> {
  const { replica, conversations, author, pen, onFault } = options;
  const current = trackName(pen.track);
  const open: Turn[] = [];
  for (const track of replica.tracks.values())
    if (track.name !== current && equal(track.key.operator, replica.self))
      open.push(...[...track.turns.values()].filter((turn) => !turn.close));
  for (const turn of open) {
    const { requestId, request, parent } = turn.open;
    if ([...conversations.answersTo(requestId)].some((answer) => answer.close || isLater(answer, turn, open))) continue;
    const tokens = conversations.tokens(turn);
    if (!tokens || tokens.length < request.after.length) continue;
    const order = {
      request,
      prompt: tokens.slice(0, request.after.length),
      answered: tokens.slice(request.after.length),
      parent: parent?.turn,
      continues: turn.id,
    };
    try {
      for await (const _event of author.generate(order, new AbortController().signal));
    } catch (error) {
      onFault("finish", undefined, error);
    }
  }
}

/** Of several open turns for one request the longest is continued; of equals the last. */
function isLater(answer: Turn, turn: Turn, open: readonly Turn[]): boolean {
  if (answer === turn || !open.includes(answer)) return false;
  if (answer.context.length !== turn.context.length) return answer.context.length > turn.context.length;
  return open.indexOf(answer) > open.indexOf(turn);
}

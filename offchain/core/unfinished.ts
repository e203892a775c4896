import { equal } from "./bytes.ts";
import type { Conversations } from "./conversations.ts";
import type { GenerateOrder } from "./generate.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import type { Turn } from "./turn.ts";

/**
 * What a worker that died in mid-sentence finishes, in its new track: its open turns that nobody has answered in the
 * meantime, looked at one by one as they are finished. A turn whose prompt was not sealed any more cannot be finished; its
 * client asks again.
 * @param isCurrent whether a track is being written now
 */
export function* unfinished(
  replica: Replica,
  conversations: Conversations,
  isCurrent: (track: TrackKey) => boolean,
): Generator<GenerateOrder> {
  const open: Turn[] = [];
  for (const track of replica.tracks.values())
    if (!isCurrent(track.key) && equal(track.key.operator, replica.self))
      open.push(...[...track.turns.values()].filter((turn) => !turn.close));
  for (const turn of open) {
    const { requestId, request, parent } = turn.open;
    if ([...conversations.answersTo(requestId)].some((answer) => answer.close || isLater(answer, turn, open))) continue;
    const tokens = conversations.tokens(turn);
    if (!tokens || tokens.length < request.after.length) continue;
    const learn = turn.learns[0]?.learn.memory;
    yield {
      request,
      prompt: tokens.slice(0, request.after.length),
      answered: tokens.slice(request.after.length),
      parent: parent?.turn,
      continues: turn.id,
      ...(learn && { learn }),
    };
  }
}

/** Of several open turns for one request the longest is continued; of equals the last. */
function isLater(answer: Turn, turn: Turn, open: readonly Turn[]): boolean {
  if (answer === turn || !open.includes(answer)) return false;
  if (answer.context.length !== turn.context.length) return answer.context.length > turn.context.length;
  return open.indexOf(answer) > open.indexOf(turn);
}

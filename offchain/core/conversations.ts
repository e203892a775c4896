import { type Bytes, equal, toHex } from "./bytes.ts";
import { Context } from "./context.ts";
import type { Hashing } from "./ports.ts";
import type { Replica } from "./replica.ts";
import { goesOnFrom, type Turn, turnTokens } from "./turn.ts";

/** Which known turn a prompt goes on from, and what a turn's whole context is. */
export class Conversations {
  readonly #h: Hashing;
  readonly #replica: Replica;

  constructor(h: Hashing, replica: Replica) {
    this.#h = h;
    this.#replica = replica;
  }

  /** Every turn that answers the request, by whomever. */
  *answersTo(requestId: Bytes): Generator<Turn> {
    for (const track of this.#replica.tracks.values())
      for (const turn of track.turns.values()) if (equal(turn.open.requestId, requestId)) yield turn;
  }

  /** All tokens from the conversation's beginning, or nothing when an ancestor is not held, or is not what a turn says of it. */
  tokens(turn: Turn): number[] | undefined {
    const tail: number[][] = [];
    let last: Turn | undefined;
    for (const one of this.#replica.ancestry(turn)) {
      if (last && !goesOnFrom(this.#h, last, one)) return undefined;
      const own = turnTokens(one);
      // Of an ancestor only what comes before the position at which it was gone on from.
      const end = last?.open.parent?.position ?? turn.context.length;
      const { length } = one.open.start;
      if (length + own.length < end) return undefined;
      tail.unshift(own.slice(0, Math.max(0, end - length)));
      last = one;
    }
    return last?.open.parent ? undefined : tail.flat();
  }

  /**
   * The closed turn of this client that the longest prefix of `prompt` ends, if any. Turns of operators that contradicted
   * themselves are not gone on from.
   */
  longestPrefix(prompt: readonly number[], requester: Bytes, model: Bytes): Turn | undefined {
    const byLength = new Map<number, Turn[]>();
    for (const track of this.#replica.tracks.values()) {
      const { operator } = track.key;
      if (this.#replica.evidence.has(toHex(operator))) continue;
      if (this.#replica.registry.isEnded(operator)) continue;
      for (const turn of track.turns.values()) {
        const { request } = turn.open;
        const { length } = turn.context;
        if (!turn.close || length > prompt.length) continue;
        if (!equal(request.requester, requester) || !equal(request.model, model)) continue;
        byLength.set(length, [...(byLength.get(length) ?? []), turn]);
      }
    }
    let best: Turn | undefined;
    const context = Context.empty(this.#h);
    for (const length of [...byLength.keys()].sort((a, b) => a - b)) {
      context.append(prompt.slice(context.length, length));
      const { root } = context;
      best = byLength.get(length)?.find((turn) => equal(turn.context.root, root)) ?? best;
    }
    return best;
  }
}

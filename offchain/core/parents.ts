import { equal, toHex } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import type { Conversations } from "./conversations.ts";
import type { GenerateOrder } from "./generate.ts";
import type { Replica } from "./replica.ts";
import type { Parent } from "./snapshot.ts";
import type { Turn } from "./turn.ts";

/** Finds what a new turn may refer to: only what is committed; whatever is newer is carried. */
export class ParentFinder {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #conversations: Conversations;

  constructor(replica: Replica, consensus: Consensus, conversations: Conversations) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#conversations = conversations;
  }

  find(order: GenerateOrder): Parent | undefined {
    const { checkpoint, hash, cut } = this.#consensus.latest;
    if (!cut) return undefined;
    for (const turn of this.#replica.ancestry(order.parent && this.#replica.turn(order.parent))) {
      const entry = cut.entry(turn.track);
      const track = this.#replica.track(turn.track);
      if (!entry || !track || !cut.agrees(track) || this.#isForbidden(turn)) continue;
      if (!equal(turn.open.request.requester, order.request.requester)) continue;
      const committed = turn.runs.filter((run) => run.place.sequence <= entry.sequence).at(-1);
      if (!committed) continue;
      const position = Math.min(committed.first + committed.ids.length, order.request.before.length);
      const tokens = this.#conversations.tokens(turn);
      if (!tokens || position <= turn.open.start.length) continue;
      if (tokens.slice(0, position).some((id, i) => id !== order.prompt[i])) continue;
      return { checkpoint: { number: checkpoint.number, hash }, turn: turn.id, position };
    }
    return undefined;
  }

  /** Turns of operators that contradicted themselves, or are gone, are not gone on from. */
  #isForbidden(turn: Turn): boolean {
    const { operator } = turn.track;
    return this.#replica.evidence.has(toHex(operator)) || this.#replica.registry.isEnded(operator);
  }
}

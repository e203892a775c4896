import type { Bytes } from "../../offchain/core/bytes.ts";
import { CanonicalAnswers } from "../../offchain/core/canonical.ts";
import { Context } from "../../offchain/core/context.ts";
import { Conversations } from "../../offchain/core/conversations.ts";
import type { CourtSays } from "../../offchain/core/dispute.ts";
import { Following } from "../../offchain/core/following.ts";
import type { RegistryEvent } from "../../offchain/core/registry.ts";
import type { Request } from "../../offchain/core/request.ts";
import type { TrackKey } from "../../offchain/core/segment.ts";
import type { Parent } from "../../offchain/core/snapshot.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { feed, type Keys, numbered, type Sealed, setOf, TrackWriter } from "./core.ts";
import { gossip, netsOf, offer, type Peer } from "./mesh.ts";

/** Seconds from commit to final. */
export const WINDOW = 100;

/** Four workers that hold the same, and whatever the chain took of it. */
export class Committed {
  readonly nodes: Peer[];
  readonly followings: Following[];
  readonly #members: readonly Keys[];
  #logs = 0;

  constructor(members: readonly Keys[], events: readonly RegistryEvent[]) {
    this.#members = members;
    this.nodes = netsOf(members, events).net();
    this.followings = this.nodes.map(({ replica, consensus }) => new Following(replica, consensus, WINDOW));
  }

  /** Everybody holds these segments. */
  hold(...segments: readonly Sealed[]): void {
    for (const { replica } of this.nodes) feed(replica, segments);
    gossip(this.nodes, 0);
  }

  /** The chain takes a checkpoint of all that is held at this time, in seconds. @returns how a turn names it */
  commit(at: number, segments: readonly Sealed[] = []): Parent["checkpoint"] {
    this.hold(...segments);
    const named = this.propose(0, at);
    if (!named) throw new Error("there is nothing to commit");
    return named;
  }

  /** The chain takes what this worker proposes, if it has anything to propose. */
  propose(by: number, at: number): Parent["checkpoint"] | undefined {
    const made = offer(this.nodes[by] as Peer);
    if (!made) return undefined;
    const { checkpoint, hash, cut } = made;
    const committed = { kind: "committed", checkpoint, hash, committedAt: at } as const;
    for (const [i, following] of this.followings.entries()) {
      this.nodes[i]?.consensus.remember(checkpoint.number, hash, cut);
      const where = { block: at, logIndex: this.#logs++ };
      following.take({ type: "events", events: [{ ...committed, ...where }], time: at });
    }
    return { number: checkpoint.number, hash };
  }

  convict(keys: Keys): void {
    for (const { replica } of this.nodes) {
      const set = setOf(this.#members.filter((member) => member !== keys));
      const [event] = numbered([{ kind: "convicted", operator: keys.operator, set }], replica.registry);
      replica.step({ type: "registry", event: event as RegistryEvent });
    }
  }

  /** What a worker takes for canonical, whose history of checkpoints is all in memory. */
  answers(at = 0, referenceSpan = 64, says: (turn: Bytes) => CourtSays = () => "silent"): CanonicalAnswers {
    const { replica, consensus } = this.nodes[at] as Peer;
    const cutAt = (number: number) => consensus.committed(number)?.cut;
    const covering = (track: TrackKey, sequence: number) => {
      for (let number = 1; number <= consensus.latest.checkpoint.number; number++)
        if ((cutAt(number)?.entry(track)?.sequence ?? 0) >= sequence) return number;
      return undefined;
    };
    const following = this.followings[at] as Following;
    const conversations = new Conversations(crypto, replica);
    return new CanonicalAnswers({
      replica,
      consensus,
      following,
      conversations,
      cuts: { cutAt, covering },
      referenceSpan,
      says,
    });
  }
}

/** A whole turn in one segment of a new track: history is carried from where its parent ends, then one given token. */
export function turnOf(
  keys: Keys,
  label: string,
  request: Request,
  tokens: { history?: readonly number[]; given: readonly number[]; written: readonly number[] },
  parent?: Parent,
) {
  const writer = new TrackWriter(keys, label);
  const history = tokens.history ?? [];
  const position = parent?.position ?? 0;
  const turn = writer.open(request, { parent, start: Context.of(crypto, history.slice(0, position)) });
  if (position < history.length) turn.tokens("carried", history.slice(position));
  turn.tokens("given", tokens.given).tokens("written", tokens.written).close();
  return { id: turn.id, track: writer.track, segment: writer.seal() };
}

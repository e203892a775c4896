import { type Bytes, fromHex, toHex } from "../core/bytes.ts";
import type { Consensus } from "../core/consensus.ts";
import type { CutEntry } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import type { Replica } from "../core/replica.ts";
import { decodeSegment, snapshotTree } from "../core/segment.ts";
import type { Turn } from "../core/turn.ts";
import type { Store } from "../store/store.ts";
import type { Conversations } from "./conversations.ts";

/** Proof of one token of an answer: two Merkle steps into a committed checkpoint, as contracts take it. */
export type Receipt = {
  number: number;
  segmentIndex: number;
  header: {
    operator: string;
    incarnation: string;
    sequence: number;
    previous: string;
    snapshotsRoot: string;
    snapshotCount: number;
  };
  signature: string;
  segmentProof: string[];
  snapshotIndex: number;
  salt: string;
  body: string;
  snapshotProof: string[];
  turn: string;
  requestId: string;
  position: number;
  token: number;
};

export class Receipts {
  readonly #conversations: Conversations;
  readonly #consensus: Consensus;
  readonly #replica: Replica;
  readonly #store: Store;

  constructor(options: { conversations: Conversations; consensus: Consensus; replica: Replica; store: Store }) {
    this.#conversations = options.conversations;
    this.#consensus = options.consensus;
    this.#replica = options.replica;
    this.#store = options.store;
  }

  /**
   * @param position absolute; the answer's first token when absent
   * @throws WeftError `not_found` for an answer or position that is not held, `not_covered_yet` before its checkpoint
   */
  of(requestId: string, position: number | undefined): Receipt {
    const turns = [...this.#conversations.answersTo(fromHex(requestId, 32))];
    if (turns.length === 0)
      throw new WeftError("not_found", "no turn here answers this request", { field: "requestId" });
    let seen = false;
    for (const turn of turns) {
      const at = position ?? turn.open.request.after.length;
      const run = turn.runs.find(({ first, ids }) => first <= at && at < first + ids.length);
      if (!run) continue;
      seen = true;
      const committed = this.#consensus.covering(turn.track, run.place.sequence);
      if (committed) return this.#prove(turn, run.place, at, run.ids[at - run.first], committed.checkpoint.number);
    }
    if (!seen) throw new WeftError("not_found", "no turn here has a token at this position", { field: "position" });
    throw new WeftError("not_covered_yet", "no committed checkpoint covers this token yet", {
      field: "position",
      remedy: "ask again after the next checkpoint",
    });
  }

  #prove(
    turn: Turn,
    place: { sequence: number; index: number },
    position: number,
    token: number,
    number: number,
  ): Receipt {
    const built = this.#consensus.rebuild(number);
    const stored = this.#store.segment(turn.track, place.sequence);
    const parent = this.#consensus.committed(number - 1)?.cut;
    if (!built || !stored || !parent)
      throw new WeftError("not_found", "the checkpoint's segments are not all held here");
    const { header, signature, snapshots } = decodeSegment(stored.bytes);
    const { first } = built.cut.entry(turn.track) as CutEntry;
    const segmentIndex = first + place.sequence - (parent.entry(turn.track)?.sequence ?? 0) - 1;
    const { salt, body } = snapshots[place.index];
    const hex = (list: readonly Bytes[]) => list.map(toHex);
    return {
      number,
      segmentIndex,
      header: {
        operator: toHex(header.operator),
        incarnation: toHex(header.incarnation),
        sequence: header.sequence,
        previous: toHex(header.previous),
        snapshotsRoot: toHex(header.snapshotsRoot),
        snapshotCount: header.snapshotCount,
      },
      signature: toHex(signature),
      segmentProof: hex(built.segments.proof(segmentIndex)),
      snapshotIndex: place.index,
      salt: toHex(salt),
      body: toHex(body),
      snapshotProof: hex(snapshotTree(this.#replica.crypto, snapshots).proof(place.index)),
      turn: toHex(turn.id),
      requestId: toHex(turn.open.requestId),
      position,
      token,
    };
  }
}

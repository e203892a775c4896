import { type Bytes, fromHex, toHex } from "../core/bytes.ts";
import type { Committed } from "../core/consensus.ts";
import type { Conversations } from "../core/conversations.ts";
import type { CutEntry } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import type { ListTree } from "../core/list-tree.ts";
import type { Protocol } from "../core/protocol.ts";
import { decodeSegment, snapshotTree } from "../core/segment.ts";
import type { Turn } from "../core/turn.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";

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

/** A tree of segments is made of all of a checkpoint's: worth keeping while tokens are asked for one by one. */
const KEPT_TREES = 8;

export class Receipts {
  readonly #conversations: Conversations;
  readonly #protocol: Protocol;
  readonly #archive: Archive;
  readonly #store: Store;
  /** Of the checkpoints that were asked for last, by their hash. */
  readonly #trees = new Map<string, ListTree>();

  constructor(options: { conversations: Conversations; protocol: Protocol; archive: Archive; store: Store }) {
    this.#conversations = options.conversations;
    this.#protocol = options.protocol;
    this.#archive = options.archive;
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
      const number = this.#archive.covering(turn.track, run.place.sequence);
      if (number !== undefined) return this.#prove(turn, run.place, at, run.ids[at - run.first], number);
    }
    if (!seen) throw new WeftError("not_found", "no turn here has a token at this position", { field: "position" });
    throw notYet("no committed checkpoint covers this token yet");
  }

  #prove(
    turn: Turn,
    place: { sequence: number; index: number },
    position: number,
    token: number,
    number: number,
  ): Receipt {
    const { consensus, following, replica } = this.#protocol;
    const [parent, cut] = [this.#archive.cutAt(number - 1), this.#archive.cutAt(number)];
    // Without it, it is not even known whether this checkpoint is the first with the token.
    if (!parent && following.unknownCuts().includes(number - 1))
      throw notYet("an earlier checkpoint is not known here yet");
    const stored = this.#store.segment(turn.track, place.sequence);
    if (!parent || !cut || !stored) throw new WeftError("not_found", "the checkpoint's segments are not all held here");
    const name = toHex((consensus.committed(number) as Committed).hash);
    const segments = this.#trees.get(name) ?? consensus.segmentsOf(number, parent, cut);
    this.#trees.delete(name);
    this.#trees.set(name, segments);
    if (this.#trees.size > KEPT_TREES) this.#trees.delete(this.#trees.keys().next().value as string);
    const { header, signature, snapshots } = decodeSegment(stored.bytes);
    const { first } = cut.entry(turn.track) as CutEntry;
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
      segmentProof: hex(segments.proof(segmentIndex)),
      snapshotIndex: place.index,
      salt: toHex(salt),
      body: toHex(body),
      snapshotProof: hex(snapshotTree(replica.crypto, snapshots).proof(place.index)),
      turn: toHex(turn.id),
      requestId: toHex(turn.open.requestId),
      position,
      token,
    };
  }
}

function notYet(why: string): WeftError {
  return new WeftError("not_covered_yet", why, { field: "position", remedy: "ask again after the next checkpoint" });
}

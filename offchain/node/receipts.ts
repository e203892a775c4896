import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import { CanonicalAnswers } from "../core/canonical.ts";
import type { Committed } from "../core/checkpoints.ts";
import type { Conversations } from "../core/conversations.ts";
import type { CourtSays } from "../core/dispute.ts";
import { WeftError } from "../core/errors.ts";
import type { ListTree } from "../core/list-tree.ts";
import type { Protocol } from "../core/protocol.ts";
import { decodeSegment } from "../core/segment.ts";
import type { Place } from "../core/snapshot.ts";
import type { Run, Turn } from "../core/turn.ts";
import { proofJson, type Receipt, type ReceiptSnapshot, type SnapshotProof } from "../sdk/receipt.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";

/** Token positions, absolute; the whole answer where nothing is asked for. */
export type Range = { position: number; count: number };

/** A tree of segments is made of all of a checkpoint's: worth keeping while tokens are asked for one by one. */
const KEPT_TREES = 8;
/** Snapshots of one receipt: a proof has some 2 KB. */
const LIMIT_SNAPSHOTS = 1_024;

/** One turn's part of what is asked for, with the checkpoint of each snapshot where there is one. */
type Candidate = {
  turn: Turn;
  position: number;
  end: number;
  runs: Run[];
  covered: boolean;
  written: number;
  isVoid: boolean;
};

export type ReceiptsOptions = {
  conversations: Conversations;
  protocol: Protocol;
  archive: Archive;
  store: Store;
  /** The model that this worker runs; `id` as requests name it. */
  model: { id: Bytes; class: "exact" | "tolerant" };
  /** How many numbers a checkpoint that a turn names may be behind the one that includes it. */
  referenceSpan: number;
  /** What the inference court says of a turn. */
  says(turn: Bytes): CourtSays;
};

export class Receipts {
  readonly #o: ReceiptsOptions;
  readonly #answers: CanonicalAnswers;
  /** Of the checkpoints that were asked for last, by their hash. */
  readonly #trees = new Map<string, ListTree>();

  constructor(options: ReceiptsOptions) {
    this.#o = options;
    const { conversations, protocol, archive: cuts, referenceSpan, says } = options;
    const { replica, consensus, following } = protocol;
    this.#answers = new CanonicalAnswers({ replica, consensus, following, conversations, cuts, referenceSpan, says });
  }

  /**
   * What a turn says, at once, with the proof of every snapshot that a checkpoint covers. Of several turns the canonical
   * one; before it is known, one that is not void, then one that has more of it, then one that is covered, then the one that
   * wrote most of it itself.
   *
   * @throws WeftError `not_found` for an answer or positions that are not held, `too_large` for too many snapshots
   */
  of(requestId: string, range?: Range): Receipt {
    const turns = [...this.#o.conversations.answersTo(fromHex(requestId, 32))];
    if (turns.length === 0)
      throw new WeftError("not_found", "no turn here answers this request", { field: "requestId" });
    const canonical = this.#canonical(turns[0]);
    const isCanonical = ({ turn }: Candidate) => canonical.type === "answer" && canonical.turn === toHex(turn.id);
    const candidates = turns.flatMap((turn) => this.#candidate(turn, range) ?? []);
    const length = ({ position, end }: Candidate) => end - position;
    const [best] = candidates.sort(
      (a, b) =>
        Number(isCanonical(b)) - Number(isCanonical(a)) ||
        Number(a.isVoid) - Number(b.isVoid) ||
        length(b) - length(a) ||
        Number(b.covered) - Number(a.covered) ||
        b.written - a.written,
    );
    if (!best) throw new WeftError("not_found", "no turn here has tokens at these positions", { field: "position" });
    // Proven with its opening, and where all of it is asked for with its closing.
    const parts: { place: Place; run?: Run; type: ReceiptSnapshot["type"] }[] = [
      { type: "open", place: best.turn.opened },
      ...best.runs.map((run) => ({ type: "tokens" as const, place: run.place, run })),
    ];
    if (!range && best.turn.close) parts.push({ type: "close", place: best.turn.latest });
    if (parts.length > LIMIT_SNAPSHOTS)
      throw new WeftError("too_large", `the answer has ${parts.length} snapshots, more than ${LIMIT_SNAPSHOTS}`, {
        field: "position",
        remedy: "ask for a range of positions",
      });
    const snapshots = parts.map(({ type, place, run }): ReceiptSnapshot => {
      const at = { ...place, proof: this.prove(best.turn, place) };
      if (type !== "tokens") return { type, ...at };
      const { first, kind, ids } = run as Run;
      return { type, first, kind, tokens: [...ids], ...at };
    });
    return {
      requestId: toHex(best.turn.open.requestId),
      turn: toHex(best.turn.id),
      status: this.#status(snapshots),
      court: this.#o.says(best.turn.id),
      canonical,
      position: best.position,
      tokens: best.runs.flatMap(({ first, ids }) =>
        ids.slice(Math.max(0, best.position - first), Math.max(0, best.end - first)),
      ),
      snapshots,
    };
  }

  /** Only answers of exact models have one; of which class a model is that we do not run, we do not know. */
  #canonical({ open: { requestId, request } }: Turn): Receipt["canonical"] {
    const { model } = this.#o;
    if (!equal(request.model, model.id)) return { type: "unknown" };
    if (model.class !== "exact") return { type: "none" };
    const found = this.#answers.of(requestId);
    if (found.type !== "answer") return found;
    const { checkpoint, segment, snapshot } = found.place;
    return {
      type: "answer",
      turn: toHex(found.turn.id),
      number: checkpoint,
      segmentIndex: segment,
      snapshotIndex: snapshot,
    };
  }

  #candidate(turn: Turn, range: Range | undefined): Candidate | undefined {
    const position = range?.position ?? turn.open.request.after.length;
    const end = range ? position + range.count : turn.context.length;
    const runs = turn.runs.filter(({ first, ids }) => first < end && position < first + ids.length);
    const [first, last] = [runs[0], runs.at(-1)];
    if (!first || !last || first.first > position || last.first + last.ids.length < end) return undefined;
    // Checkpoints take tracks from their beginning on.
    const covered = this.#o.archive.covering(turn.track, last.place.sequence) !== undefined;
    const written = runs.reduce((sum, { kind, ids }) => sum + (kind === "written" ? ids.length : 0), 0);
    const isVoid = this.#o.says(turn.id) === "void";
    return { turn, position, end, runs, covered, written, isVoid };
  }

  #status(snapshots: readonly ReceiptSnapshot[]): Receipt["status"] {
    const numbers = snapshots.map(({ proof }) => proof?.number);
    if (numbers.includes(undefined)) return "pending";
    return Math.max(...(numbers as number[])) <= this.#o.protocol.following.final ? "final" : "attested";
  }

  /**
   * Two Merkle steps into a committed checkpoint, as contracts take them; nothing before one covers the snapshot.
   * @throws WeftError `not_found`, `unknown_segment` where too little of the checkpoint is held here
   */
  prove(turn: Turn, place: Place): SnapshotProof | undefined {
    const { archive, protocol, store } = this.#o;
    const number = archive.covering(turn.track, place.sequence);
    if (number === undefined) return undefined;
    const { consensus, following, replica } = protocol;
    const { hash, parent: before } = consensus.committed(number) as Committed;
    const [parent, cut] = [archive.cutAt(before), archive.cutAt(number)];
    // Without it, it is not even known whether this checkpoint is the first with the snapshot.
    if (!parent && following.unknownCuts().includes(before)) return undefined;
    const stored = store.segment(turn.track, place.sequence);
    if (!parent || !cut || !stored) throw new WeftError("not_found", "the checkpoint's segments are not all held here");
    const name = toHex(hash);
    const segments = this.#trees.get(name) ?? consensus.segmentsOf(parent, cut);
    this.#trees.delete(name);
    this.#trees.set(name, segments);
    if (this.#trees.size > KEPT_TREES) this.#trees.delete(this.#trees.keys().next().value as string);
    const segmentIndex = cut.segmentIndex(parent, turn.track, place.sequence);
    return proofJson(replica.crypto, { number, segments, segmentIndex }, decodeSegment(stored.bytes), place.index);
  }
}

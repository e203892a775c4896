import { type Bytes, equal, toHex } from "./bytes.ts";
import { type CommittedPlace, KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import type { Errand, Errands } from "./errands.ts";
import { undefinedOn } from "./errors.ts";
import type { Effect } from "./events.ts";
import { type FalseMemory, falseFold, falseMemory } from "./false-memory.ts";
import { type TraceEntry, traceEntry } from "./fold-proof.ts";
import type { Following } from "./following.ts";
import { Inquiries } from "./inquiry.ts";
import { OpenedTree } from "./opened-tree.ts";
import type { Replica } from "./replica.ts";
import type { TreePage } from "./stated-tree.ts";
import { searchTrace } from "./trace-search.ts";
import { TREE } from "./tree.ts";
import { heldSegments, type Wrong } from "./views.ts";

/**
 * Brings to court whoever attested to memories that do not follow from the segments. To say where the lie is takes what
 * the liars say at every step: where the committed roots do not tell, peers are asked, one after another, and believed
 * when it has the committed root.
 */
export class Witness {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #following: Following;
  /** Checkpoints that were brought to court, by hash. */
  readonly #accused = new Set<string>();
  /** Entries of traces that were shown on the chain, by the hash of the checkpoint. */
  readonly #shown = new Map<string, OpenedTree>();
  readonly #inquiries: Inquiries;
  #looked = false;

  constructor(replica: Replica, consensus: Consensus, following: Following, errands: Errands) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
    this.#inquiries = new Inquiries(errands, "trace");
  }

  /** The chain was read anew, and may say otherwise what is on record. */
  reset(): void {
    this.#accused.clear();
    this.#shown.clear();
    this.#inquiries.drop();
    this.#looked = false;
  }

  tick(now: number): Effect[] {
    if (!this.#looked) this.#look();
    this.#inquiries.tick();
    return [...this.#consensus.views.wrong].flatMap((wrong) => (this.#isOpen(wrong) ? this.#pursue(wrong, now) : []));
  }

  /** A process that ended after a checkpoint had fallen goes on with who attested to it. */
  #look(): void {
    this.#looked = true;
    const { next } = this.#consensus;
    for (let number = Math.max(this.#following.final + 1, next - KEPT_CUTS); number < next; number++)
      this.#consensus.memoriesAt(number);
  }

  /** On record, not final, and not in court yet. */
  #isOpen({ checkpoint: { number }, hash }: Wrong): boolean {
    const committed = this.#consensus.committed(number);
    const isThere = committed !== undefined && equal(committed.hash, hash);
    return isThere && number > this.#following.final && !this.#accused.has(toHex(hash));
  }

  #pursue(wrong: Wrong, now: number): Effect[] {
    const { checkpoint, hash } = wrong;
    if (!this.#inquiries.isDue(hash, now)) return [];
    if (equal(wrong.traceRoot, checkpoint.memoryTraceRoot)) return this.#accuse(wrong, wrong.trace, now);
    const effects = this.#inquiries.pursue({ number: checkpoint.number, hash }, now);
    return this.#inquiries.isExhausted(hash) ? [...effects, ...this.#search(wrong)] : effects;
  }

  /** Has those who attested show one entry after another, where none of them serves all to its peers. */
  #search(wrong: Wrong): Effect[] {
    const { checkpoint, hash, trace } = wrong;
    if (trace.length !== checkpoint.segmentCount) return [];
    const shown = this.#shownOf(wrong);
    const step = searchTrace(this.#replica.crypto, trace, checkpoint.memoryRoot, shown);
    if (!step) return [];
    const { index } = step;
    const { number } = checkpoint;
    if (step.type === "show") return [{ type: "challenge", wanted: "trace", at: { number, hash, checkpoint, index } }];
    const entry = (at: number) => entryOf(shown, at) ?? traceEntry(this.#replica.crypto, [], -1);
    if (step.type === "end")
      return this.#condemn(wrong, { type: "end", checkpoint, parent: wrong.parent.checkpoint, last: entry(index) });
    const entries = { before: entry(index - 1), stated: entry(index) };
    const lie = undefinedOn("unknown_segment", () =>
      falseFold(this.#replica.crypto, wrong, index, entries, heldSegments(this.#replica)),
    );
    return lie ? this.#condemn(wrong, lie) : [];
  }

  #shownOf({ hash, checkpoint }: Wrong): OpenedTree {
    const name = toHex(hash);
    const none = () => new OpenedTree(this.#replica.crypto, TREE.memoryTrace, checkpoint.memoryTraceRoot);
    const shown = this.#shown.get(name) ?? none();
    this.#shown.set(name, shown);
    return shown;
  }

  /** An entry was shown on the chain. What stands elsewhere in the trace, or in none, is passed over. */
  show({ hash, index }: CommittedPlace, { memoryRoot, proof }: TraceEntry): Effect[] {
    const wrong = this.#consensus.views.wrongOf(hash);
    if (!wrong || !this.#isOpen(wrong)) return [];
    return this.#shownOf(wrong).add(index, memoryRoot, proof) ? this.#search(wrong) : [];
  }

  /** @param page undefined: the peer has not got it */
  take(errand: Errand & { kind: "tree" }, page: TreePage | undefined, now: number): Effect[] {
    const wrong = this.#consensus.views.wrongOf(errand.hash);
    const isOpen = wrong !== undefined && this.#isOpen(wrong);
    const { effects, leaves } = this.#inquiries.take(errand, page, isOpen, now);
    if (!wrong || !leaves) return effects;
    const accused = undefinedOn("bad_root", () => this.#accuse(wrong, leaves, now));
    return accused ?? this.#inquiries.refuse(errand, `these are not the leaves of checkpoint ${errand.number}`);
  }

  /** @throws WeftError `bad_root` unless these are the leaves of the committed trace */
  #accuse(wrong: Wrong, stated: readonly Bytes[], now: number): Effect[] {
    const judged = undefinedOn("unknown_segment", () => ({
      lie: falseMemory(this.#replica.crypto, wrong, stated, heldSegments(this.#replica)),
    }));
    if (judged) return this.#condemn(wrong, judged.lie);
    // The segments went with their fork: they may come back.
    this.#inquiries.later(wrong.hash, now);
    return [];
  }

  #condemn({ checkpoint: { number }, hash }: Wrong, lie: FalseMemory | undefined): Effect[] {
    this.#accused.add(toHex(hash));
    this.#shown.delete(toHex(hash));
    this.#inquiries.drop(hash);
    return lie ? [{ type: "condemn", number, hash, lie }] : [];
  }
}

function entryOf(shown: OpenedTree, index: number): TraceEntry | undefined {
  const memoryRoot = shown.get(index);
  return memoryRoot && { memoryRoot, proof: shown.proof(index) };
}

import { type Accusation, readEntry, writeEntry } from "./accused-cut.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Committed, type CommittedCut, type CommittedPlace, KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import type { CutEntry } from "./cut.ts";
import { statementOf } from "./cut-audit.ts";
import type { StatedEntry } from "./cut-proof.ts";
import type { Errand, Errands } from "./errands.ts";
import { undefinedOn, WeftError } from "./errors.ts";
import type { Effect } from "./events.ts";
import { judgeCut } from "./false-cut.ts";
import type { Following } from "./following.ts";
import { Inquiries } from "./inquiry.ts";
import { OpenedTree } from "./opened-tree.ts";
import { PATIENCE_MS } from "./overdue.ts";
import type { Replica } from "./replica.ts";
import type { TreePage } from "./stated-tree.ts";
import { TREE } from "./tree.ts";

/** So long the cut of a committed checkpoint may be lacking before its leaves are asked for, whatever they are. */
export const UNREAD_MS = 5_000;

/**
 * Committed cuts that nobody can show as such: two entries of one track, a counter beyond all that are counted, what is no entry.
 * Whoever attested is asked for the leaves as they are; a court reads them. Where nobody serves them for long, they are to be shown on
 * the chain, one after the other: there nothing else than an entry can be.
 */
export class UnreadCuts {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #following: Following;
  readonly #errands: Errands;
  readonly #inquiries: Inquiries;
  /** Since when each has been lacking, by the hash of the checkpoint. */
  #since = new Map<string, { hash: Bytes; from: number }>();
  /** Leaves that were shown on the chain, by the hash of the checkpoint. */
  readonly #shown = new Map<string, OpenedTree>();
  /** Hashes of those whose leaves were seen. */
  readonly #seen = new Set<string>();

  constructor(replica: Replica, consensus: Consensus, following: Following, errands: Errands) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
    this.#errands = errands;
    this.#inquiries = new Inquiries(errands, "entries");
  }

  /** The chain was read anew, and may say otherwise what is on record. */
  reset(): void {
    this.#since.clear();
    this.#shown.clear();
    this.#seen.clear();
    this.#inquiries.drop();
  }

  tick(now: number): Effect[] {
    this.#inquiries.tick();
    // Who is cut off itself accuses nobody: patience begins when a peer is up.
    const isCutOff = this.#errands.up.size === 0;
    if (isCutOff) this.#inquiries.drop();
    const { next } = this.#consensus;
    const effects: Effect[] = [];
    const since = new Map<string, { hash: Bytes; from: number }>();
    for (let number = Math.max(this.#following.final + 1, next - KEPT_CUTS); number < next; number++) {
      const { committed } = this.#lacking(number) ?? {};
      if (!committed) continue;
      const { hash } = committed;
      const known = isCutOff ? undefined : this.#since.get(toHex(hash));
      const lacking = known ?? { hash, from: now };
      since.set(toHex(hash), lacking);
      if (now - lacking.from < UNREAD_MS || !this.#inquiries.isDue(hash, now)) continue;
      const more = this.#inquiries.pursue({ number, hash }, now);
      // Who is cut off with others knows no more than they do.
      const isPatient = now - lacking.from < PATIENCE_MS || !this.#inquiries.isExhausted(hash);
      effects.push(...more.filter(({ type }) => !isPatient || type !== "unserved"));
      if (!isPatient) effects.push(...this.#challenge(committed));
    }
    for (const [name, { hash }] of this.#since) if (!since.has(name)) this.#drop(hash);
    this.#since = since;
    return effects;
  }

  /** It was shown, is judged, or final. */
  #drop(hash: Bytes): void {
    this.#shown.delete(toHex(hash));
    this.#inquiries.drop(hash);
  }

  /** One that is not final, whose cut is not known though its parent's is. */
  #lacking(number: number, hash?: Bytes): { committed: Committed; parent: CommittedCut } | undefined {
    const committed = this.#consensus.committed(number);
    const parent = committed && this.#consensus.committed(committed.parent);
    if (!committed || committed.cut || !parent?.cut || number <= this.#following.final) return undefined;
    if (this.#seen.has(toHex(committed.hash)) || (hash && !equal(hash, committed.hash))) return undefined;
    return { committed, parent: parent as CommittedCut };
  }

  /** @param page undefined: the peer has not got it */
  take(errand: Errand & { kind: "tree" }, page: TreePage | undefined, now: number): Effect[] {
    const lacking = this.#lacking(errand.number, errand.hash);
    const { effects, leaves } = this.#inquiries.take(errand, page, lacking !== undefined, now);
    if (!lacking || !leaves) return effects;
    const { committed, parent } = lacking;
    const stated = undefinedOn("bad_root", () => statementOf(this.#replica, parent, committed, leaves));
    if (!stated) return this.#inquiries.refuse(errand, `this is not the cut of checkpoint ${errand.number}`);
    return this.#judge(stated, leaves);
  }

  /** Has the first leaf shown that was not shown yet. */
  #challenge({ checkpoint, hash }: Committed): Effect[] {
    const { number, entryCount } = checkpoint;
    const shown = this.#shown.get(toHex(hash));
    let index = 0;
    while (shown?.get(index)) index += 1;
    return index < entryCount ? [{ type: "challenge", wanted: "entry", at: { number, hash, checkpoint, index } }] : [];
  }

  /** What stands in a slot was shown on the chain. */
  show({ number, hash, index }: CommittedPlace, entry: StatedEntry, proof: readonly Bytes[]): Effect[] {
    const lacking = this.#lacking(number, hash);
    if (!lacking) return [];
    const { committed, parent } = lacking;
    const { crypto } = this.#replica;
    const { checkpoint } = committed;
    const shown = this.#shown.get(toHex(hash)) ?? new OpenedTree(crypto, TREE.cut, checkpoint.cutRoot);
    this.#shown.set(toHex(hash), shown);
    if (!shown.add(index, writeEntry(entry), proof)) return [];
    const next = this.#challenge(committed);
    if (next.length > 0) return next;
    const leaves = Array.from({ length: checkpoint.entryCount }, (_, slot) => shown.get(slot) as Bytes);
    const stated = undefinedOn("bad_root", () => statementOf(this.#replica, parent, committed, leaves));
    if (stated) return this.#judge(stated, leaves);
    const error = new WeftError("bad_root", `the cut of checkpoint ${number} has leaves beyond those that it counts`);
    return [{ type: "fault", kind: "cut", error }];
  }

  #judge(stated: Accusation, leaves: readonly Bytes[]): Effect[] {
    const { hash } = stated;
    const { number } = stated.checkpoint;
    this.#seen.add(toHex(hash));
    this.#drop(hash);
    const verdict = judgeCut(this.#replica.crypto, stated);
    // Entries that are not wrong in themselves are a cut, which nobody has shown as such.
    if (!("proof" in verdict)) return this.#following.learnCut(number, leaves.map(entryOf));
    this.#consensus.views.disbelieve(hash);
    return [{ type: "condemn", number, hash, lie: { type: "cut", proof: verdict.proof } }];
  }
}

function entryOf(leaf: Bytes): CutEntry {
  const entry = readEntry(leaf) as StatedEntry;
  return { ...entry, sequence: Number(entry.sequence) };
}

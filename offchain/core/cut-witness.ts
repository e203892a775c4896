import { type Accusation, type Doubt, readStatedHeader } from "./accused-cut.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Committed, type CommittedCut, type CommittedPlace, KEPT_CUTS } from "./checkpoints.ts";
import { placeFinder } from "./committed-place.ts";
import type { Consensus } from "./consensus.ts";
import { type CutEntry, segmentsTree, trackName } from "./cut.ts";
import { accusationOf, isTrueCut } from "./cut-audit.ts";
import type { StatedHeader } from "./cut-proof.ts";
import type { Errand, Errands } from "./errands.ts";
import { undefinedOn } from "./errors.ts";
import type { Effect } from "./events.ts";
import { judgeCut, unproven } from "./false-cut.ts";
import type { Following } from "./following.ts";
import { headerHash } from "./header.ts";
import { Inquiries } from "./inquiry.ts";
import { nextLeaf } from "./leaf-search.ts";
import { OpenedTree } from "./opened-tree.ts";
import type { RefusedSegments } from "./refused.ts";
import type { Replica } from "./replica.ts";
import type { TreePage } from "./stated-tree.ts";
import { ToldTree } from "./told-tree.ts";
import { TREE } from "./tree.ts";
import { heldSegments } from "./views.ts";

/** How often cuts are looked at whose segments were not held. */
const LOOK_MS = 400;
/** So long committed segments may be lacking before their headers are asked for: they may not be what they should. */
export const LATE_MS = 30_000;

type Case = { parent: CommittedCut; committed: CommittedCut };
type Headers = { tree: OpenedTree; headers: Map<string, StatedHeader> };

/**
 * Looks at every cut that the chain took and that was shown, once what it covers is held. A false one is brought to court where
 * what is known here shows it, and believed by nobody here: nothing is built on it.
 */
export class CutWitness {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #following: Following;
  readonly #refused: RefusedSegments;
  /** Numbers of checkpoints that need not be looked at again. */
  readonly #seen = new Set<number>();
  /** Since when segments of one have been lacking, by number. */
  readonly #late = new Map<number, number>();
  /** Late ones, by number, of which the headers were seen. */
  readonly #told = new Set<number>();
  /** False ones that list other segments than those that are held, and late ones, by number: which, their attesters are asked. */
  readonly #asked = new Map<number, Case>();
  /** Headers that were shown on the chain, by the hash of the checkpoint. */
  readonly #shown = new Map<string, Headers>();
  readonly #inquiries: Inquiries;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(
    replica: Replica,
    consensus: Consensus,
    following: Following,
    errands: Errands,
    refused: RefusedSegments,
  ) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
    this.#refused = refused;
    this.#inquiries = new Inquiries(errands, "segments");
  }

  /** The chain was read anew, and may say otherwise what is on record. */
  reset(): void {
    this.#seen.clear();
    this.#asked.clear();
    this.#late.clear();
    this.#told.clear();
    this.#shown.clear();
    this.#inquiries.drop();
  }

  tick(now: number): Effect[] {
    this.#inquiries.tick();
    return [...this.#lookAtAll(now), ...this.#ask(now)];
  }

  /** Asks for what was not served yet, until it is final and too late. */
  #ask(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const [number, asked] of this.#asked) {
      const { committed } = asked;
      const { hash } = committed;
      if (number <= this.#following.final) this.#drop(number, hash);
      else if (this.#inquiries.isDue(hash, now)) {
        const more = this.#inquiries.pursue({ number, hash }, now);
        // Who attested to what is only late may be late as well.
        const isFalse = this.#consensus.views.isWrong(committed);
        effects.push(...more.filter(({ type }) => isFalse || type !== "unserved"));
        if (isFalse && this.#inquiries.isExhausted(hash)) effects.push(...this.#search(asked));
      }
    }
    return effects;
  }

  /** Nobody is asked any more. */
  #drop(number: number, hash: Bytes): void {
    this.#asked.delete(number);
    this.#shown.delete(toHex(hash));
    this.#inquiries.drop(hash);
  }

  #lookAtAll(now: number): Effect[] {
    if (now < this.#notBefore) return [];
    this.#notBefore = now + LOOK_MS;
    const { next } = this.#consensus;
    const first = Math.max(this.#following.final + 1, next - KEPT_CUTS);
    for (const numbers of [this.#seen, this.#told, this.#late])
      for (const number of numbers.keys()) if (number < first) numbers.delete(number);
    const effects: Effect[] = [];
    for (let number = first; number < next; number++)
      if (!this.#seen.has(number)) effects.push(...this.#look(number, now));
    return effects;
  }

  #look(number: number, now: number): Effect[] {
    const committed = this.#consensus.committed(number) as Committed;
    const parent = this.#consensus.committed(committed.parent);
    if (!committed.cut || !parent?.cut) return [];
    const isOurs = this.#consensus.isOurs(committed.hash);
    const isTrue = isOurs || isTrueCut(this.#replica, parent as CommittedCut, committed as CommittedCut, this.#refused);
    if (isTrue === undefined) {
      const since = this.#late.get(number) ?? now;
      this.#late.set(number, since);
      if (now - since >= LATE_MS && !this.#told.has(number))
        this.#asked.set(number, { parent: parent as CommittedCut, committed: committed as CommittedCut });
      return [];
    }
    this.#seen.add(number);
    this.#drop(number, committed.hash);
    // Others may be built on it already: what it says of memories is looked at as well.
    if (isTrue) this.#consensus.memoriesAt(number);
    return isTrue ? [] : this.#accuse(parent as CommittedCut, committed as CommittedCut);
  }

  #accuse(parent: CommittedCut, committed: CommittedCut): Effect[] {
    this.#consensus.views.disbelieve(committed.hash);
    // Entries may be false whatever the segments are; where they are not, those who attested know what they listed.
    const { effects, isOver } = this.#show(this.#accusationOf(parent, committed));
    if (!isOver) this.#asked.set(committed.checkpoint.number, { parent, committed });
    return effects;
  }

  /** Has those who attested show where they list something else than is held, where none of them serves all to its peers. */
  #search({ parent, committed }: Case): Effect[] {
    const { crypto } = this.#replica;
    const { checkpoint, hash } = committed;
    const held = heldSegments(this.#replica);
    const places = [...committed.cut.segmentsSince(parent.cut)];
    const own = undefinedOn("unknown_segment", () => ({
      tree: segmentsTree(crypto, parent.cut, committed.cut, held),
      leaves: places.map((at) => held.hashAt(at, at.sequence)),
      ends: [...places.keys()].filter((i) => !places[i + 1] || trackName(places[i + 1]) !== trackName(places[i])),
    }));
    const index = own && nextLeaf(own, this.#shownOf(committed).tree, checkpoint.segmentCount);
    if (index === undefined) return [];
    return [{ type: "challenge", wanted: "header", at: { number: checkpoint.number, hash, checkpoint, index } }];
  }

  #shownOf({ hash, checkpoint }: CommittedCut): Headers {
    const name = toHex(hash);
    const none = () => new OpenedTree(this.#replica.crypto, TREE.segments, checkpoint.segmentsRoot);
    const shown = this.#shown.get(name) ?? { tree: none(), headers: new Map<string, StatedHeader>() };
    this.#shown.set(name, shown);
    return shown;
  }

  /** A header was shown on the chain. */
  show({ number, hash, index }: CommittedPlace, header: StatedHeader, proof: readonly Bytes[]): Effect[] {
    const asked = this.#asked.get(number);
    if (!asked || !equal(asked.committed.hash, hash)) return [];
    const { tree, headers } = this.#shownOf(asked.committed);
    const of = headerHash(this.#replica.crypto, this.#replica.separator, header);
    if (!tree.add(index, of, proof)) return [];
    headers.set(toHex(of), header);
    const segmentOf = (one: Bytes) => {
      const known = headers.get(toHex(one));
      return known && { header: known };
    };
    const accusation = { ...this.#accusationOf(asked.parent, asked.committed), segments: tree, segmentOf };
    const { effects, isOver } = this.#show(accusation);
    return isOver ? effects : this.#search(asked);
  }

  #accusationOf(parent: CommittedCut, committed: CommittedCut, served?: readonly StatedHeader[]): Accusation {
    const known = {
      refused: this.#refused,
      earlier: placeFinder(this.#replica, this.#consensus, parent.checkpoint.number),
    };
    return accusationOf(this.#replica, parent, committed, known, served);
  }

  /** Brings what shows that it is false, if anything does, or may do with what is on disk; and whether that is all there can be. */
  #show(accusation: Accusation): { effects: Effect[]; isOver: boolean } {
    const verdict = judgeCut(this.#replica.crypto, accusation);
    const { hash, checkpoint, segments } = accusation;
    const { number } = checkpoint;
    const { views } = this.#consensus;
    const doubts = "doubts" in verdict ? verdict.doubts : [];
    const isTold = segments instanceof ToldTree && views.isWrong(accusation);
    if ("doubts" in verdict && !isTold) return { effects: [], isOver: false };
    const isOver = doubts.every((doubt) => isOnDisk(accusation, doubt)) || this.#isRefused(accusation);
    if ("doubts" in verdict && !isOver)
      return { effects: [{ type: "fault", kind: "condemn", error: unproven(accusation, doubts) }], isOver };
    if (isOver) {
      this.#seen.add(number);
      this.#drop(number, hash);
    }
    views.disbelieve(hash);
    const lie =
      "proof" in verdict ? ({ type: "cut", ...verdict } as const) : ({ type: "segments", accusation } as const);
    return { effects: [{ type: "condemn", number, hash, lie }], isOver };
  }

  /** Does it list what was refused here? What that breaks a rule of was said before, and is on disk. */
  #isRefused({ checkpoint: { number }, parent }: Accusation): boolean {
    const entries = this.#consensus.committed(number)?.cut?.entries ?? [];
    const isIn = (entry: CutEntry, sequence: number) => this.#refused.explains(entry, sequence);
    return entries.some((one) => isIn(one, one.sequence) && !isIn(one, parent.cut.entry(one)?.sequence ?? 0));
  }

  /** @param page undefined: the peer has not got it */
  take(errand: Errand & { kind: "tree" }, page: TreePage | undefined, now: number): Effect[] {
    const asked = this.#asked.get(errand.number);
    const { effects, leaves } = this.#inquiries.take(errand, page, asked !== undefined, now);
    if (!asked || !leaves) return effects;
    const accusation = undefinedOn("bad_root", () =>
      this.#accusationOf(asked.parent, asked.committed, leaves.map(readStatedHeader)),
    );
    if (!accusation) return this.#inquiries.refuse(errand, `these are not the segments of checkpoint ${errand.number}`);
    const shown = this.#show(accusation);
    // What would show it may come yet, as long as it is not too late.
    if (!shown.isOver && this.#consensus.views.isWrong(asked.committed)) this.#inquiries.later(errand.hash, now);
    else {
      this.#drop(errand.number, errand.hash);
      this.#told.add(errand.number);
    }
    return shown.effects;
  }
}

/** Is it about snapshots that are not with the accusation, and are on disk? */
const isOnDisk = ({ earlier }: Accusation, doubt: Doubt): boolean =>
  doubt.type === "unserved" && doubt.what === "earlier" && earlier(doubt.track, doubt.sequence) !== undefined;

import { type Bytes, equal, toHex } from "./bytes.ts";
import { KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import type { Errand, Errands } from "./errands.ts";
import { WeftError } from "./errors.ts";
import type { Effect } from "./events.ts";
import { falseMemory } from "./false-memory.ts";
import type { Following } from "./following.ts";
import type { Replica } from "./replica.ts";
import { STATED_TREES, type TreePage } from "./stated-tree.ts";
import { heldSegments, type Wrong } from "./views.ts";

const RETRY_MS = 400;
const LATEST_MS = 60_000;
const TREE = "trace";

/** What has come of what the attesters of one checkpoint state. */
type Inquiry = {
  stated: Bytes[];
  /** Who did not have it, did not answer, or said what was false, in hexadecimal. */
  readonly passed: Set<string>;
  failures: number;
  notBefore: number;
};

/**
 * Brings to court whoever attested to memories that do not follow from the segments. To say where the lie is takes what
 * the liars say at every step: where the committed roots do not tell, peers are asked, one after another, and believed
 * when it has the committed root.
 */
export class Witness {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #following: Following;
  readonly #errands: Errands;
  /** Checkpoints that were brought to court, by hash. */
  readonly #accused = new Set<string>();
  readonly #inquiries = new Map<string, Inquiry>();
  /** Who is being asked about what. */
  #asking: { peer: Bytes; inquiry: Inquiry } | undefined;
  #looked = false;

  constructor(replica: Replica, consensus: Consensus, following: Following, errands: Errands) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
    this.#errands = errands;
  }

  /** The chain was read anew, and may say otherwise what is on record. */
  reset(): void {
    this.#accused.clear();
    this.#inquiries.clear();
    this.#looked = false;
  }

  tick(now: number): Effect[] {
    if (!this.#looked) this.#look();
    if (!this.#errands.isBusy(TREE) && this.#asking) {
      // The question was given up.
      this.#pass(this.#asking.inquiry, this.#asking.peer);
      this.#asking = undefined;
    }
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
    const name = toHex(wrong.hash);
    const inquiry = this.#inquiries.get(name) ?? { stated: [], passed: new Set(), failures: 0, notBefore: now };
    this.#inquiries.set(name, inquiry);
    if (now < inquiry.notBefore) return [];
    if (equal(wrong.traceRoot, wrong.checkpoint.memoryTraceRoot)) return this.#accuse(wrong, inquiry, wrong.trace, now);
    if (this.#errands.isBusy(TREE)) return [];
    const peer = this.#errands.anybody(TREE).find((one) => !inquiry.passed.has(toHex(one)));
    return peer ? this.#ask(wrong, inquiry, peer, now) : this.#exhausted(wrong, inquiry, now);
  }

  #ask({ checkpoint: { number }, hash }: Wrong, inquiry: Inquiry, peer: Bytes, now: number): Effect[] {
    const first = inquiry.stated.length;
    const effects = this.#errands.send({ kind: "tree", peer, number, hash, tree: TREE, first }, TREE, now);
    if (effects.length > 0) this.#asking = { peer, inquiry };
    return effects;
  }

  /** Everybody was asked. */
  #exhausted({ checkpoint: { number }, hash }: Wrong, inquiry: Inquiry, now: number): Effect[] {
    if (inquiry.passed.size === 0) return []; // nobody is up
    inquiry.passed.clear();
    later(inquiry, now);
    return [{ type: "unserved", number, hash, tree: TREE }];
  }

  /** Whoever is passed over is asked again when everybody was; what it said is forgotten. */
  #pass(inquiry: Inquiry, peer: Bytes): void {
    inquiry.passed.add(toHex(peer));
    inquiry.stated = [];
  }

  /** @param page undefined: the peer has not got it */
  take({ peer, number, hash }: Errand & { kind: "tree" }, page: TreePage | undefined, now: number): Effect[] {
    this.#asking = undefined;
    const inquiry = this.#inquiries.get(toHex(hash));
    const wrong = [...this.#consensus.views.wrong].find((one) => equal(one.hash, hash));
    if (!inquiry || !wrong || !this.#isOpen(wrong)) return [];
    if (!page) {
      this.#pass(inquiry, peer);
      return [];
    }
    inquiry.stated.push(...page.leaves);
    if (inquiry.stated.length > STATED_TREES[TREE].most)
      return this.#refuse(inquiry, peer, "the tree has no room for so many");
    if (page.more) return this.#ask(wrong, inquiry, peer, now);
    try {
      return this.#accuse(wrong, inquiry, inquiry.stated, now);
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== "bad_root") throw error;
      return this.#refuse(inquiry, peer, `these are not the leaves of checkpoint ${number}`);
    }
  }

  #refuse(inquiry: Inquiry, peer: Bytes, why: string): Effect[] {
    this.#pass(inquiry, peer);
    return [{ type: "fault", kind: "tree", operator: peer, error: new WeftError("bad_root", why) }];
  }

  /** @throws WeftError `bad_root` unless these are the leaves of the committed trace */
  #accuse(wrong: Wrong, inquiry: Inquiry, stated: readonly Bytes[], now: number): Effect[] {
    const { checkpoint, hash } = wrong;
    let lie: ReturnType<typeof falseMemory>;
    try {
      lie = falseMemory(this.#replica.crypto, wrong, stated, heldSegments(this.#replica));
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== "unknown_segment") throw error;
      // The segments went with their fork: they may come back.
      later(inquiry, now);
      return [];
    }
    this.#accused.add(toHex(hash));
    this.#inquiries.delete(toHex(hash));
    return lie ? [{ type: "condemn", number: checkpoint.number, hash, lie }] : [];
  }
}

/** Begins again after a while, ever more rarely. */
function later(inquiry: Inquiry, now: number): void {
  inquiry.stated = [];
  inquiry.failures += 1;
  inquiry.notBefore = now + Math.min(LATEST_MS, RETRY_MS * 2 ** inquiry.failures);
}

import { type Bytes, toHex } from "./bytes.ts";
import type { Errand, Errands } from "./errands.ts";
import { WeftError } from "./errors.ts";
import type { Effect } from "./events.ts";
import { STATED_TREES, type StatedTree, type TreePage } from "./stated-tree.ts";

const RETRY_MS = 400;
const LATEST_MS = 60_000;

type Asked = { number: number; hash: Bytes };

/** So often everybody is asked before it is asked for on the chain, which costs a bond. */
const PATIENCE = 3;

/** What has come of what the attesters of one checkpoint state. */
type Inquiry = {
  stated: Bytes[];
  /** Who did not have it, did not answer, or said what was false, in hexadecimal. */
  readonly passed: Set<string>;
  failures: number;
  /** Whether the latest question ended in that everybody had been asked in vain, and often enough. */
  isExhausted: boolean;
  notBefore: number;
};

/**
 * Asks peers, one after another, for the leaves of one tree of checkpoints whose attesters alone know them. Whoever asks says
 * whether these are the leaves.
 */
export class Inquiries {
  readonly #errands: Errands;
  readonly #tree: StatedTree;
  /** By the hash of the checkpoint. */
  readonly #inquiries = new Map<string, Inquiry>();
  /** Who is being asked about what. */
  #asking: { peer: Bytes; inquiry: Inquiry } | undefined;

  constructor(errands: Errands, tree: StatedTree) {
    this.#errands = errands;
    this.#tree = tree;
  }

  /** Forgets what was asked, of one checkpoint or of all. */
  drop(hash?: Bytes): void {
    if (hash) this.#inquiries.delete(toHex(hash));
    else this.#inquiries.clear();
  }

  tick(): void {
    if (this.#errands.isBusy(this.#tree) || !this.#asking) return;
    // The question was given up.
    pass(this.#asking.inquiry, this.#asking.peer);
    this.#asking = undefined;
  }

  /** Not put off any more. */
  isDue(hash: Bytes, now: number): boolean {
    return now >= this.#of(hash).notBefore;
  }

  /** Was everybody asked in vain by now, and often enough? Then it is for the chain. */
  isExhausted(hash: Bytes): boolean {
    return this.#of(hash).isExhausted;
  }

  #of(hash: Bytes): Inquiry {
    const name = toHex(hash);
    const inquiry = this.#inquiries.get(name) ?? {
      stated: [],
      passed: new Set<string>(),
      failures: 0,
      isExhausted: false,
      notBefore: Number.NEGATIVE_INFINITY,
    };
    this.#inquiries.set(name, inquiry);
    return inquiry;
  }

  /** Asks the next peer, when nobody is being asked; says so when everybody was. */
  pursue(of: Asked, now: number): Effect[] {
    const inquiry = this.#of(of.hash);
    inquiry.isExhausted = false;
    if (this.#errands.isBusy(this.#tree)) return [];
    const peer = this.#errands.anybody(this.#tree).find((one) => !inquiry.passed.has(toHex(one)));
    if (peer) return this.#ask(of, inquiry, peer, now);
    if (inquiry.passed.size === 0) return []; // nobody is up
    inquiry.passed.clear();
    this.later(of.hash, now);
    inquiry.isExhausted = inquiry.failures >= PATIENCE;
    return [{ type: "unserved", number: of.number, hash: of.hash, tree: this.#tree }];
  }

  #ask({ number, hash }: Asked, inquiry: Inquiry, peer: Bytes, now: number): Effect[] {
    const tree = this.#tree;
    const first = inquiry.stated.length;
    const effects = this.#errands.send({ kind: "tree", peer, number, hash, tree, first }, tree, now);
    if (effects.length > 0) this.#asking = { peer, inquiry };
    return effects;
  }

  /**
   * What a peer answered; all leaves once they are there.
   * @param page undefined: the peer has not got it
   * @param isOpen whether anybody still wants to know
   */
  take(errand: Errand & { kind: "tree" }, page: TreePage | undefined, isOpen: boolean, now: number) {
    this.#asking = undefined;
    const { peer, number, hash } = errand;
    const inquiry = this.#inquiries.get(toHex(hash));
    if (!inquiry || !isOpen) return { effects: [] };
    if (!page) {
      pass(inquiry, peer);
      return { effects: [] };
    }
    inquiry.stated.push(...page.leaves);
    if (inquiry.stated.length > STATED_TREES[this.#tree].most)
      return { effects: this.refuse(errand, "the tree has no room for so many") };
    if (page.more) return { effects: this.#ask({ number, hash }, inquiry, peer, now) };
    return { effects: [], leaves: inquiry.stated };
  }

  /** These are not the leaves: whoever said so is passed over. */
  refuse({ peer, hash }: Errand & { kind: "tree" }, why: string): Effect[] {
    pass(this.#of(hash), peer);
    return [{ type: "fault", kind: "tree", operator: peer, error: new WeftError("bad_root", why) }];
  }

  /** Begins again after a while, ever more rarely. */
  later(hash: Bytes, now: number): void {
    const inquiry = this.#of(hash);
    inquiry.stated = [];
    inquiry.failures += 1;
    inquiry.notBefore = now + Math.min(LATEST_MS, RETRY_MS * 2 ** inquiry.failures);
  }
}

/** Whoever is passed over is asked again when everybody was; what it said is forgotten. */
function pass(inquiry: Inquiry, peer: Bytes): void {
  inquiry.passed.add(toHex(peer));
  inquiry.stated = [];
}

import {
  headerOfSegment,
  readEntry,
  readStatedHeader,
  stated,
  writeStatedHeader,
} from "../../offchain/core/accused-cut.ts";
import { type Bytes, equal, fromHex, toHex } from "../../offchain/core/bytes.ts";
import { type Cut, ENTRY_BYTES, trackName } from "../../offchain/core/cut.ts";
import type { CutProof } from "../../offchain/core/cut-proof.ts";
import type { Answer, Effect, Question, Shown } from "../../offchain/core/events.ts";
import { cutProofOf } from "../../offchain/core/false-cut.ts";
import type { FalseMemory } from "../../offchain/core/false-memory.ts";
import { traceEntry } from "../../offchain/core/fold-proof.ts";
import { headerHash } from "../../offchain/core/header.ts";
import { PATIENCE_MS } from "../../offchain/core/overdue.ts";
import type { Protocol } from "../../offchain/core/protocol.ts";
import type { TrackKey } from "../../offchain/core/segment.ts";
import { type StatedTree, treePageOf } from "../../offchain/core/stated-tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { beatOf, type Sealed } from "./core.ts";
import type { Made } from "./made.ts";

/** What peers answer otherwise than by what they committed. */
export type Served = {
  /** @param nth of the answers so far */
  segment?(segment: Sealed, nth: number): Sealed | undefined;
  /** Of the cut's leaves. */
  entries?(leaves: readonly Bytes[]): readonly Bytes[];
  /** Shows on the chain what is asked for there, as far as the court takes it. */
  onChain?: boolean;
  path?(proof: readonly Bytes[]): readonly Bytes[];
  /** Has not got these trees. */
  lacks?: readonly StatedTree[];
  /** Answers nothing to these. */
  silent?: readonly Question["type"][];
};

/** Paths that lead nowhere, of the right length and of others. */
export const wrongPaths: readonly NonNullable<Served["path"]>[] = [
  (proof) => proof.toReversed(),
  (proof) => proof.slice(1),
  (proof) => [...proof, new Uint8Array(32)],
  () => [],
];

const STEP_MS = 200;
/** Long enough for whoever waits until something is late. */
const EACH_MS = 35_000;

/**
 * A worker that reads of one checkpoint after another, and whose peer serves what they are made of, as far as it can be said in
 * messages. What it does about false cuts is kept.
 */
export class Audited {
  readonly #protocol: Protocol;
  readonly #peer: Bytes;
  readonly #served: Served;
  readonly #made: Made[] = [];
  readonly #disk: Sealed[] = [];
  #answers = 0;
  #now = 0;
  #isUp = true;
  /** Checkpoints that it says are false, with the proof; or why there is none. */
  readonly condemned: { number: number; proof: CutProof | Error }[] = [];
  /** Checkpoints that it says are false in their memory. */
  readonly misremembered: { number: number; lie: FalseMemory }[] = [];
  readonly others: Effect[] = [];
  /** What is asked for on the chain, and nobody can show there: that convicts. */
  readonly unanswered: { wanted: Shown["type"]; index: number }[] = [];
  /** Those of before it had waited for very long. */
  readonly soon: Effect[] = [];

  constructor(protocol: Protocol, peer: Bytes, served: Served = {}) {
    this.#protocol = protocol;
    this.#peer = peer;
    this.#served = served;
    this.meet(true);
  }

  /** The chain took it, and some time goes by. */
  read(made: Made): this {
    this.take(made).pass(EACH_MS);
    this.soon.push(...this.others);
    // Then a very long time.
    return this.pass(6 * PATIENCE_MS, PATIENCE_MS);
  }

  /** The chain took it. */
  take(made: Made): this {
    this.#made.push(made);
    const { checkpoint, hash } = made;
    const committed = { kind: "committed", checkpoint, hash, committedAt: 1, block: 9, logIndex: 0 } as const;
    this.#step({ type: "chain", update: { type: "events", events: [committed], time: 2 } });
    return this;
  }

  /** The peer is there, or is not. */
  meet(up: boolean): this {
    this.#isUp = up;
    this.#step({ type: "peer", peer: this.#peer, up });
    return this;
  }

  /** Some time goes by, in which the peer says what it holds where it is there. */
  pass(ms: number, step = STEP_MS): this {
    for (const until = this.#now + ms; this.#now < until; this.#now += step) {
      if (this.#isUp) this.#step({ type: "beat", from: this.#peer, beat: this.#beat() });
      this.#step({ type: "tick", load: 0 });
    }
    return this;
  }

  #beat() {
    const { checkpoint, entries } = this.#made.at(-1) as Made;
    const heads = entries.map(({ operator, incarnation, sequence, head }) => {
      return { operator, incarnation, sequence, head };
    });
    return beatOf(this.#protocol.replica, { heads, checkpoint: checkpoint.number });
  }

  /** What it takes for the cut of a checkpoint. */
  cutOf(number: number): Cut | undefined {
    return this.#protocol.consensus.committed(number)?.cut;
  }

  /** Its disk is lost. */
  forget(): void {
    this.#disk.length = 0;
  }

  #step(event: Parameters<Protocol["step"]>[0]): void {
    for (const effect of this.#protocol.step(event, this.#now)) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    if (effect.type === "store" && effect.record.type === "segment")
      this.#disk.push({ ...effect.record.segment, hash: effect.record.hash });
    if (effect.type === "condemn") this.#condemn(effect);
    if (effect.type === "unserved" || effect.type === "challenge") this.others.push(effect);
    if (effect.type === "challenge" && this.#served.onChain) this.#show(effect);
    if (effect.type !== "ask") return;
    const { id, question } = effect;
    if (!this.#served.silent?.includes(question.type))
      this.#step({ type: "answered", id, answer: this.#answer(question) });
  }

  #show({ wanted, at }: Extract<Effect, { type: "challenge" }>): void {
    const shown = this.#answerTo(wanted, this.#madeAt(at.number), at.index);
    if (shown) this.#step({ type: "shown", at, shown });
    else this.unanswered.push({ wanted, index: at.index });
  }

  #answerTo(wanted: Shown["type"], made: Made, index: number): Shown | undefined {
    const path = (siblings: readonly Bytes[]) => this.#served.path?.(siblings) ?? siblings;
    switch (wanted) {
      case "segment": {
        const header = this.#answerTo("header", made, index);
        const segment = made.segments.find(({ hash }) => equal(hash, made.indices.get(index) ?? made.hash));
        if (!segment || header?.type !== "header" || !headerOfSegment(header.header)) return header;
        // As many snapshots are asked for as the header counts.
        const snapshots = segment.snapshots.slice(0, header.header.snapshotCount);
        const isWhole = snapshots.length === header.header.snapshotCount;
        return isWhole ? { type: "segment", segment: { ...segment, snapshots } } : undefined;
      }
      case "entry": {
        const entry = readEntry(made.slots.get(index) ?? new Uint8Array());
        return entry && { type: "entry", entry, proof: path(made.cutProof(index).map((one) => fromHex(one))) };
      }
      case "header": {
        const header = headersOf(made, this.#protocol.replica.separator)[index];
        return header && { type: "header", header: readStatedHeader(header), proof: path(made.segmentProof(index)) };
      }
      case "trace": {
        const { memoryRoot, proof } = traceEntry(crypto, made.trace, index);
        return { type: "trace", entry: { memoryRoot, proof: path(proof) } };
      }
    }
  }

  #condemn({ number, lie }: Extract<Effect, { type: "condemn" }>): void {
    if (lie.type === "cut") this.condemned.push({ number, proof: lie.proof });
    if (lie.type !== "cut" && lie.type !== "segments") this.misremembered.push({ number, lie });
    if (lie.type !== "segments") return;
    const snapshotsAt = (track: TrackKey, sequence: number) =>
      this.#disk.find(({ header }) => trackName(header) === trackName(track) && header.sequence === sequence)
        ?.snapshots;
    try {
      this.condemned.push({ number, proof: cutProofOf(crypto, { ...lie.accusation, snapshotsAt }) });
    } catch (error) {
      this.condemned.push({ number, proof: error as Error });
    }
  }

  #answer(question: Question): Answer {
    switch (question.type) {
      case "cut": {
        const { entries, odd } = this.#madeAt(question.number);
        const isCut = !odd.cut && new Set(entries.map(trackName)).size === entries.length;
        return { type: "cut", entries: isCut ? entries : undefined };
      }
      case "fetch":
        return { type: "segments", segments: this.#range(question), last: true };
      case "tree": {
        const made = this.#madeAt(question.number);
        const { tree, first } = question;
        const leaves = {
          entries: () => this.#leaves(made),
          segments: () => headersOf(made, this.#protocol.replica.separator),
          trace: () => undefined,
        }[tree]();
        const isWhole =
          !this.#served.lacks?.includes(tree) && leaves?.every((leaf): leaf is Bytes => leaf !== undefined);
        return { type: "tree", page: isWhole ? treePageOf(tree, leaves as Bytes[], first) : undefined };
      }
      default:
        return { type: "memory", page: undefined, size: 0 };
    }
  }

  #madeAt(number: number): Made {
    return this.#made.find(({ checkpoint }) => checkpoint.number === number) as Made;
  }

  #leaves(made: Made): readonly Bytes[] | undefined {
    const leaves = leavesOf(made);
    return leaves && (this.#served.entries?.(leaves) ?? leaves);
  }

  #range({ track, from, to }: Extract<Question, { type: "fetch" }>) {
    const nth = this.#answers++;
    const all = new Map<string, Sealed>();
    for (const segment of this.#made.flatMap(({ segments }) => segments))
      if (trackName(segment.header) === trackName(track)) all.set(toHex(segment.hash), segment);
    return [...all.values()]
      .filter(({ header }) => header.sequence >= from && header.sequence <= to)
      .flatMap((one) => (this.#served.segment ? (this.#served.segment(one, nth) ?? []) : one))
      .map((segment) => ({ segment, size: 100 }));
  }
}

/** What stands in the slots of a cut, if all of it is as long as an entry. */
function leavesOf({ slots }: Made): Bytes[] | undefined {
  const leaves = [...slots].sort(([a], [b]) => a - b).map(([, leaf]) => leaf);
  return leaves.every(({ length }) => length === ENTRY_BYTES) ? leaves : undefined;
}

/** The headers of what is listed, where it is one. */
function headersOf({ segments, indices, odd }: Made, separator: Bytes): (Bytes | undefined)[] {
  const known = new Map(segments.map(({ header, hash }) => [toHex(hash), writeStatedHeader(stated(header))]));
  for (const { header } of odd.served ?? [])
    known.set(toHex(headerHash(crypto, separator, header)), writeStatedHeader(header));
  return [...indices].sort(([a], [b]) => a - b).map(([, hash]) => known.get(toHex(hash)));
}

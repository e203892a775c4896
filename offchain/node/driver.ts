import type { CommitOutcome } from "../chain/committer.ts";
import type { Accusation } from "../chain/courts.ts";
import { type Bytes, compare } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import type { CommittedPlace } from "../core/checkpoints.ts";
import { WeftError } from "../core/errors.ts";
import type { ChainUpdate, CommitResult, Effect, ProtocolEvent, Shown, StoreRecord } from "../core/events.ts";
import type { Evidence } from "../core/evidence.ts";
import { cutProofOf } from "../core/false-cut.ts";
import { foldAccusation } from "../core/false-memory.ts";
import type { Sealed } from "../core/pen.ts";
import type { Protocol } from "../core/protocol.ts";
import { encodeSet, type SetMember } from "../core/registry.ts";
import { decodeSegment, encodeSegment, type Segment, type TrackKey } from "../core/segment.ts";
import type { MeshPort } from "../mesh/types.ts";
import type { Failpoint } from "./failpoints.ts";
import type { RowBook } from "./row-book.ts";

export type DriverOptions = {
  protocol: Protocol;
  /** One transaction: durable when it returns, without a trace when it throws. */
  store: {
    write(records: readonly StoreRecord[]): void;
    segment(track: TrackKey, sequence: number): { bytes: Bytes } | undefined;
  };
  rows: RowBook;
  now(): number;
  failpoint: Failpoint;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
  onAccused(evidence: Evidence): void;
  /** The chain committed these numbers. */
  onCommitted(numbers: readonly number[]): void;
  /** The ledger takes no checkpoints any more, its successor does. */
  onRetired(successor: string): void;
  /** A commit of ours was mined. */
  onMined(number: number, segments: number, gas: bigint): void;
  /** What is in memory may not be on disk: the process must not go on. */
  onFatal(error: unknown): void;
};

export type ChainPort = {
  commit(checkpoint: Checkpoint, set: readonly bigint[], signatures: readonly Bytes[]): PromiseLike<CommitOutcome>;
  convict(evidence: Evidence): unknown;
  challenge(wanted: Shown["type"], at: CommittedPlace, onShown: (shown: Shown) => void): void;
  condemn(accusation: Accusation): unknown;
};

type Inbound = { segment: Segment; size: number; from: Bytes; done: () => void };

/** Hands the protocol what happens, and carries out what it decides: durable first, said second. */
export class Driver {
  readonly #o: DriverOptions;
  #mesh?: MeshPort;
  #chain?: ChainPort;
  #queue: Inbound[] = [];
  #scheduled = false;

  constructor(options: DriverOptions) {
    this.#o = options;
  }

  /** The mesh and the chain are made after what they serve. */
  connect(parts: { mesh?: MeshPort; chain?: ChainPort }): void {
    this.#mesh = parts.mesh ?? this.#mesh;
    this.#chain = parts.chain ?? this.#chain;
  }

  handle(event: ProtocolEvent): void {
    this.carryOut(this.#o.protocol.step(event, this.#o.now()));
  }

  /** Resolves once the segment was judged and, if taken, is on disk. @throws WeftError `malformed` */
  async receive(from: Bytes, bytes: Bytes): Promise<void> {
    const segment = decodeSegment(bytes);
    await new Promise<void>((done) => {
      this.#queue.push({ segment, size: bytes.length, from, done });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#drain());
    });
  }

  /** Everything that came in since the last time shares one fsync. */
  #drain(): void {
    this.#scheduled = false;
    const batch = this.#queue.sort((a, b) => compare(a.from, b.from));
    this.#queue = [];
    const now = this.#o.now();
    const effects: Effect[] = [];
    for (let at = 0; at < batch.length; ) {
      const { from } = batch[at];
      let end = at + 1;
      while (end < batch.length && compare(batch[end].from, from) === 0) end += 1;
      effects.push(...this.#o.protocol.step({ type: "segments", from, segments: batch.slice(at, end) }, now));
      at = end;
    }
    const isStored = ({ type }: Effect) => type === "store";
    this.carryOut([...effects.filter(isStored), ...effects.filter((effect) => !isStored(effect))]);
    for (const { done } of batch) done();
  }

  /** This worker's own segment: durable, then published. @throws when it could not be stored. */
  commitOwn({ segment, rows }: Sealed): void {
    this.handle({ type: "own", segment });
    const { operator, incarnation } = segment.header;
    for (const shipment of rows) {
      this.#o.rows.keep(segment.header, shipment.place, shipment.rows);
      this.#mesh?.publishRows({ operator, incarnation, ...shipment });
    }
  }

  follow(update: ChainUpdate): void {
    this.handle({ type: "chain", update });
  }

  /** In their order; what is to be stored together is stored in one write. */
  carryOut(effects: readonly Effect[]): void {
    for (let at = 0; at < effects.length; ) {
      const records: StoreRecord[] = [];
      for (let effect = effects[at]; effect?.type === "store"; effect = effects[++at]) records.push(effect.record);
      if (records.length > 0) {
        try {
          this.#o.store.write(records);
        } catch (error) {
          this.#o.onFatal(error);
          throw error;
        }
      } else this.#carryOut(effects[at++]);
    }
  }

  #carryOut(effect: Effect): void {
    const mesh = this.#mesh;
    switch (effect.type) {
      case "held": {
        const { header, snapshots } = effect.segment;
        mesh?.publishSegment(encodeSegment(effect.segment));
        this.#o.rows.segmentHeld(header, header.sequence, snapshots.length);
        break;
      }
      case "announce":
        mesh?.changed();
        break;
      case "ask":
        mesh?.ask(effect.id, effect.to, effect.question);
        break;
      case "forget":
        mesh?.forget(effect.id);
        break;
      case "reply":
        mesh?.reply(effect.ticket, effect.reply);
        break;
      case "relay":
        mesh?.relay(effect.by);
        break;
      case "peers":
        mesh?.setPeers(this.#o.protocol.following.reachable());
        break;
      case "spread":
        mesh?.publishEvidence(effect.evidence);
        this.#o.onAccused(effect.evidence);
        break;
      case "accuse":
        this.#chain?.convict(effect.evidence);
        break;
      case "condemn":
        this.#condemn(effect);
        break;
      case "unserved": {
        const what = `no peer serves the ${effect.tree} of checkpoint ${effect.number}, which is false or cannot be read`;
        this.#o.onFault("unserved", undefined, new WeftError("unserved", what));
        break;
      }
      case "challenge":
        this.#challenge(effect.wanted, effect.at);
        break;
      case "commit":
        this.#commit(effect.checkpoint, effect.set, effect.signatures);
        break;
      case "committed":
        this.#o.onCommitted(effect.numbers);
        break;
      case "fault":
        this.#o.onFault(effect.kind, effect.operator, effect.error);
    }
  }

  #condemn({ number, hash, lie }: Extract<Effect, { type: "condemn" }>): void {
    const { protocol, store, onFault } = this.#o;
    if (lie.type === "cut") {
      this.#chain?.condemn({ number, hash, court: "cut", proof: lie.proof });
      return;
    }
    const { crypto } = protocol.replica;
    const onDisk = (track: TrackKey, sequence: number) => {
      const stored = store.segment(track, sequence);
      return stored && decodeSegment(stored.bytes);
    };
    try {
      if (lie.type === "segments") {
        const snapshotsAt = (track: TrackKey, sequence: number) => onDisk(track, sequence)?.snapshots;
        const proof = cutProofOf(crypto, { ...lie.accusation, snapshotsAt });
        this.#chain?.condemn({ number, hash, court: "cut", proof });
        return;
      }
      const accusation = foldAccusation(crypto, lie, (at) => {
        const segment = onDisk(at, at.sequence);
        if (!segment) throw new WeftError("unknown_segment", "the segment that shows a false memory is not on disk");
        return segment;
      });
      this.#chain?.condemn({ number, hash, court: "fold", lie: accusation });
    } catch (error) {
      onFault("condemn", undefined, error);
    }
  }

  #challenge(wanted: Shown["type"], at: CommittedPlace): void {
    this.#chain?.challenge(wanted, at, (shown) => this.handle({ type: "shown", at, shown }));
  }

  #commit(checkpoint: Checkpoint, set: readonly SetMember[], signatures: readonly Bytes[]): void {
    const { failpoint, onFault, onMined, onRetired } = this.#o;
    failpoint("chain.before-commit");
    const report = (outcome: CommitResult) => this.handle({ type: "commit", outcome });
    this.#chain?.commit(checkpoint, encodeSet(set), signatures).then(
      (outcome) => {
        failpoint("chain.after-commit");
        if (outcome.type === "committed") onMined(checkpoint.number, checkpoint.segmentCount, outcome.gas);
        else if (outcome.type === "retired") onRetired(outcome.successor);
        else if (outcome.type === "refused" || outcome.type === "unreachable") {
          onFault("commit", undefined, new Error(outcome.reason));
          report({ type: "failed", reason: outcome.reason });
          return;
        }
        report({ type: outcome.type });
      },
      (error) => {
        onFault("commit", undefined, error);
        report({ type: "failed", reason: String(error) });
      },
    );
  }
}

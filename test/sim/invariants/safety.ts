import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import { type Advance, trackName } from "../../../offchain/core/cut.ts";
import type { StoreRecord } from "../../../offchain/core/events.ts";
import type { Proposal } from "../../../offchain/core/proposal.ts";
import type { Segment, TrackKey } from "../../../offchain/core/segment.ts";
import { decodeSnapshot } from "../../../offchain/core/snapshot.ts";
import type { ContractState, LedgerRecord } from "../contract-state.ts";
import { moneyFault } from "../contract-state.ts";
import { type NodeView, Violation } from "./types.ts";

/** What is watched all the time: nothing of this may ever be seen, whatever the faults. */
export class Safety {
  readonly #nodes: () => readonly NodeView[];
  /** What each honest pen sealed, by track: the one story there is of it. */
  readonly #sealed = new Map<string, Bytes[]>();
  /** Who has attested to what, by the checkpoint's hash. */
  readonly #attested = new Map<string, Set<string>>();
  /** How often each check was really made. */
  readonly checked = new Map<string, number>();

  constructor(nodes: () => readonly NodeView[]) {
    this.#nodes = nodes;
  }

  /** A check was really made. */
  count(invariant: string): void {
    this.checked.set(invariant, (this.checked.get(invariant) ?? 0) + 1);
  }

  #hold(invariant: string, holds: boolean, message: () => string): void {
    this.count(invariant);
    if (!holds) throw new Violation(invariant, message());
  }

  /** An honest pen is about to make a segment durable. If it is killed there, nobody or everybody may come to hold it. */
  sealing(node: NodeView, segment: Segment & { hash: Bytes }): void {
    const { header } = segment;
    const name = trackName(header);
    const story = this.#sealed.get(name) ?? [];
    this.#sealed.set(name, story);
    this.#hold(
      "S9",
      header.sequence === story.length + 1,
      () => `${node.name} sealed ${header.sequence} of its track twice`,
    );
    story.push(segment.hash);
    this.refers(node, segment);
  }

  /** It has; nothing was waited for. */
  sealed(node: NodeView, { header }: Segment): void {
    this.#hold(
      "L1",
      node.disk.segment(header, header.sequence) !== undefined,
      () => `${node.name} sealed a segment that is not on its disk`,
    );
  }

  /** A write is on an honest worker's disk. */
  stored(node: NodeView, records: readonly StoreRecord[]): void {
    for (const record of records)
      if (record.type === "segment") this.#storedSegment(node, record.segment, record.hash);
      else if (record.type === "base") this.#pruned(node, record.base);
      else if (record.type === "evidence")
        this.#hold(
          "S9",
          !this.#isHonest(record.operator),
          () => `${node.name} holds evidence against honest ${toHex(record.operator)}`,
        );
  }

  #storedSegment(node: NodeView, { header, signature }: Segment, hash: Bytes): void {
    const { crypto } = node.options;
    const signer = crypto.recover(hash, signature);
    this.#hold(
      "S3",
      signer !== undefined && this.keyOf(signer) === toHex(header.operator),
      () => `${node.name} took a segment that is not signed by a key of ${toHex(header.operator)}`,
    );
    const before =
      header.sequence - 1 === node.disk.base(header) ? undefined : node.disk.segment(header, header.sequence - 1);
    this.#hold(
      "S2",
      before === undefined ? header.sequence - 1 <= node.disk.base(header) : equal(before.hash, header.previous),
      () => `${node.name} took segment ${header.sequence} of ${trackName(header)} out of its order`,
    );
    const story = this.#sealed.get(trackName(header));
    const said = story?.[header.sequence - 1];
    if (this.#isHonest(header.operator) && said)
      this.#hold(
        "S4",
        equal(said, hash),
        () => `${node.name} holds another segment ${header.sequence} than its honest author wrote`,
      );
  }

  /** Nothing is forgotten that somebody may still ask for: it was committed, and its time is over. */
  #pruned(node: NodeView, { operator, incarnation, sequence }: Advance): void {
    const { protocol } = node;
    if (!protocol || sequence === 0) return;
    const { consensus, following } = protocol;
    for (let number = consensus.latest.checkpoint.number; number > 0; number--) {
      const cut = consensus.committed(number)?.cut;
      if (!cut) return; // too long ago to be remembered, so to be asked for
      if ((cut.entry({ operator, incarnation })?.sequence ?? 0) < sequence) {
        const next = consensus.committed(number + 1);
        const at = following.committedAt(number + 1);
        const over =
          next !== undefined && at !== undefined && at + node.options.challengeWindowSeconds <= following.time;
        this.#hold(
          "S7",
          over,
          () => `${node.name} forgot segment ${sequence} of ${toHex(operator)}, which is not final`,
        );
        return;
      }
    }
  }

  /** What an honest worker proposes is held by more than 2/3 of the stake: beats follow what is durable. */
  proposes(node: NodeView, { advances }: Proposal): void {
    const registry = node.protocol?.replica.registry;
    if (!registry) return;
    for (const { operator, incarnation, sequence } of advances) {
      let stake = 0n;
      for (const other of this.#nodes())
        if (
          !other.honest ||
          other.disk.restored ||
          other.disk.segment({ operator, incarnation }, sequence) ||
          other.disk.base({ operator, incarnation }) >= sequence
        )
          stake += registry.stakeOfOperator(other.operator);
      this.#hold(
        "S5",
        registry.isQuorum(stake),
        () => `${node.name} proposes segment ${sequence} of ${toHex(operator)}, which too few hold`,
      );
    }
  }

  /** Owner of a key, as any fork of the chain has ever had it. To be set by whoever knows the chain. */
  keyOf: (signer: Bytes) => string | undefined = () => undefined;

  #isHonest(operator: Bytes): boolean {
    return this.#nodes().some((node) => node.honest && equal(node.operator, operator));
  }

  /** An honest worker's signature under this checkpoint leaves it. */
  attests(node: NodeView, { checkpoint, advances }: Proposal, hash: Bytes): void {
    this.#hold(
      "S7",
      node.disk.attested(checkpoint.number).some((one) => equal(one, hash)),
      () => `${node.name} attested to ${checkpoint.number} before that was on its disk`,
    );
    const parent = node.protocol?.consensus.committed(checkpoint.number - 1)?.cut;
    for (const { operator, incarnation, sequence, head } of advances) {
      const track = { operator, incarnation };
      const from = Math.max(parent?.entry(track)?.sequence ?? 0, node.disk.base(track));
      for (let at = from + 1; at <= sequence; at++) {
        const held = node.disk.segment(track, at);
        this.#hold(
          "S7",
          held !== undefined && (at < sequence || equal(held.hash, head)),
          () => `${node.name} attested to segment ${at} of ${trackName(track)} that is not on its disk`,
        );
      }
    }
    const name = toHex(hash);
    this.#attested.set(name, (this.#attested.get(name) ?? new Set()).add(node.name));
  }

  /** The chain, on the fork that now counts, took a transaction. */
  chain(state: ContractState): void {
    const fault = moneyFault(state);
    this.#hold("S12", fault === undefined, () => fault as string);
    for (const record of state.operators.values())
      if (record.status === "convicted")
        this.#hold("S9", !this.#isHonest(record.owner), () => `honest ${toHex(record.owner)} was convicted`);
  }

  /** A checkpoint was committed. `previous` is the one before it on that fork. */
  committed(record: LedgerRecord, previous: LedgerRecord): void {
    const { checkpoint, hash, signers, set } = record;
    this.#hold(
      "S6",
      equal(checkpoint.parent, previous.hash) && checkpoint.number === previous.checkpoint.number + 1,
      () => `checkpoint ${checkpoint.number} does not follow the one before it`,
    );
    const stakeOf = (signer: Bytes) => set.find((member) => equal(member.signer, signer))?.stake ?? 0n;
    const unique = new Set(signers.map(toHex));
    const stake = signers.reduce((sum, signer) => sum + stakeOf(signer), 0n);
    const total = set.reduce((sum, member) => sum + member.stake, 0n);
    this.#hold(
      "S5",
      unique.size === signers.length && stake * 3n > total * 2n,
      () => `checkpoint ${checkpoint.number} was committed without a quorum`,
    );
    const attesters = this.#attested.get(toHex(hash)) ?? new Set<string>();
    for (const node of this.#nodes()) {
      if (!node.honest) continue;
      const signed = signers.some((signer) => this.keyOf(signer) === toHex(node.operator));
      if (signed)
        this.#hold(
          "S5",
          attesters.has(node.name),
          () => `${node.name}'s signature stands under ${checkpoint.number}, to which it never attested`,
        );
    }
  }

  /** The cut of a checkpoint that honest workers hold as committed: complete, in its order, and nowhere back. */
  cuts(node: NodeView): void {
    const { protocol } = node;
    if (!protocol || !node.honest) return;
    const { consensus } = protocol;
    for (
      let number = Math.max(1, consensus.latest.checkpoint.number - 3);
      number <= consensus.latest.checkpoint.number;
      number++
    ) {
      const [parent, own] = [consensus.committed(number - 1)?.cut, consensus.committed(number)?.cut];
      if (!parent || !own) continue;
      const position = consensus.committed(number)?.checkpoint.registryPosition ?? 0;
      const registry = protocol.replica.registryAt(position);
      let first = 0;
      for (const [slot, entry] of own.entries.entries()) {
        const before = parent.entries[slot];
        this.#hold(
          "S6",
          (before?.sequence ?? 0) <= entry.sequence && !(before?.ended && before.sequence !== entry.sequence),
          () => `checkpoint ${number} takes ${trackName(entry)} back, or goes on with it after its end`,
        );
        this.#hold(
          "S6",
          entry.ended === ((before?.ended ?? false) || (registry?.isEnded(entry.operator) ?? false)),
          () => `checkpoint ${number} ends other tracks than its registry position does`,
        );
        this.#hold("S2", entry.first === first, () => `checkpoint ${number} counts a segment twice, or leaves one out`);
        first += entry.sequence - (before?.sequence ?? 0);
        const story = this.#sealed.get(trackName(entry));
        if (story && this.#isHonest(entry.operator) && entry.sequence > 0)
          this.#hold(
            "S4",
            story[entry.sequence - 1] !== undefined && equal(story[entry.sequence - 1] as Bytes, entry.head),
            () => `checkpoint ${number} holds something that honest ${toHex(entry.operator)} never wrote`,
          );
      }
      this.#hold(
        "S2",
        consensus.committed(number)?.checkpoint.segmentCount === first,
        () => `checkpoint ${number} counts other segments than its cut has`,
      );
    }
  }

  /** An honest author's turn goes on from what a checkpoint has, so nothing that it stands on can vanish. */
  refers(node: NodeView, { snapshots }: Segment): void {
    const { protocol } = node;
    if (!protocol) return;
    for (const { body } of snapshots) {
      const snapshot = decodeSnapshot(body);
      if (snapshot.type !== "open" || !snapshot.parent) continue;
      const { checkpoint, turn, position } = snapshot.parent;
      const committed = protocol.consensus.committed(checkpoint.number);
      const parent = protocol.replica.turn(turn);
      const entry = parent && committed?.cut?.entry(parent.track);
      const reached = parent?.runs.filter((run) => run.place.sequence <= (entry?.sequence ?? 0)).at(-1);
      this.#hold(
        "L6",
        committed !== undefined &&
          equal(committed.hash, checkpoint.hash) &&
          reached !== undefined &&
          position <= reached.first + reached.ids.length,
        () => `${node.name} goes on from tokens that checkpoint ${checkpoint.number} does not have`,
      );
    }
  }

  /** Whoever knows of a contradiction takes nothing more of its author, but what a quorum committed. */
  bounded(node: NodeView, key: TrackKey, sequence: number): void {
    const { protocol } = node;
    if (!protocol || !node.honest) return;
    const committed = protocol.consensus.latest.cut?.entry(key)?.sequence ?? 0;
    if (!protocol.replica.evidence.has(toHex(key.operator))) return;
    this.#hold(
      "L6",
      sequence <= committed,
      () => `${node.name} took segment ${sequence} of an operator that it knows to lie`,
    );
  }
}

import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import { type Cut, trackName } from "../../../offchain/core/cut.ts";
import type { Proposal } from "../../../offchain/core/proposal.ts";
import { type ContractState, type LedgerRecord, moneyFault } from "../contract-state.ts";
import { latestFinal, standing } from "../fate-contract.ts";
import type { Seen } from "./seen.ts";
import type { NodeView } from "./types.ts";

/** How many of the latest checkpoints have their cuts looked at with every word from the chain. */
const WATCHED = 4;

/** What honest workers propose, sign and find committed, and what the chain takes, watched all the time. */
export class Checkpoints {
  readonly #seen: Seen;
  /** Cuts that were looked at, with what came before them. */
  readonly #looked = new WeakMap<Cut, { parent: Cut; hash: Bytes }>();

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  /** What an honest worker proposes is held by more than 2/3 of the stake: beats follow what is durable. */
  proposes(node: NodeView, { advances }: Proposal): void {
    const registry = node.protocol?.replica.registry;
    if (!registry) return;
    for (const { operator, incarnation, sequence } of advances) {
      const holders = this.#seen
        .nodes()
        .filter(
          ({ honest, disk }) =>
            !honest ||
            disk.restored ||
            disk.segment({ operator, incarnation }, sequence) ||
            disk.base({ operator, incarnation }) >= sequence,
        );
      // Of two processes of one operator one is enough.
      const operators = new Map(holders.map((holder) => [toHex(holder.operator), holder.operator]));
      const stake = [...operators.values()].reduce((sum, holder) => sum + registry.stakeOfOperator(holder), 0n);
      this.#seen.hold(
        "S5",
        registry.isQuorum(stake),
        () => `${node.name} proposes segment ${sequence} of ${toHex(operator)}, which too few hold`,
      );
    }
  }

  /** An honest worker's signature under this checkpoint leaves it. */
  attests(node: NodeView, { checkpoint, advances }: Proposal, hash: Bytes): void {
    this.#seen.hold(
      "S7",
      node.disk.attested(checkpoint.number).some((one) => equal(one, hash)),
      () => `${node.name} attested to ${checkpoint.number} before that was on its disk`,
    );
    const parent = cutOf(node, checkpoint.parent, checkpoint.number);
    for (const { operator, incarnation, sequence, head } of advances) {
      const track = { operator, incarnation };
      const from = Math.max(parent?.entry(track)?.sequence ?? 0, node.disk.base(track));
      for (let at = from + 1; at <= sequence; at++) {
        const held = node.disk.segment(track, at);
        this.#seen.hold(
          "S7",
          held !== undefined && (at < sequence || equal(held.hash, head)),
          () => `${node.name} attested to segment ${at} of ${trackName(track)} that is not on its disk`,
        );
      }
    }
    const name = toHex(hash);
    this.#seen.attested.set(name, (this.#seen.attested.get(name) ?? new Set()).add(node.name));
  }

  /** The chain, on the fork that now counts, took a transaction. */
  chain(state: ContractState): void {
    const fault = moneyFault(state);
    this.#seen.hold("S12", fault === undefined, () => fault as string);
    for (const record of state.operators.values())
      if (record.status === "convicted")
        this.#seen.hold("S9", !this.#seen.isHonest(record.owner), () => `honest ${toHex(record.owner)} was convicted`);
  }

  /** A checkpoint was committed, when `previous` was the latest that stood on that fork, and `next` the number to come. */
  committed(record: LedgerRecord, previous: LedgerRecord, next: number): void {
    const { checkpoint, hash, signers, set } = record;
    this.#seen.hold(
      "S6",
      equal(checkpoint.parent, previous.hash) && checkpoint.number === next,
      () => `checkpoint ${checkpoint.number} does not follow the latest that stands`,
    );
    const stakeOf = (signer: Bytes) => set.find((member) => equal(member.signer, signer))?.stake ?? 0n;
    const unique = new Set(signers.map(toHex));
    const stake = signers.reduce((sum, signer) => sum + stakeOf(signer), 0n);
    const total = set.reduce((sum, member) => sum + member.stake, 0n);
    this.#seen.hold(
      "S5",
      unique.size === signers.length && stake * 3n > total * 2n,
      () => `checkpoint ${checkpoint.number} was committed without a quorum`,
    );
    const attesters = this.#seen.attested.get(toHex(hash)) ?? new Set<string>();
    const nodes = this.#seen.nodes();
    for (const node of nodes) {
      if (!node.honest) continue;
      const signed = signers.some((signer) => this.#seen.keyOf(signer) === toHex(node.operator));
      if (signed)
        this.#seen.hold(
          "S5",
          nodes.some(({ name, operator }) => attesters.has(name) && equal(operator, node.operator)),
          () => `${node.name}'s signature stands under ${checkpoint.number}, to which it never attested`,
        );
    }
  }

  /** An honest worker has read the chain to where this is so: what fell has fallen for it, and what is final is final. */
  follows({ name, protocol }: NodeView, state: ContractState, time: number): void {
    if (!protocol) return;
    const { consensus, following } = protocol;
    const stands = state.checkpoints.flatMap(({ fallen, checkpoint }) => (fallen ? [] : [checkpoint.number]));
    this.#seen.hold(
      "S6",
      consensus.standing.join() === stands.join() && equal(consensus.latest.hash, standing(state).hash),
      () => `${name} takes ${consensus.standing.slice(-4)} for what stands, and the chain has ${stands.slice(-4)}`,
    );
    const final = latestFinal({ state, time });
    this.#seen.hold(
      "S6",
      following.final === final,
      () => `${name} takes ${following.final} for the latest that is final, and on the chain it is ${final}`,
    );
  }

  /** The cut of a checkpoint that honest workers hold as committed: complete, in its order, and nowhere back. */
  cuts(node: NodeView): void {
    const { protocol } = node;
    if (!protocol || !node.honest) return;
    const { consensus } = protocol;
    for (const number of consensus.standing.slice(1).slice(-WATCHED)) {
      const own = consensus.committed(number);
      const parent = own && consensus.committed(own.parent)?.cut;
      if (!parent || !own?.cut) continue;
      const looked = this.#looked.get(own.cut);
      if (looked?.parent === parent && looked.hash === own.hash) continue;
      this.#looked.set(own.cut, { parent, hash: own.hash });
      const { registryPosition, segmentCount } = own.checkpoint;
      const registry = protocol.replica.registryAt(registryPosition);
      let first = 0;
      for (const [slot, entry] of own.cut.entries.entries()) {
        const before = parent.entries[slot];
        this.#seen.hold(
          "S6",
          (before?.sequence ?? 0) <= entry.sequence && !(before?.ended && before.sequence !== entry.sequence),
          () => `checkpoint ${number} takes ${trackName(entry)} back, or goes on with it after its end`,
        );
        this.#seen.hold(
          "S6",
          entry.ended === ((before?.ended ?? false) || (registry?.isEnded(entry.operator) ?? false)),
          () => `checkpoint ${number} ends other tracks than its registry position does`,
        );
        this.#seen.hold(
          "S2",
          entry.first === first,
          () => `checkpoint ${number} counts a segment twice, or leaves one out`,
        );
        first += entry.sequence - (before?.sequence ?? 0);
        const story = this.#seen.sealed.get(trackName(entry));
        if (story && this.#seen.isHonest(entry.operator) && entry.sequence > 0)
          this.#seen.hold(
            "S4",
            story[entry.sequence - 1] !== undefined && equal(story[entry.sequence - 1] as Bytes, entry.head),
            () => `checkpoint ${number} holds something that honest ${toHex(entry.operator)} never wrote`,
          );
      }
      this.#seen.hold(
        "S2",
        segmentCount === first,
        () => `checkpoint ${number} counts other segments than its cut has`,
      );
    }
  }
}

/** The cut of a checkpoint of before `number`: not always of the number before, and it may have fallen. */
function cutOf({ protocol }: NodeView, hash: Bytes, number: number): Cut | undefined {
  for (let at = number - 1; at >= 0; at--) {
    const committed = protocol?.consensus.committed(at);
    if (committed && equal(committed.hash, hash)) return committed.cut;
  }
  return undefined;
}

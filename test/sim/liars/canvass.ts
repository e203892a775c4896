import { type Bytes, compare, toHex } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../../offchain/core/checkpoint.ts";
import { type Advance, checkpointOf } from "../../../offchain/core/cut.ts";
import type { Answer } from "../../../offchain/core/events.ts";
import type { Lesson } from "../../../offchain/core/fold.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import type { Proposal } from "../../../offchain/core/proposal.ts";
import { encodeSet, type Registry } from "../../../offchain/core/registry.ts";
import type { MeshPort } from "../../../offchain/mesh/types.ts";
import type { ChainPort } from "../../../offchain/node/driver.ts";
import type { Life } from "../life.ts";

/** Far from what the honest worker asks. */
const FIRST_ID = 1_000_000_000;

type Round = { checkpoint: Checkpoint; hash: Bytes; registry: Registry; signatures: Map<string, Bytes> };

/** Asks for attestations to anything, and has it committed when a quorum gives them. */
export class Canvass {
  readonly #life: Life;
  readonly #wire: () => MeshPort;
  readonly #hand: () => ChainPort;
  readonly #rounds = new Map<number, Round>();
  #ids = FIRST_ID;
  /** Attestations of others that it got, and checkpoints that it sent to the chain. */
  attested = 0;
  committed = 0;

  constructor(life: Life, wire: () => MeshPort, hand: () => ChainPort) {
    this.#life = life;
    this.#wire = wire;
    this.#hand = hand;
  }

  ask({ checkpoint, advances }: Proposal, peers: readonly Bytes[]): void {
    const { options, signer } = this.#life.spec;
    const { registry } = this.#life.protocol.replica;
    const hash = checkpointHash(options.crypto, options.separator, checkpoint);
    const signatures = new Map([[toHex(signer.address), signer.sign(hash)]]);
    const round = { checkpoint, hash, registry, signatures };
    for (const peer of peers) {
      const id = ++this.#ids;
      this.#rounds.set(id, round);
      this.#wire().ask(id, peer, { type: "attest", proposal: { checkpoint, advances } });
    }
  }

  /** Whether this is an answer to a question of ours. */
  take(id: number, answer: Answer): boolean {
    const round = this.#rounds.get(id);
    this.#rounds.delete(id);
    if (round && answer.type === "attest" && answer.reply.type === "attested")
      this.#count(round, answer.reply.signature);
    return round !== undefined;
  }

  #count({ checkpoint, hash, registry, signatures }: Round, signature: Bytes): void {
    const { crypto } = this.#life.spec.options;
    const signer = crypto.recover(hash, signature);
    if (!signer || signatures.has(toHex(signer))) return;
    this.attested += 1;
    signatures.set(toHex(signer), signature);
    const counted = registry.set.filter((member) => signatures.has(toHex(member.signer)));
    const before = counted.reduce((sum, { stake }) => sum + stake, 0n) - registry.stakeOf(signer);
    if (registry.isQuorum(before) || !registry.isQuorum(before + registry.stakeOf(signer))) return;
    const sorted = counted.map((member) => member.signer).sort(compare);
    this.committed += 1;
    const said = sorted.map((one) => signatures.get(toHex(one)) as Bytes);
    this.#hand()
      .commit(checkpoint, encodeSet(registry.set), said)
      .then(() => {});
  }
}

/**
 * What an honest worker would propose, of these advances only; what nobody holds is made up.
 * Undefined when the tracks do not go that way from the latest cut.
 * @param twist what becomes of what its segments teach
 */
export function proposalOf(
  life: Life,
  advances: readonly Advance[],
  madeUp: () => Bytes,
  twist: (lesson: Lesson) => Lesson | undefined = (lesson) => lesson,
): Proposal | undefined {
  const { replica, consensus } = life.protocol;
  const { cut, ...latest } = consensus.latest;
  const { crypto, registry } = replica;
  if (!cut || advances.length === 0) return undefined;
  try {
    const next = cut.extend(crypto, advances, (operator) => registry.isEnded(operator));
    const { checkpoint } = checkpointOf(
      crypto,
      { ...latest, cut, memories: latest.memories ?? Memories.empty(crypto) },
      next,
      registry,
      {
        hashAt: (track, at) => replica.track(track)?.hashAt(at) ?? madeUp(),
        lessonAt: (track, at) => {
          const lesson = replica.track(track)?.lessonAt(at);
          return lesson && twist(lesson);
        },
      },
    );
    return { checkpoint, advances };
  } catch {
    return undefined;
  }
}

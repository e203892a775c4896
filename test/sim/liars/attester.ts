import { type Bytes, equal } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../../offchain/core/checkpoint.ts";
import type { Advance } from "../../../offchain/core/cut.ts";
import type { AttestReply, Proposal } from "../../../offchain/core/proposal.ts";
import type { PeerHandlers } from "../../../offchain/mesh/types.ts";
import type { ChainPort } from "../../../offchain/node/driver.ts";
import { Canvass, proposalOf } from "./canvass.ts";
import { Liar } from "./liar.ts";

/** More than one checkpoint admits of one operator. */
const CROWD = 6;

type Falsehood = (proposal: Proposal) => Proposal | undefined;

/**
 * Attests to whatever it is asked, without holding or checking; proposes checkpoints with wrong roots, another cut, tracks left
 * out, doubled, ended, too many, too far or taken back, at old registry positions; commits whatever it gets signatures for, and
 * with too few or the same ones twice. Attacks S5 and S6: nobody honest signs what is false, and without them nothing is
 * committed.
 */
export class FalseAttester extends Liar {
  readonly #canvass = new Canvass(
    this.life,
    () => this.wire,
    () => this.hand,
  );

  override start(): void {
    this.often(2_000, () => this.#propose());
    this.often(8_000, () => {
      const scribe = this.scribe();
      scribe.turn(1);
      this.own(scribe.seal());
    });
  }

  override handlers(honest: PeerHandlers): PeerHandlers {
    const seen = super.handlers(honest);
    return {
      ...seen,
      answered: (id, answer) => {
        if (!this.#canvass.take(id, answer)) return seen.answered(id, answer);
      },
      attest: (from, ticket, proposal) => {
        if (this.hushed || this.random.chance(0.15)) return honest.attest(from, ticket, proposal);
        const reply = this.#reply(proposal);
        this.wire.reply(ticket, reply);
        if (this.random.chance(0.1)) this.wire.reply(ticket, this.#reply(proposal));
      },
    };
  }

  #reply({ checkpoint }: Proposal): AttestReply {
    const { options, signer } = this.life.spec;
    const hashOf = (one: Checkpoint) => checkpointHash(options.crypto, options.separator, one);
    const lie = this.random.pick(["blind", "blind", "blind", "noise", "another"] as const);
    this.note(`${lie} attestation`);
    if (lie === "noise") return { type: "attested", signature: this.random.bytes(65) };
    const signed = lie === "blind" ? checkpoint : { ...checkpoint, number: checkpoint.number + 1 };
    return { type: "attested", signature: signer.sign(hashOf(signed)) };
  }

  override chain(honest: ChainPort): ChainPort {
    return {
      ...super.chain(honest),
      commit: (checkpoint, set, signatures) => {
        if (this.hushed || this.random.chance(0.5)) return honest.commit(checkpoint, set, signatures);
        const lie = this.random.pick(["fewer", "twice", "another", "disorder"] as const);
        this.note(`commit with ${lie}`);
        const [first] = signatures;
        if (lie === "fewer") return honest.commit(checkpoint, set, signatures.slice(0, this.random.int(0, 1)));
        if (lie === "twice")
          return honest.commit(
            checkpoint,
            set,
            signatures.map(() => first),
          );
        if (lie === "disorder") return honest.commit(checkpoint, set, [...signatures].reverse());
        return honest.commit({ ...checkpoint, cutRoot: this.random.bytes(32) }, set, signatures);
      },
    };
  }

  #propose(): void {
    const base = this.life.protocol.consensus.propose()?.proposal ?? this.#nothingNew();
    if (!base) return;
    const name = this.random.pick(Object.keys(this.#falsehoods));
    const proposal = this.#falsehoods[name](base);
    if (!proposal) return;
    this.note(`proposed ${name}`);
    this.#canvass.ask(proposal, this.peers());
  }

  /** Where there is nothing to propose, lies are about the checkpoint alone. */
  #nothingNew(): Proposal | undefined {
    const heads = this.life.protocol.replica.heads.all();
    return proposalOf(this.life, heads.slice(0, 1), () => this.random.bytes(32));
  }

  #made(advances: readonly Advance[]): Proposal | undefined {
    return proposalOf(this.life, advances, () => this.random.bytes(32));
  }

  readonly #falsehoods: Readonly<Record<string, Falsehood>> = {
    "another root": ({ checkpoint, advances }) => {
      const roots = ["cutRoot", "segmentsRoot", "memoryRoot", "memoryTraceRoot", "registryHash"] as const;
      return { checkpoint: { ...checkpoint, [this.random.pick(roots)]: this.random.bytes(32) }, advances };
    },
    "another count": ({ checkpoint, advances }) => {
      const count = this.random.pick(["entryCount", "segmentCount"] as const);
      return { checkpoint: { ...checkpoint, [count]: this.random.pick([0, checkpoint[count] + 1]) }, advances };
    },
    "another number": ({ checkpoint, advances }) => {
      const number = this.random.pick([0, checkpoint.number - 1, checkpoint.number + 1, Number.MAX_SAFE_INTEGER]);
      return { checkpoint: { ...checkpoint, number }, advances };
    },
    "another parent": ({ checkpoint, advances }) => {
      return { checkpoint: { ...checkpoint, parent: this.random.bytes(32) }, advances };
    },
    "an old position": ({ checkpoint, advances }) => {
      const registryPosition = this.random.int(0, checkpoint.registryPosition);
      const hash = this.life.protocol.replica.registryAt(registryPosition)?.hash;
      return hash && { checkpoint: { ...checkpoint, registryPosition, registryHash: hash }, advances };
    },
    "a track that is in the cut only": ({ checkpoint, advances }) => {
      return { checkpoint, advances: advances.slice(1) };
    },
    "a track twice": ({ checkpoint, advances }) => {
      return { checkpoint, advances: [...advances, this.random.pick(advances)] };
    },
    "fewer tracks": ({ advances }) => this.#made(this.random.shuffle(advances).slice(1)),
    "too many new tracks": ({ advances }) => {
      const crowd = Array.from({ length: CROWD }, () => this.#madeUp(1));
      const { replica } = this.life.protocol;
      const own = replica.heads.all().filter(({ operator }) => equal(operator, this.self));
      return this.#made([...advances, ...(own.length > CROWD ? own : crowd)]);
    },
    "segments that nobody holds": ({ advances }) => {
      const [first, ...rest] = this.random.shuffle(advances);
      return this.#made([{ ...first, sequence: first.sequence + 3, head: this.random.bytes(32) }, ...rest]);
    },
    "a track taken back": ({ checkpoint, advances }) => {
      const back = advances.map((advance) => ({ ...advance, sequence: this.random.int(0, advance.sequence) }));
      return { checkpoint, advances: back };
    },
    "another fork": ({ advances }) => {
      return this.#made(advances.map((advance) => ({ ...advance, head: this.random.bytes(32) })));
    },
    "a track that is over": ({ checkpoint, advances }) => {
      const over = this.life.protocol.consensus.latest.cut?.entries.find(({ ended }) => ended);
      return over && { checkpoint, advances: [...advances, { ...over, sequence: over.sequence + 1 }] };
    },
    "a stranger's track": ({ advances }) =>
      this.#made([...advances, { ...this.#madeUp(1), operator: this.random.bytes(20) }]),
  };

  #madeUp(sequence: number): Advance {
    const operator: Bytes = this.self;
    return { operator, incarnation: this.random.bytes(16), sequence, head: this.random.bytes(32) };
  }
}

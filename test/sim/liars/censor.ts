import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import type { AttestReply, Proposal } from "../../../offchain/core/proposal.ts";
import type { MeshPort, PeerHandlers } from "../../../offchain/mesh/types.ts";
import { Canvass, proposalOf } from "./canvass.ts";
import { Liar } from "./liar.ts";

const CODES = ["censoring", "stale", "behind", "registry", "false", "shape", "too_large", "empty", "unheard-of"];

/**
 * Leaves one operator's tracks out whenever it proposes, refuses whatever contains them, and says what is not so about why.
 * Attacks the censored one's checkpoints: below capacity others refuse such cuts once what they leave out is old, and the next
 * proposer takes it in (L4).
 */
export class Censor extends Liar {
  #victim?: Bytes;
  /** The proposal of the honest worker in it that was replaced last. */
  #replaced = "";
  readonly #canvass = new Canvass(
    this.life,
    () => this.wire,
    () => this.hand,
  );

  #isVictim(operator: Bytes): boolean {
    if (!this.#victim) {
      const others = this.life.protocol.following.reachable().filter((one) => !equal(one.operator, this.self));
      if (others.length > 0) this.#victim = this.random.pick(others).operator;
    }
    return this.#victim !== undefined && equal(operator, this.#victim);
  }

  #contains({ advances }: Proposal): boolean {
    return advances.some(({ operator }) => this.#isVictim(operator));
  }

  override mesh(honest: MeshPort): MeshPort {
    return {
      ...super.mesh(honest),
      ask: (id, to, question) => {
        if (this.hushed || question.type !== "attest" || !this.#contains(question.proposal))
          return honest.ask(id, to, question);
        this.#replace(question.proposal);
      },
    };
  }

  /** Once for all who would have been asked. */
  #replace(proposal: Proposal): void {
    const name = toHex(proposal.checkpoint.cutRoot);
    if (this.#replaced === name) return;
    this.#replaced = name;
    const advances = proposal.advances.filter(({ operator }) => !this.#isVictim(operator));
    const censored = proposalOf(this.life, advances, () => this.random.bytes(32));
    this.note(censored ? "left out" : "kept from everybody");
    if (censored) this.#canvass.ask(censored, this.peers());
  }

  override handlers(honest: PeerHandlers): PeerHandlers {
    const seen = super.handlers(honest);
    return {
      ...seen,
      answered: (id, answer) => {
        if (!this.#canvass.take(id, answer)) return seen.answered(id, answer);
      },
      attest: (from, ticket, proposal) => {
        if (this.hushed || !this.#contains(proposal)) return honest.attest(from, ticket, proposal);
        this.wire.reply(ticket, this.#refusal(proposal));
      },
    };
  }

  #refusal({ advances }: Proposal): AttestReply {
    const { random } = this;
    const lie = random.pick(["refused", "missing", "evidence"] as const);
    this.note(`${lie} without a reason`);
    switch (lie) {
      case "refused":
        return { type: "refused", code: random.pick(CODES), message: "it is not to be" };
      case "missing":
        return {
          type: "missing",
          tracks: advances.map(({ operator, incarnation }) => ({ operator, incarnation, have: random.int(0, 9) })),
        };
      case "evidence": {
        // Two headers of which at most one is signed.
        const track = this.life.protocol.replica.track(random.pick(advances));
        const signed = track?.signedAt(track.sequence);
        if (!signed) return { type: "refused", code: "evidence", message: "" };
        const other = { ...signed.header, snapshotsRoot: random.bytes(32) };
        return { type: "evidence", evidence: { a: signed, b: { header: other, signature: signed.signature } } };
      }
    }
  }
}

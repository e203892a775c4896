import { encodeFunctionData } from "viem";
import { type Bytes, fromHex, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { foldCourtAbi, operatorRegistryAbi } from "./abi.ts";
import { type Attestation, attestationsOf, type CommitSource } from "./attestations.ts";
import { type ConvictOutcome, convict, delayed, PASSING } from "./conviction.ts";
import { Docket } from "./docket.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Call, Sender } from "./sender.ts";

/** A checkpoint, and the call by which a court finds it false. */
export type Indictment = { number: number; hash: Bytes; call: Call };

type Named = { number: number; hash: Bytes };
export type CondemnOutcome =
  | (Named & { type: "condemned"; txHash: Hex; gas: bigint })
  /** Condemned before, or by somebody else. */
  | (Named & { type: "already" })
  /** The court will never take it. */
  | (Named & { type: "refused"; reason: string })
  | (Named & { type: "stopped" });

export type ProsecutorOptions = Persistence &
  CommitSource & {
    sender: Sender;
    registry: Hex;
    /** Words of the operator set as the follower knows it now. */
    set(): readonly bigint[];
    /** The set is another one by now. */
    onChange(): void;
    onCondemned(outcome: CondemnOutcome): void;
    onConvicted(outcome: ConvictOutcome): void;
  };

/** What all courts about checkpoints have in common. */
const COURT = foldCourtAbi;

/**
 * Has a court condemn a false checkpoint, and then everybody convicted whose signature stands in its commit, one
 * transaction each. Again when a reorganisation takes any of it back. Nothing here ever throws.
 */
export class Prosecutor {
  readonly #o: ProsecutorOptions;
  readonly #docket: Docket<Indictment, CondemnOutcome>;

  constructor(options: ProsecutorOptions) {
    this.#o = options;
    this.#docket = new Docket({
      pursue: (one) => this.#pursue(one),
      isSettled: ({ type }) => type !== "refused",
      onOutcome() {}, // it is told before the convictions
    });
  }

  /** One case per checkpoint and court. Resolves when all attesters are convicted, too. */
  condemn(one: Indictment): Promise<CondemnOutcome> {
    return this.#docket.bring(`${one.call.to} ${toHex(one.hash)}`, one);
  }

  /** The chain took something back: every verdict is looked at again. */
  reopen(): void {
    this.#docket.reopen();
  }

  async #pursue(one: Indictment): Promise<CondemnOutcome> {
    const { rpc, pollMs, onCondemned, onConvicted } = this.#o;
    const { number, hash } = one;
    // Many workers find the same; the first to wake spares the others a transaction.
    await rpc.pause(Math.random() * pollMs);
    const claim = `checkpoint ${number} is not condemned yet`;
    const outcome = await persist(this.#o, { code: "condemnation_delayed", claim }, () => this.#condemn(one));
    if (!outcome) return { type: "stopped", number, hash };
    onCondemned(outcome);
    if (outcome.type === "refused") return outcome;
    const unknown = { code: "conviction_delayed", claim: `the attesters of checkpoint ${number} are not known yet` };
    const attestations = await persist(this.#o, unknown, () => attestationsOf(this.#o, one));
    // All at once: nobody is spared because another's case takes long.
    const verdicts = (attestations ?? []).map(async (attestation) => {
      const verdict = await this.#convict(one, attestation);
      if (verdict && verdict.type !== "uncondemned") onConvicted(verdict);
      return verdict?.type;
    });
    // A reorganisation took the condemnation back.
    return (await Promise.all(verdicts)).includes("uncondemned") ? this.#pursue(one) : outcome;
  }

  /** An outcome, or why to try again. */
  async #condemn({ number, hash, call }: Indictment): Promise<CondemnOutcome | string> {
    if (await this.#isCondemned(call.to, hash)) return { type: "already", number, hash };
    const sent = await this.#o.sender.send(call);
    if (sent.type === "mined") return { type: "condemned", number, hash, txHash: sent.txHash, gas: sent.gas };
    if (sent.type !== "reverted" || PASSING.has(sent.name)) return sent.message;
    // Somebody else may have been faster.
    if (await this.#isCondemned(call.to, hash)) return { type: "already", number, hash };
    return { type: "refused", number, hash, reason: sent.message };
  }

  #isCondemned(court: Hex, hash: Bytes): Promise<boolean> {
    return readContract(this.#o.rpc, court, COURT, "condemned", [toHex(hash)]);
  }

  /** Nothing when the worker stops. */
  async #convict(
    { hash, call: { to } }: Indictment,
    { signer, signature }: Attestation,
  ): Promise<ConvictOutcome | { type: "uncondemned" } | undefined> {
    const { set, onChange } = this.#o;
    const operator = await persist(this.#o, delayed(signer), async () => ({ is: await this.#operatorOf(signer) }));
    if (!operator) return undefined;
    return persist(this.#o, delayed(operator.is), async () => {
      if (!(await this.#isCondemned(to, hash))) return { type: "uncondemned" } as const;
      const args = [toHex(hash), toHex(signature), set()] as const;
      const data = encodeFunctionData({ abi: COURT, functionName: "convict", args });
      const outcome = await convict(this.#o, operator.is, { to, data });
      if (typeof outcome !== "string") onChange();
      return outcome;
    });
  }

  async #operatorOf(signer: Bytes): Promise<Bytes> {
    const { rpc, registry } = this.#o;
    return fromHex(await readContract(rpc, registry, operatorRegistryAbi, "operatorOfSigner", [toHex(signer)]));
  }
}

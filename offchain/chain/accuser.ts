import { type ContractFunctionArgs, encodeFunctionData } from "viem";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import { inferenceCourtAbi as abi, modelRegistryAbi } from "./abi.ts";
import { approveBond } from "./bond.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Sender } from "./sender.ts";

/** Where a snapshot stands in a checkpoint, as contracts take it, and its author's signature of the segment's header. */
export type SignedSnapshot = { proof: ContractFunctionArgs<typeof abi, "nonpayable", "accuse">[0]; signature: Hex };

/** A committed token that is not what the model says in its context, with what shows that it was committed. */
export type WrongToken = {
  operator: Bytes;
  turn: Bytes;
  /** Root of the manifest. */
  model: Bytes;
  position: number;
  /** The turn's opening, and the snapshot that has the token, each in a checkpoint. */
  open: SignedSnapshot;
  tokens: SignedSnapshot;
};

export type AccuseOutcome =
  | { type: "accused"; id: Hex; bond: bigint; txHash: Hex; gas: bigint }
  /** Of that turn somebody was convicted, or this worker has accused before. */
  | { type: "already" }
  /** Nobody registered the model as exact: nothing of it can be proven. */
  | { type: "tolerant" }
  /** It would cost more than it may, or than there is. */
  | { type: "unpaid"; reason: string }
  | { type: "refused"; reason: string }
  | { type: "stopped" };

export type AccuserOptions = Persistence & {
  sender: Sender;
  court: Hex;
  models: Hex;
  token: Hex;
  /** What this worker's open accusations may cost together, in the stake token's smallest unit. */
  mostBonds: bigint;
  /** What they cost now. */
  openBonds(): bigint;
};

const EXACT = 2;
/** Reverts that another try, with what the chain says by then, may not meet. */
const PASSING = new Set(["InferenceCourtBondRose", "ERC20InsufficientAllowance", "ActiveClockPaused", ""]);

/** Accuses authors of wrong tokens, one accusation at a time. Nothing here ever throws. */
export class Accuser {
  readonly #o: AccuserOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: AccuserOptions) {
    this.#o = options;
  }

  accuse(wrong: WrongToken): Promise<AccuseOutcome> {
    const claim = `the token at ${wrong.position} of turn ${toHex(wrong.turn)} is not accused yet`;
    const accused = this.#last.then(() =>
      persist(this.#o, { code: "accusation_delayed", claim }, () => this.#try(wrong)),
    );
    this.#last = accused;
    return accused.then((outcome) => outcome ?? { type: "stopped" });
  }

  /** An outcome, or why to try again. */
  async #try({ operator, turn, model, position, open, tokens }: WrongToken): Promise<AccuseOutcome | string> {
    const { rpc, sender, court, models, mostBonds, openBonds } = this.#o;
    if ((await readContract(rpc, models, modelRegistryAbi, "classOf", [toHex(model)])) !== EXACT)
      return { type: "tolerant" };
    const id = await readContract(rpc, court, abi, "idOf", [toHex(turn), position, sender.address]);
    const { state } = await readContract(rpc, court, abi, "accusationOf", [id]);
    if (state !== 0 || (await readContract(rpc, court, abi, "isVoid", [toHex(turn)]))) return { type: "already" };
    const bond = await readContract(rpc, court, abi, "bondOf", [toHex(operator)]);
    const others = openBonds();
    if (others + bond > mostBonds) return this.#refuse(`${others} is bonded for others, and the bond is ${bond}`);
    const hindered = await approveBond(this.#o, court, bond);
    if (typeof hindered === "string") return hindered;
    if (hindered) return this.#refuse(`the signer's account has ${hindered.own} stake tokens, and the bond is ${bond}`);
    const args = [open.proof, open.signature, tokens.proof, tokens.signature, position, bond] as const;
    const data = encodeFunctionData({ abi, functionName: "accuse", args });
    const sent = await sender.send({ to: court, data });
    if (sent.type === "mined") return { type: "accused", id, bond, txHash: sent.txHash, gas: sent.gas };
    if (sent.type === "reverted" && !PASSING.has(sent.name)) return { type: "refused", reason: sent.message };
    return sent.message;
  }

  #refuse(reason: string): AccuseOutcome {
    this.#o.onFault(
      new WeftError("accusation_unpaid", `nobody is accused of a wrong token here: ${reason}`, {
        field: "openAccusations",
        remedy: "put stake tokens on the signer's account, or raise openAccusations",
      }),
    );
    return { type: "unpaid", reason };
  }
}

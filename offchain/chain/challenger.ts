import {
  decodeFunctionData,
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionData,
  keccak256,
  type RpcLog,
} from "viem";
import { ASKED_KINDS, type Asked } from "../core/availability.ts";
import { type Bytes, fromHex, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import type { Shown } from "../core/events.ts";
import type { CommittedPlace } from "../core/overdue.ts";
import { LIMIT_SNAPSHOTS } from "../core/segment.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { approveBond } from "./bond.ts";
import { checkpointStruct, headerOf, hexNumber, statedHeaderOf } from "./convert.ts";
import type { ChainUpdate } from "./follower.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Sender } from "./sender.ts";

export type ChallengerOptions = Persistence & {
  sender: Sender;
  court: Hex;
  token: Hex;
  /** What all challenges of one checkpoint may cost, in the stake token's smallest unit. */
  mostBonds: bigint;
};

/** How a challenge ended: the block of its answer, that there was none, or that it was not made. */
type Ending = { answeredIn: number } | { answeredIn?: never };
const NONE: Ending = {};

/**
 * Asks on the chain for what no peer shows. An entry of a memory trace or of the cut, or a header, by its place; of a segment first
 * the header, by its place alone, then each snapshot that the header counts, if that is one of a segment. What is answered is read from the transactions that answer. Nothing
 * here ever throws.
 */
export class Challenger {
  readonly #o: ChallengerOptions;
  readonly #endings = new Map<Hex, Ending>();
  /** What was paid, by checkpoint. */
  readonly #paid = new Map<Hex, bigint>();
  #isBusy = false;

  constructor(options: ChallengerOptions) {
    this.#o = options;
  }

  take({ type, events }: ChainUpdate): void {
    if (type === "reorg") this.#endings.clear();
    for (const event of events)
      if (event.kind === "answered") this.#endings.set(event.id, { answeredIn: event.block });
      else if (event.kind === "unanswered") this.#endings.set(event.id, NONE);
  }

  /** What is wanted, once all of it was shown; nothing when it was not, or something else is being asked for. */
  async ask(wanted: Shown["type"], at: CommittedPlace): Promise<Shown | undefined> {
    if (this.#isBusy) return undefined; // as long as it is lacking it is asked for again
    this.#isBusy = true;
    const shown = await this.#shown(wanted, at);
    this.#isBusy = false;
    return shown;
  }

  #shown(wanted: Shown["type"], at: CommittedPlace): Promise<Shown | undefined> {
    if (wanted === "trace") return this.#trace(at);
    return wanted === "entry" ? this.#entry(at) : this.#segment(at, wanted === "header");
  }

  async #entry(at: CommittedPlace): Promise<Shown | undefined> {
    const answer = await this.#leaf("entry", at);
    if (answer?.functionName !== "answerEntry") return undefined;
    const [, { operator, incarnation, head, ...counts }, proof] = answer.args;
    const hashes = { operator: fromHex(operator), incarnation: fromHex(incarnation), head: fromHex(head) };
    return { type: "entry", entry: { ...counts, ...hashes }, proof: proof.map((one) => fromHex(one)) };
  }

  async #trace(at: CommittedPlace): Promise<Shown | undefined> {
    const answer = await this.#leaf("trace", at);
    if (answer?.functionName !== "answerTrace") return undefined;
    const [, memoryRoot, proof] = answer.args;
    return { type: "trace", entry: { memoryRoot: fromHex(memoryRoot), proof: proof.map((one) => fromHex(one)) } };
  }

  /** How a leaf of one of the checkpoint's own trees was answered. */
  #leaf(kind: "entry" | "segment" | "trace", { hash, checkpoint, index }: CommittedPlace) {
    return this.#asked(toHex(hash), { kind, path: [index] }, (most) => {
      const args = [checkpointStruct(checkpoint), ASKED_KINDS.indexOf(kind), BigInt(index), most] as const;
      return encodeFunctionData({ abi, functionName: "challenge", args });
    });
  }

  async #segment(at: CommittedPlace, isHeader: boolean): Promise<Shown | undefined> {
    const { number, hash, index } = at;
    const name = toHex(hash);
    const first = await this.#leaf("segment", at);
    if (first?.functionName !== "answerSegment") return undefined;
    const [, header, signature, proof] = first.args;
    if (isHeader || header.sequence > Number.MAX_SAFE_INTEGER || header.snapshotCount > LIMIT_SNAPSHOTS)
      return { type: "header", header: statedHeaderOf(header), proof: proof.map((one) => fromHex(one)) };
    const snapshots: { salt: Bytes; body: Bytes }[] = [];
    for (let i = 0; i < header.snapshotCount; i++) {
      const answer = await this.#asked(name, { kind: "snapshot", path: [index, i] }, (most) => {
        const args = [BigInt(number), name, { index: BigInt(index), header, proof }, BigInt(i), most] as const;
        return encodeFunctionData({ abi, functionName: "challengeSnapshot", args });
      });
      if (answer?.functionName !== "answerSnapshot") return undefined;
      const [, salt, body] = answer.args;
      snapshots.push({ salt: fromHex(salt), body: fromHex(body) });
    }
    const signed = { header: headerOf(header), signature: fromHex(signature) };
    return { type: "segment", segment: { ...signed, snapshots } };
  }

  /** The call that answered a challenge, which is made unless it was before; nothing where nobody answers. */
  async #asked(hash: Hex, { kind, path }: Asked, call: (most: bigint) => Hex) {
    const types = [{ type: "bytes32" }, { type: "uint8" }, { type: "uint256[]" }] as const;
    const id = keccak256(encodeAbiParameters(types, [hash, ASKED_KINDS.indexOf(kind), path.map(BigInt)]));
    const claim = `${kind} ${path.join(".")} of checkpoint ${hash} was not shown yet`;
    const ending = await persist(this.#o, { code: "challenge_waits", claim }, async () => {
      const known = this.#endings.get(id);
      if (known) return known;
      const { state } = await readContract(this.#o.rpc, this.#o.court, abi, "challengeOf", [id]);
      return state === 0 ? this.#open(hash, call) : "it was asked for";
    });
    const block = ending?.answeredIn;
    if (block === undefined) return undefined;
    return persist(this.#o, { code: "challenge_waits", claim }, () => this.#answerOf(id, block));
  }

  /** Pays and asks. Why its end is to be waited for, or that it was not asked for. */
  async #open(hash: Hex, call: (most: bigint) => Hex): Promise<string | Ending> {
    const { rpc, sender, court, mostBonds } = this.#o;
    const bond = await readContract(rpc, court, abi, "bondOf", [hash]);
    const paid = this.#paid.get(hash) ?? 0n;
    if (paid + bond > mostBonds) return this.#refuse(`${paid} was paid for its checkpoint, and the bond is ${bond}`);
    const hindered = await approveBond(this.#o, court, bond);
    if (typeof hindered === "string") return hindered;
    if (hindered) return this.#refuse(`the signer's account has ${hindered.own} stake tokens, and the bond is ${bond}`);
    const sent = await sender.send({ to: court, data: call(bond) });
    if (sent.type === "mined") this.#paid.set(hash, paid + bond);
    else if (sent.type === "reverted" && FINAL.has(sent.name)) return NONE;
    return sent.type === "mined" ? "it is asked for" : sent.message;
  }

  #refuse(why: string): Ending {
    this.#o.onFault(
      new WeftError("challenge_unpaid", `what was committed, and nobody shows, is not asked for on the chain: ${why}`, {
        field: "challengeBonds",
        remedy: "put stake tokens on the signer's account, or raise challengeBonds",
      }),
    );
    return NONE;
  }

  /** What answered, by the transaction that did. */
  async #answerOf(id: Hex, block: number) {
    const { rpc, court } = this.#o;
    const at = hexNumber(block);
    const topics = encodeEventTopics({ abi, eventName: "Answered", args: { id } });
    const filter = { address: court, topics, fromBlock: at, toBlock: at };
    const [log] = await rpc.request<RpcLog[]>("eth_getLogs", [filter]);
    const sent = log && (await rpc.request<{ input: Hex } | null>("eth_getTransactionByHash", [log.transactionHash]));
    if (!sent) return "the node does not have the transaction that answered";
    // Every answer begins with the id; what stands before that is its function. It may be passed on by another contract.
    const call = sent.input.indexOf(id.slice(2)) - 8;
    try {
      return decodeFunctionData({ abi, data: `0x${sent.input.slice(Math.max(2, call))}` });
    } catch {
      return "the transaction that answered does not show how";
    }
  }
}

/** Asking is over: the checkpoint fell, or its time is. */
const FINAL = new Set([
  "AvailabilityCourtFallen",
  "AvailabilityCourtRetentionOver",
  "AvailabilityCourtNoSuchPlace",
  "AttesterCourtUnknownCheckpoint",
]);

import { encodeAbiParameters, encodeEventTopics, encodeFunctionData, keccak256, type RpcLog } from "viem";
import { headerOfSegment } from "../core/accused-cut.ts";
import { ASKED_KINDS, type Asked } from "../core/availability.ts";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { CommittedPlace } from "../core/checkpoints.ts";
import { WeftError } from "../core/errors.ts";
import type { Shown } from "../core/events.ts";
import type { Crypto } from "../core/ports.ts";
import type { SaltedSnapshot } from "../core/snapshot.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { type Call, callsIn, entryIn, type Hashes, headerIn, snapshotIn, traceIn } from "./answers.ts";
import { approveBond } from "./bond.ts";
import { ChallengePurse } from "./challenge-purse.ts";
import { checkpointStruct, headerStruct, hexNumber } from "./convert.ts";
import type { ChainUpdate } from "./follower.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Sender } from "./sender.ts";

export type ChallengerOptions = Persistence & {
  crypto: Crypto;
  separator: Bytes;
  sender: Sender;
  court: Hex;
  token: Hex;
  /** What all challenges of one checkpoint may cost, in the stake token's smallest unit. */
  mostBonds: bigint;
  /** How many checkpoints may be asked about at once. */
  atOnce: number;
};

/** How a challenge ended: the block of its answer, that there was none, or that it was not made. */
type Ending = { answeredIn: number } | { answeredIn?: never };
const NONE: Ending = {};

/** What a call shows in a place; undefined unless the committed root says so. */
type LeafReader<Leaf> = (answer: Call, hashes: Hashes, at: CommittedPlace) => Leaf | undefined;

/**
 * Asks on the chain for what no peer shows. An entry of a memory trace or of the cut, or a header, by its place; of a segment
 * first the header, by its place alone, then each snapshot that the header counts, if that is one of a segment. What is answered
 * is read from the transactions that answer, and believed when the committed root says so. What cannot be read there was not shown.
 */
export class Challenger {
  readonly #o: ChallengerOptions;
  readonly #endings = new Map<Hex, Ending>();
  readonly #purse: ChallengePurse;
  /** Checkpoints that are being asked about: one thing of each, since every open challenge makes the next of it dearer. */
  readonly #busy = new Set<Hex>();
  #paying: Promise<unknown> = Promise.resolve();

  constructor(options: ChallengerOptions) {
    this.#o = options;
    const { rpc, court, sender } = options;
    this.#purse = new ChallengePurse({ rpc, court, account: sender.address });
  }

  take(update: ChainUpdate): void {
    const { type, events } = update;
    this.#purse.take(update);
    if (type === "reorg") this.#endings.clear();
    for (const event of events)
      if (event.kind === "answered") this.#endings.set(event.id, { answeredIn: event.block });
      else if (event.kind === "unanswered") this.#endings.set(event.id, NONE);
  }

  /** Everything up to this block has been read. */
  synced(block: number): void {
    this.#purse.synced(block);
  }

  /** What is wanted, once all of it was shown; nothing when it was not, or too much else is being asked for. */
  async ask(wanted: Shown["type"], at: CommittedPlace): Promise<Shown | undefined> {
    const name = toHex(at.hash);
    // As long as it is lacking it is asked for again.
    if (this.#busy.has(name) || this.#busy.size >= this.#o.atOnce) return undefined;
    this.#busy.add(name);
    try {
      return await this.#shown(wanted, at);
    } finally {
      this.#busy.delete(name);
    }
  }

  #shown(wanted: Shown["type"], at: CommittedPlace): Promise<Shown | undefined> {
    if (wanted === "trace") return this.#leaf("trace", at, traceIn);
    return wanted === "entry" ? this.#leaf("entry", at, entryIn) : this.#segment(at, wanted === "header");
  }

  /** A leaf of one of the checkpoint's own trees. */
  #leaf<Leaf>(kind: "entry" | "segment" | "trace", at: CommittedPlace, read: LeafReader<Leaf>) {
    const { hash, checkpoint, index } = at;
    const call = (most: bigint) => {
      const args = [checkpointStruct(checkpoint), ASKED_KINDS.indexOf(kind), BigInt(index), most] as const;
      return encodeFunctionData({ abi, functionName: "challenge", args });
    };
    return this.#asked(toHex(hash), { kind, path: [index] }, call, (answer) => read(answer, this.#o, at));
  }

  async #segment(at: CommittedPlace, isHeader: boolean): Promise<Shown | undefined> {
    const { number, hash, index } = at;
    const name = toHex(hash);
    const first = await this.#leaf("segment", at, headerIn);
    if (!first) return undefined;
    const { header: stated, signature, proof } = first;
    const header = headerOfSegment(stated);
    if (isHeader || !header) return { type: "header", header: stated, proof };
    const segment = { index: BigInt(index), header: headerStruct(header), proof: proof.map(toHex) };
    const snapshots: SaltedSnapshot[] = [];
    for (let i = 0; i < header.snapshotCount; i++) {
      const call = (most: bigint) => {
        const args = [BigInt(number), name, segment, BigInt(i), most] as const;
        return encodeFunctionData({ abi, functionName: "challengeSnapshot", args });
      };
      const asked = { kind: "snapshot", path: [index, i] } as const;
      const snapshot = await this.#asked(name, asked, call, (answer) => snapshotIn(answer, this.#o, stated, i));
      if (!snapshot) return undefined;
      snapshots.push(snapshot);
    }
    return { type: "segment", segment: { header, signature, snapshots } };
  }

  /** How a challenge was answered, which is made unless it was before; nothing where nobody answers. */
  async #asked<Answer>(
    hash: Hex,
    { kind, path }: Asked,
    call: (most: bigint) => Hex,
    read: (answer: Call) => Answer | undefined,
  ): Promise<Answer | undefined> {
    const types = [{ type: "bytes32" }, { type: "uint8" }, { type: "uint256[]" }] as const;
    const id = keccak256(encodeAbiParameters(types, [hash, ASKED_KINDS.indexOf(kind), path.map(BigInt)]));
    const claim = `${kind} ${path.join(".")} of checkpoint ${hash} was not shown yet`;
    const ending = await persist(this.#o, { code: "challenge_waits", claim }, async () => {
      const known = this.#endings.get(id);
      if (known) return known;
      const { state } = await readContract(this.#o.rpc, this.#o.court, abi, "challengeOf", [id]);
      return state === 0 ? this.#inTurn(() => this.#open(hash, id, call)) : "it was asked for";
    });
    const block = ending?.answeredIn;
    if (block === undefined) return undefined;
    const input = await persist(this.#o, { code: "challenge_waits", claim }, () => this.#answerOf(id, block));
    for (const answer of input ? callsIn(input.data, id) : []) {
      const shown = read(answer);
      if (shown) return shown;
    }
    return undefined;
  }

  /** One payment at a time: each is held against what the account has then. */
  #inTurn<Paid>(pay: () => Promise<Paid>): Promise<Paid> {
    const done = this.#paying.then(pay);
    this.#paying = done.catch(() => {});
    return done;
  }

  /** Pays and asks. Why its end is to be waited for, or that it was not asked for. */
  async #open(hash: Hex, id: Hex, call: (most: bigint) => Hex): Promise<string | Ending> {
    const { rpc, sender, court, mostBonds } = this.#o;
    const paid = await this.#purse.paid(hash);
    if (typeof paid === "string") return paid;
    const bond = await readContract(rpc, court, abi, "bondOf", [hash]);
    if (paid + bond > mostBonds) return this.#refuse(`${paid} was paid for its checkpoint, and the bond is ${bond}`);
    const hindered = await approveBond(this.#o, court, bond);
    if (typeof hindered === "string") return hindered;
    if (hindered) return this.#refuse(`the signer's account has ${hindered.own} stake tokens, and the bond is ${bond}`);
    const sent = await sender.send({ to: court, data: call(bond) });
    if (sent.type === "mined") this.#purse.pay(hash, id, bond);
    else if (sent.type === "reverted" && FINAL.has(sent.name)) return NONE;
    return sent.type === "mined" ? "it is asked for" : sent.message;
  }

  #refuse(why: string): Ending {
    this.#o.onFault(
      new WeftError("challenge_unpaid", `what was committed, and nobody shows, is not asked for on the chain: ${why}`, {
        field: "challengesPerCheckpoint",
        remedy: "put stake tokens on the signer's account, or raise challengesPerCheckpoint",
      }),
    );
    return NONE;
  }

  /** The transaction that answered, or why to look again. */
  async #answerOf(id: Hex, block: number): Promise<{ data: Hex } | string> {
    const { rpc, court } = this.#o;
    const at = hexNumber(block);
    const topics = encodeEventTopics({ abi, eventName: "Answered", args: { id } });
    const filter = { address: court, topics, fromBlock: at, toBlock: at };
    const [log] = await rpc.request<RpcLog[]>("eth_getLogs", [filter]);
    const sent = log && (await rpc.request<{ input: Hex } | null>("eth_getTransactionByHash", [log.transactionHash]));
    return sent ? { data: sent.input } : "the node does not have the transaction that answered";
  }
}

/** Asking is over: the checkpoint fell, or its time is. */
const FINAL = new Set([
  "AvailabilityCourtFallen",
  "AvailabilityCourtRetentionOver",
  "AvailabilityCourtNoSuchPlace",
  "AttesterCourtUnknownCheckpoint",
]);

import { type EncodeFunctionDataParameters, encodeFunctionData } from "viem";
import { operatorRegistryAbi, stakeTokenAbi } from "../../../offchain/chain/abi.ts";
import { Accuser, type WrongToken } from "../../../offchain/chain/accuser.ts";
import { Chain } from "../../../offchain/chain/chain.ts";
import type { Deployment } from "../../../offchain/chain/deployment.ts";
import { Disputer } from "../../../offchain/chain/disputer.ts";
import type { ChainUpdate } from "../../../offchain/chain/follower.ts";
import { Rpc } from "../../../offchain/chain/rpc.ts";
import { Sender } from "../../../offchain/chain/sender.ts";
import { type Bytes, equal, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { Hex } from "../../../offchain/core/chain.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { type Case, Disputes, type Judgement } from "../../../offchain/core/dispute.ts";
import type { Passes } from "../../../offchain/core/dispute-moves.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { consented } from "../../../scripts/lib/operators.ts";
import { hashOf, type Keys } from "../../helpers/core.ts";
import { MemoryLog } from "../../unit/chain/fake-chain.ts";

/** Where nobody listens. */
export const NOWHERE = "127.0.0.1:1";
const POLL_MS = 100;
const MOST_BACKOFF_MS = 1_000;
const ETHER = `0x${(10n ** 20n).toString(16)}`;
const GAS = "0xf4240";
const PURSE = 10n ** 24n;

/** Who is no worker of a devnet: an operator with its keys, or somebody who just accuses. */
export type Party = Keys & { key: Hex };

export function partyOf(label: string): Party {
  const key = toHex(hashOf(`key of ${label}`));
  return { operator: hashOf(`owner of ${label}`).slice(12), signer: signerFromKey(fromHex(key)), key };
}

/** What became of an accusation, as far as the chain says it. */
export type Tried = { id: Hex; accused: Case; judgement?: Judgement };

/** The chain as authors and shams see it: one eye for all of them, and a hand for each. */
export class Bench {
  readonly rpc: Rpc;
  readonly disputes = new Disputes();
  readonly tried: Tried[] = [];
  /** Why the court took no move of whom, as far as somebody tried again. */
  readonly refusals = new Map<string, string[]>();
  latest: { checkpoint: Checkpoint; hash: Bytes } | undefined;
  readonly #url: string;
  readonly #deployment: Deployment;
  readonly #bank: Hex;
  readonly #chain: Chain;
  readonly #hands = new Set<Disputer>();

  private constructor(url: string, deployment: Deployment, bank: Hex) {
    this.#url = url;
    this.#deployment = deployment;
    this.#bank = bank;
    this.rpc = new Rpc(url);
    this.#chain = new Chain({
      rpcUrl: this.#url,
      deployment,
      account: toHex(hashOf("whoever looks")),
      log: new MemoryLog(),
      crypto,
      activateEpochs: false,
      pollMs: POLL_MS,
      maxBackoffMs: MOST_BACKOFF_MS,
      onUpdate: (update) => this.#take(update),
      onFault: (fault) => this.#refuse("the chain", fault.message),
    });
  }

  static async open(url: string, deployment: Deployment): Promise<Bench> {
    const rpc = new Rpc(url);
    const [bank] = await rpc.request<Hex[]>("eth_accounts").finally(() => rpc.stop());
    const bench = new Bench(url, deployment, bank as Hex);
    await bench.#chain.start();
    return bench;
  }

  async close(): Promise<void> {
    this.rpc.stop();
    await this.#chain.stop();
  }

  #refuse(who: string, why: string): void {
    this.refusals.set(who, [...(this.refusals.get(who) ?? []), why]);
  }

  #take(update: ChainUpdate): void {
    for (const event of update.events) {
      this.disputes.take(event);
      if (event.kind === "accused") this.tried.push({ id: event.id, accused: event.accused });
      if (event.kind === "committed") this.latest = event;
      if (event.kind !== "judged") continue;
      const tried = this.tried.find(({ id }) => id === event.id);
      if (tried) tried.judgement = event.judgement;
    }
    for (const hand of this.#hands) {
      hand.take(update);
      hand.synced();
    }
  }

  /** From here on it has funds and stake tokens. */
  async endow({ signer }: Party): Promise<void> {
    await this.#fund(toHex(signer.address));
    await this.give(toHex(signer.address));
  }

  /** From here on it is an operator, that waits for an epoch. */
  async enlist(party: Party, endpoint: string): Promise<void> {
    await this.endow(party);
    const owner = toHex(party.operator);
    const { operatorRegistry, stakeToken } = this.#deployment.contracts;
    const stake = BigInt(this.#deployment.parameters.minStake);
    const { address, consent } = await consented(this.#deployment, owner, { privateKey: party.key });
    await this.rpc.request("hardhat_impersonateAccount", [owner]);
    await this.#fund(owner);
    await this.give(owner);
    await this.#call(owner, stakeToken, {
      abi: stakeTokenAbi,
      functionName: "approve",
      args: [operatorRegistry, stake],
    });
    const args = [address, endpoint, stake, consent];
    await this.#call(owner, operatorRegistry, { abi: operatorRegistryAbi, functionName: "join", args });
  }

  /** Something happens on the chain that everybody hears of. */
  async stir({ operator }: Party, endpoint: string): Promise<void> {
    const call = { abi: operatorRegistryAbi, functionName: "setEndpoint", args: [endpoint] };
    await this.#call(toHex(operator), this.#deployment.contracts.operatorRegistry, call);
  }

  /** Stake tokens. */
  give(to: Hex): Promise<void> {
    const call = { abi: stakeTokenAbi, functionName: "mint", args: [to, PURSE] };
    return this.#call(this.#bank, this.#deployment.contracts.stakeToken, call);
  }

  async #fund(account: Hex): Promise<void> {
    await this.rpc.request("hardhat_setBalance", [account, ETHER]);
  }

  async #call(from: Hex, to: Hex, call: EncodeFunctionDataParameters): Promise<void> {
    await this.rpc.request("eth_sendTransaction", [{ from, to, data: encodeFunctionData(call), gas: GAS }]);
  }

  /** From now on whoever it is plays its part by these forward passes, as workers do. */
  seat(party: Party, passes: Passes): Disputer {
    const hand = new Disputer({ ...this.#parts(party), operator: party.operator, known: this.disputes, passes });
    this.#hands.add(hand);
    return hand;
  }

  leave(hand: Disputer): void {
    this.#hands.delete(hand);
  }

  async accuse(party: Party, wrong: WrongToken): Promise<void> {
    const parts = { models: this.#deployment.contracts.modelRegistry, mostBonds: PURSE, openBonds: () => 0n };
    const { type } = await new Accuser({ ...this.#parts(party), ...parts }).accuse(wrong);
    if (type !== "accused") throw new Error(`a sham cannot accuse: ${type}`);
  }

  #parts({ key, signer }: Party) {
    const { chainId, contracts } = this.#deployment;
    return {
      rpc: this.rpc,
      sender: new Sender(this.rpc, key, chainId),
      registry: contracts.operatorRegistry,
      court: contracts.inferenceCourt,
      token: contracts.stakeToken,
      answersForOthers: 0,
      pollMs: POLL_MS,
      maxBackoffMs: MOST_BACKOFF_MS,
      set: () => this.#chain.set,
      onChange() {},
      onMove() {},
      onConvicted() {},
      onFault: (fault: Error) => this.#refuse(toHex(signer.address), fault.message),
    };
  }

  /** All accusations of a token of this turn. */
  of(turn: Bytes): Tried[] {
    return this.tried.filter(({ accused }) => equal(accused.turn, turn));
  }

  /** As if nobody had said anything for so long. */
  async pass(seconds: number): Promise<void> {
    await this.rpc.request("evm_increaseTime", [seconds]);
    await this.rpc.request("evm_mine");
  }
}

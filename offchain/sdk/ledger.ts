import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  decodeFunctionResult,
  encodeFunctionData,
} from "viem";
import { checkpointLedgerAbi, inferenceCourtAbi, operatorRegistryAbi } from "../chain/abi.ts";
import type { Deployment } from "../chain/deployment.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import type { CourtSays } from "../core/dispute.ts";
import { WeftError } from "../core/errors.ts";
import { domainSeparator } from "../core/hash.ts";
import { crypto } from "./crypto.ts";
import type { Facts } from "./proof.ts";
import type { Hex } from "./receipt.ts";
import type { ChainSource, SourceBlock } from "./source.ts";

/** A checkpoint as the ledger has it; times in seconds of block time. */
export type CheckpointView = {
  number: number;
  hash: Hex;
  segmentsRoot: Hex;
  committedAt: number;
  finalAt: number;
  registryPosition: number;
  status: "attested" | "final" | "fallen";
  /** Only of the latest: the ledger that takes the next checkpoints, where this one takes none any more. */
  successor?: Hex;
};

/** The ledger that was announced to come next. `notBefore` is block time in seconds, and moves with pauses. */
export type Successor = { ledger: Hex; notBefore: number; retired: boolean };

const NONE = `0x${"0".repeat(64)}`;
/** A chain that moves under every attempt is not one to read from. */
const ATTEMPTS = 3;

/** Reads a deployment's contracts, each time at one block, after it has seen that they are what they should be. */
export class Ledger {
  readonly #source: ChainSource;
  readonly #deployment: Deployment;
  #known: Promise<void> | undefined;

  constructor(source: ChainSource, deployment: Deployment) {
    this.#source = source;
    this.#deployment = deployment;
  }

  /** @throws WeftError `chain_unreachable` for whatever keeps the node from answering */
  async ask<T>(what: string, question: (source: ChainSource) => Promise<T>): Promise<T> {
    try {
      return await question(this.#source);
    } catch (cause) {
      if (cause instanceof WeftError) throw cause;
      throw new WeftError("chain_unreachable", `the node did not say ${what}: ${(cause as Error).message}`, {
        field: "rpc",
        remedy: "try another RPC endpoint",
        cause,
      });
    }
  }

  /**
   * Reads at the latest block, and again when that block is gone meanwhile.
   *
   * @throws WeftError `wrong_chain`, `chain_unreachable`, `chain_moved`
   */
  async atLatest<T>(read: (view: LedgerView) => Promise<T>): Promise<{ value: T; block: SourceBlock }> {
    await this.ready();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const block = await this.ask("its latest block", (source) => source.block("latest"));
      if (!block) continue;
      let failure: unknown;
      const value = await read(new LedgerView(this, this.#deployment, block.number)).catch((error: unknown) => {
        failure = error;
        return undefined as never;
      });
      const again = await this.ask(`block ${block.number}`, (source) => source.block(block.number));
      if (again?.hash !== block.hash) continue;
      if (failure) throw failure;
      return { value, block };
    }
    throw new WeftError("chain_moved", "the chain was reorganised at every attempt to read it", {
      field: "rpc",
      remedy: "try again in a moment",
    });
  }

  /** Checks once that node and deployment are of one chain. @throws WeftError `wrong_chain`, `chain_unreachable` */
  ready(): Promise<void> {
    this.#known ??= this.#check().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #check(): Promise<void> {
    const { chainId, domain, contracts } = this.#deployment;
    const wrong = (message: string) =>
      new WeftError("wrong_chain", message, {
        field: "deployment",
        remedy: "name the RPC endpoint and the deployment of one and the same chain",
      });
    const there = await this.ask("its chain id", (source) => source.chainId());
    if (there !== chainId) throw wrong(`the node is on chain ${there}, the deployment on ${chainId}`);
    const ledger = contracts.checkpointLedger;
    const expected = domainSeparator(crypto, { ...domain, verifyingContract: fromHex(domain.verifyingContract, 20) });
    const data = encodeFunctionData({ abi: checkpointLedgerAbi, functionName: "domainSeparator" });
    const separator = await this.ask("the ledger's domain", (source) => source.call(ledger, data, "latest"));
    if (separator !== toHex(expected)) throw wrong(`the contract at ${ledger} is not the ledger of this deployment`);
  }
}

/** The contracts as they are at one block. */
export class LedgerView {
  readonly #ledger: Ledger;
  readonly #deployment: Deployment;
  readonly #block: number;

  constructor(ledger: Ledger, deployment: Deployment, block: number) {
    this.#ledger = ledger;
    this.#deployment = deployment;
    this.#block = block;
  }

  async #read<const A extends Abi, N extends ContractFunctionName<A, "view">>(
    address: Hex,
    abi: A,
    functionName: N,
    args: ContractFunctionArgs<A, "view", N>,
  ): Promise<ContractFunctionReturnType<A, "view", N>> {
    const data = encodeFunctionData({ abi, functionName, args } as never);
    const answer = await this.#ledger.ask(functionName, (source) => source.call(address, data, this.#block));
    return this.#ledger.ask(functionName, async () =>
      decodeFunctionResult({ abi, functionName, data: answer } as never),
    ) as Promise<ContractFunctionReturnType<A, "view", N>>;
  }

  #ofLedger<N extends ContractFunctionName<typeof checkpointLedgerAbi, "view">>(
    name: N,
    args: ContractFunctionArgs<typeof checkpointLedgerAbi, "view", N>,
  ) {
    return this.#read(this.#deployment.contracts.checkpointLedger, checkpointLedgerAbi, name, args);
  }

  async latest(which: "latestAttested" | "latestFinal"): Promise<CheckpointView> {
    const [number] = await this.#ofLedger(which, []);
    const latest = (await this.checkpoint(Number(number))) as CheckpointView;
    const next = await this.successor();
    return next?.retired ? { ...latest, successor: next.ledger } : latest;
  }

  /** Nothing while none is announced. */
  async successor(): Promise<Successor | undefined> {
    const [ledger, notBefore] = await this.#ofLedger("successor", []);
    if (BigInt(ledger) === 0n) return undefined;
    const retired = await this.#ofLedger("retired", []);
    return { ledger: ledger.toLowerCase() as Hex, notBefore: Number(notBefore), retired };
  }

  /** Nothing where there is no such checkpoint. */
  async checkpoint(number: number): Promise<CheckpointView | undefined> {
    const hash = await this.#ofLedger("checkpointHash", [BigInt(number)]);
    if (hash === NONE) return undefined;
    const record = await this.#ofLedger("checkpoint", [BigInt(number)]);
    const final = await this.#ofLedger("isFinal", [BigInt(number)]);
    return {
      number,
      hash,
      segmentsRoot: record.segmentsRoot,
      committedAt: Number(record.committedAt),
      finalAt: Number(record.finalAt),
      registryPosition: Number(record.registryPosition),
      status: record.fallen ? "fallen" : final ? "final" : "attested",
    };
  }

  /** The operator that each key belongs to or once belonged to. */
  async operatorsOf(signers: Iterable<Hex>): Promise<Map<Hex, Hex>> {
    const registry = this.#deployment.contracts.operatorRegistry;
    const found = new Map<Hex, Hex>();
    for (const signer of new Set(signers)) {
      const operator = await this.#read(registry, operatorRegistryAbi, "operatorOfSigner", [signer]);
      found.set(signer, operator.toLowerCase() as Hex);
    }
    return found;
  }

  /** What the inference court says of a turn. */
  async courtOf(turn: Hex): Promise<CourtSays> {
    const { inferenceCourt } = this.#deployment.contracts;
    if (await this.#read(inferenceCourt, inferenceCourtAbi, "isVoid", [turn])) return "void";
    const open = await this.#read(inferenceCourt, inferenceCourtAbi, "openAccusations", [turn]);
    return open > 0n ? "accused" : "silent";
  }

  /** What the chain says of these checkpoints and keys. */
  async facts(numbers: Iterable<number>, signers: Iterable<Hex>): Promise<Facts & { checkpoints: CheckpointView[] }> {
    const checkpoints = new Map<number, CheckpointView>();
    for (const number of new Set(numbers)) {
      const found = await this.checkpoint(number);
      if (found) checkpoints.set(number, found);
    }
    const operators = await this.operatorsOf(signers);
    return {
      checkpoints: [...checkpoints.values()],
      checkpoint(number) {
        const found = checkpoints.get(number);
        return {
          segmentsRoot: found?.segmentsRoot,
          final: found?.status === "final",
          fallen: found?.status === "fallen",
        };
      },
      operatorOf: (signer) => operators.get(signer) as Hex,
    };
  }
}

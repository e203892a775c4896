import assert from "node:assert/strict";
import type { DeploymentParameters } from "../../../offchain/chain/deployment.ts";
import { Rpc } from "../../../offchain/chain/rpc.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { ChainEvent, Hex } from "../../../offchain/core/chain.ts";
import { type Ask, complete, health, metric } from "./client.ts";
import { allConnected, kill, type Net, startNet } from "./net.ts";
import { withStore } from "./stores.ts";
import { until } from "./until.ts";

const HONEST = 1;
const SABOTEURS = [2, 3, 4];

/** What the honest worker read on the chain. */
export type Reading = {
  events: ChainEvent[];
  /** Operators, sorted, as often as they were convicted. */
  convicted: Hex[];
  /** From which checkpoints on they fell. */
  fallen: number[];
  /** Whose tracks it holds. */
  heard: Hex[];
};

/** One honest worker, and three that run another module: a quorum of saboteurs. Checkpoints come every second. */
export class Siege {
  readonly net: Net;
  /** Of the honest worker. */
  readonly url: string;
  readonly owner: Hex;
  readonly signer: Hex;
  /** Owners, sorted. */
  readonly saboteurs: readonly Hex[];
  /** Of one of the saboteurs. */
  readonly sabotaged: string;
  /** When the honest worker was first seen to know each checkpoint, and when the last saboteur was convicted. */
  readonly #seen = new Map<number, number>();
  #convicted = Number.NaN;

  private constructor(net: Net) {
    const of = (index: number) => net.operators[index - 1]!;
    this.net = net;
    this.url = of(HONEST).apiUrl;
    this.owner = of(HONEST).owner;
    this.signer = of(HONEST).signer;
    this.sabotaged = of(SABOTEURS[0]!).apiUrl;
    this.saboteurs = SABOTEURS.map((index) => of(index).owner).sort();
  }

  /** @param options.late the honest worker begins when it is told to */
  static async lay(
    module: string,
    { late, ...parameters }: Partial<DeploymentParameters> & { late?: true } = {},
  ): Promise<Siege> {
    const net = await startNet({
      without: late ? [HONEST, ...SABOTEURS] : SABOTEURS,
      overrides: {
        checkpointIntervalShortestMs: 500,
        checkpointIntervalLongestMs: 1_000,
        challengeWindowSeconds: 20,
        ...parameters,
      },
    });
    try {
      await Promise.all(SABOTEURS.map((index) => net.impersonate(index, module).ready));
      const there = net.operators.filter(({ index }) => net.workers.has(index));
      await allConnected(net, there);
      return new Siege(net);
    } catch (error) {
      await net.stop();
      throw error;
    }
  }

  /** The honest worker begins, which another module stands for. */
  async join(module: string): Promise<void> {
    await this.net.impersonate(HONEST, module).ready;
  }

  stop(): Promise<void> {
    return this.net.stop();
  }

  /** Of the honest worker. */
  metric(name: string, labels?: Record<string, string>): Promise<number> {
    return metric(this.url, name, labels);
  }

  /** Until each of them is, by transactions of the honest worker. */
  async untilConvicted(): Promise<void> {
    const all = async () => {
      const { checkpoint } = await health(this.url);
      if (!this.#seen.has(checkpoint)) this.#seen.set(checkpoint, performance.now());
      return (await this.metric("weft_convictions_total")) === SABOTEURS.length;
    };
    await until("all are convicted", all, 60_000, 20);
    this.#convicted = performance.now();
  }

  /** From when the honest worker was first seen to know a checkpoint, or one after it, until all were convicted. */
  msToConvict(checkpoint = Number.NaN): number {
    const [, known] = [...this.#seen].find(([number]) => number >= checkpoint) ?? assert.fail("it never knew it");
    return Math.round(this.#convicted - known);
  }

  /** What the honest worker writes by itself. */
  complete(ask: Ask) {
    return complete(this.url, { ...ask, weft: { author: this.owner } });
  }

  async untilFinal(requestId: Hex): Promise<void> {
    const isFinal = async () => {
      const response = await fetch(`${this.url}/v1/receipts/${requestId}`);
      return response.ok && ((await response.json()) as { status: string }).status === "final";
    };
    await until("it is final", isFinal, 90_000);
  }

  /** Ends the honest worker, once it has read the whole chain. */
  async end(): Promise<Reading> {
    const tip = Number(await new Rpc(this.net.devnet.chain.rpcUrl).request<Hex>("eth_blockNumber", []));
    await until("everything is read", async () => (await health(this.url)).chain.block >= tip);
    await kill(this.net.worker(HONEST));
    const { devnet, operators } = this.net;
    return withStore(devnet, operators[HONEST - 1]!, (store) => {
      const events = store.chainLog.events();
      const convicted = events.flatMap((event) =>
        event.kind === "registry" && event.event.kind === "convicted" ? [toHex(event.event.operator)] : [],
      );
      const fallen = events.flatMap((event) => (event.kind === "fell" ? [event.from] : []));
      const heard = [...store.heads()].map(({ operator }) => toHex(operator));
      return { events, convicted: convicted.sort(), fallen, heard };
    });
  }
}

import { type Bytes, utf8 } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import type { Protocol } from "../../offchain/core/protocol.ts";
import type { Registry } from "../../offchain/core/registry.ts";
import type { Request } from "../../offchain/core/request.ts";
import { LANES, type Lane } from "../../offchain/mesh/types.ts";
import { SimChain } from "./chain.ts";
import { chainPort } from "./chain-port.ts";
import { CALM, type Conditions } from "./conditions.ts";
import { type Call, deploymentOf } from "./contract-state.ts";
import { SimDisk, SOUND } from "./disk.ts";
import { Faults } from "./faults.ts";
import { MemoryMesh } from "./mesh.ts";
import { MODEL_ID } from "./model.ts";
import { SimNetwork } from "./network.ts";
import { wireOf } from "./node-wire.ts";
import { Owner } from "./owner.ts";
import type { Plan, ProtocolPlan } from "./plan.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { parametersOf, protocolOptions } from "./setup.ts";
import { simulatedKeyring } from "./simcrypto.ts";
import type { Packet } from "./wire.ts";
import { SimWorker, type Watch, type WorkerSpec } from "./worker.ts";

/**
 * Workers on a network and a chain without faults, for measuring: nothing is checked here, and what the watchers of a
 * simulated world cost is in no figure.
 */
export type QuietOptions = {
  operators: number;
  network: Partial<Conditions>;
  protocol: ProtocolPlan;
  challengeWindowSeconds: number;
  blockMs: number;
  /** Between two tokens of a turn. */
  tokenMs: number;
  watch?: Partial<Watch>;
};

const STAKE = 1_000;
const START_TIME = 1_700_000_000;
const POLL_MS = 1_000;
const MEMPOOL_MS = 1_000;
const FLUSH_MS = 50;
const SILENCE_MS = 1_200;
/** Of one answer; the model ends most of them sooner, after 43 on average. */
const MOST_TOKENS = 512;
const GIVEN = 16;

/** Packets and bytes that left an endpoint, by kind. */
export type Sent = { packets: number; bytes: number };

class CountingNetwork extends SimNetwork {
  readonly sent = new Map<string, Sent>();
  onPacket: (packet: Packet) => void = () => {};

  override carry(packet: Packet, sent: () => void): void {
    const name = `${packet.lane} ${packet.call.method} ${packet.kind}`;
    const count = this.sent.get(name) ?? { packets: 0, bytes: 0 };
    count.packets += 1;
    count.bytes += packet.size;
    this.sent.set(name, count);
    this.onPacket(packet);
    super.carry(packet, sent);
  }
}

export class QuietWorld {
  readonly scheduler = new Scheduler();
  readonly network: CountingNetwork;
  readonly chain: SimChain;
  readonly workers: readonly SimWorker[];
  readonly #owners: readonly Owner[];
  readonly #random = new Random("quiet");
  readonly #plan: Plan;
  /** What was handed in to be committed. */
  readonly commits: Extract<Call, { type: "commit" }>[] = [];
  /** Simulated milliseconds at which each checkpoint was mined, by number. */
  readonly minedAt: number[] = [];
  #turns = 0;

  constructor({ operators, network, protocol, challengeWindowSeconds, blockMs, tokenMs, watch }: QuietOptions) {
    const { scheduler } = this;
    const random = this.#random;
    const keyring = simulatedKeyring("quiet");
    const address = (label: string): Bytes => keyring.crypto.keccak256(utf8(label)).slice(12);
    this.#plan = {
      seed: 0,
      profile: "default",
      operators: Array.from({ length: operators }, () => ({ stake: STAKE, role: "honest", founder: true })),
      network: { ...CALM, ...network },
      disk: SOUND,
      chain: {
        blockMs,
        mempoolMs: MEMPOOL_MS,
        pollMs: POLL_MS,
        epochSeconds: 3_600,
        challengeWindowSeconds,
        silent: 0,
        behind: 0,
        misreport: 0,
      },
      protocol,
      load: { requestsPerSecond: 0, maxLength: MOST_TOKENS, tokenMs },
      crashBeforeEffect: 0,
      actions: [],
      healAt: 0,
      endAt: 0,
    };
    const plan = this.#plan;
    this.network = new CountingNetwork(scheduler, random.fork("network"), plan.network);
    this.#owners = plan.operators.map(({ stake }, i) => {
      const key = () => keyring.signer(`signer ${i}`);
      return new Owner({
        name: `w${i}`,
        account: address(`owner ${i}`),
        endpoint: `w${i}:9000`,
        stake: BigInt(stake),
        key,
      });
    });
    const at = { chainId: 31_337, registry: address("registry"), ledger: address("ledger") };
    this.chain = new SimChain({
      scheduler,
      random: random.fork("chain"),
      deployment: deploymentOf(keyring.crypto, at, { ...parametersOf(plan), maxOperators: operators }),
      funds: this.#owners.map(({ account, stake }) => [account, 2n * stake] as const),
      blockMs,
      mempoolMs: MEMPOOL_MS,
      startTime: START_TIME,
      onBlock: ({ state }) => {
        for (let i = this.minedAt.length; i < state.checkpoints.length; i++) this.minedAt[i] = scheduler.now;
      },
    });
    const submit = this.chain.submit.bind(this.chain);
    this.chain.submit = (from, call) => {
      if (call.type === "commit") this.commits.push(call);
      return submit(from, call);
    };
    const faults = new Faults(plan, {
      scheduler,
      network: this.network,
      chain: this.chain,
      workers: [],
      kill() {},
      revive() {},
      join() {},
      leave() {},
      rotate() {},
      twin: () => () => {},
      line() {},
    });
    const silent = { sealing() {}, sealed() {}, fault() {}, update() {}, drew() {}, line() {} };
    this.workers = this.#owners.map((owner, node) => this.#worker(owner, node, faults, { ...silent, ...watch }));
  }

  #worker(owner: Owner, node: number, faults: Faults, watch: Watch): SimWorker {
    const { scheduler, chain } = this;
    const plan = this.#plan;
    const disk = new SimDisk(this.#random.fork(`disk ${node}`));
    const spec: WorkerSpec = {
      name: owner.name,
      operator: owner.account,
      endpoint: owner.endpoint,
      signer: owner.signer,
      // Only so that its tracks are as long as a real worker's: it has no role that makes it lie.
      honest: false,
      options: protocolOptions(plan, chain.deployment, owner),
      flushMs: FLUSH_MS,
      tokenMs: plan.load.tokenMs,
      silenceMs: SILENCE_MS,
      crashBeforeEffect: 0,
    };
    const worker: SimWorker = new SimWorker(
      spec,
      {
        scheduler,
        disk,
        mesh: (life, handlers) => {
          rememberReachable(life.protocol);
          const mesh = new MemoryMesh({
            operator: spec.operator,
            crypto: spec.options.crypto,
            separator: spec.options.separator,
            handlers,
            onFault: (kind, from, error) => watch.fault(worker, kind, from, error),
            signer: spec.signer.address,
            endpoint: spec.endpoint,
            wire: wireOf(this.network, life.process, life.clock),
          });
          life.process.after(0, () => mesh.start(), "mesh");
          return mesh;
        },
        chain: ({ process, random }, onUpdate) =>
          chainPort({ chain, faults, node, process, random, disk, account: owner.account, pollMs: POLL_MS, onUpdate }),
        order: () => () => {},
        watch,
        onDeath: (_, where) => {
          throw new Error(`${owner.name} died ${where}`);
        },
      },
      this.#random.fork(`worker ${node}`),
    );
    return worker;
  }

  /** The chain with all operators in its first block; their workers within half a second. */
  start(): void {
    const { chain, scheduler } = this;
    chain.start([
      ...this.#owners.map((owner) => ({ from: owner.account, call: owner.joining(chain) })),
      { from: this.#owners[0].account, call: { type: "activate", set: [] } },
    ]);
    for (const worker of this.workers) scheduler.after(this.#random.int(0, 500), () => worker.start(), "start");
  }

  /** A worker writes one turn after another until what comes back is called. */
  write(node: number): () => void {
    let over = false;
    let cancel = () => {};
    const next = () => {
      const { life } = this.workers[node];
      if (over || !life) return;
      const { crypto } = life.spec.options;
      const requester = crypto.keccak256(utf8(`client ${node}`));
      const nonce = crypto.keccak256(utf8(`turn ${this.#turns++}`));
      const prompt = Array.from({ length: GIVEN }, (_, i) => 1 + (nonce[i] % 200));
      const [before, after] = [Context.of(crypto, []), Context.of(crypto, prompt)];
      const request: Request = {
        requester,
        nonce,
        model: MODEL_ID,
        before: { root: before.root, length: 0 },
        after: { root: after.root, length: prompt.length },
        parameters: { temperature: 0, stop: [] },
        maxLength: MOST_TOKENS,
      };
      const order = { request, prompt, answered: [] };
      cancel = life.author.generate(order, ({ type }) => {
        if (type === "closed") life.process.after(0, next);
        else if (type === "failed") throw new Error("a turn failed");
      });
    };
    this.workers[node].life?.process.enter(next);
    return () => {
      over = true;
      this.workers[node].life?.process.enter(cancel);
    };
  }
}

/** It is asked for with every peer that comes up, which is once in a worker's life, but N² times in this process's. */
function rememberReachable({ following, replica }: Protocol): void {
  const known = new WeakMap<Registry, ReturnType<typeof following.reachable>>();
  const reachable = following.reachable.bind(following);
  following.reachable = () => {
    const { registry } = replica;
    const list = known.get(registry) ?? reachable();
    known.set(registry, list);
    return list;
  };
}

/** Bytes and packets by lane since `before`. */
export function lanesOf(now: ReadonlyMap<string, Sent>, before: ReadonlyMap<string, Sent>): Record<Lane, Sent> {
  const lanes = Object.fromEntries(LANES.map((lane) => [lane, { packets: 0, bytes: 0 }])) as Record<Lane, Sent>;
  for (const [name, { packets, bytes }] of now) {
    const lane = lanes[name.split(" ")[0] as Lane];
    lane.packets += packets - (before.get(name)?.packets ?? 0);
    lane.bytes += bytes - (before.get(name)?.bytes ?? 0);
  }
  return lanes;
}

export const snapshotOf = (sent: ReadonlyMap<string, Sent>): Map<string, Sent> =>
  new Map([...sent].map(([name, one]) => [name, { ...one }]));

/** The value below which a share of them lies. @throws RangeError when there are none */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("no values, no quantile");
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Rows of cells, the first of them the heading. */
export function markdown(rows: readonly (readonly (string | number)[])[]): string {
  const [head, ...body] = rows;
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

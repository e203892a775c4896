import type { Bytes } from "../../offchain/core/bytes.ts";
import type { ChainUpdate } from "../../offchain/core/events.ts";
import type { GenerateEvent, GenerateOrder } from "../../offchain/core/generate.ts";
import type { Sealed } from "../../offchain/core/pen.ts";
import type { Signer } from "../../offchain/core/ports.ts";
import type { Protocol, ProtocolOptions } from "../../offchain/core/protocol.ts";
import type { Request } from "../../offchain/core/request.ts";
import type { MeshPort, PeerHandlers } from "../../offchain/mesh/types.ts";
import type { ChainPort } from "../../offchain/node/driver.ts";
import type { SimDisk } from "./disk.ts";
import type { NodeView } from "./invariants/types.ts";
import { Life } from "./life.ts";
import type { Role } from "./plan.ts";
import type { Random } from "./random.ts";
import { Clock, type Scheduler } from "./scheduler.ts";

export type WorkerSpec = {
  name: string;
  operator: Bytes;
  endpoint: string;
  signer: Signer;
  honest: boolean;
  /** How it lies, when it does. */
  role?: Role;
  options: ProtocolOptions;
  flushMs: number;
  tokenMs: number;
  silenceMs: number;
  /** Chance that the process is killed before an effect is carried out. */
  crashBeforeEffect: number;
};

/** Everything around a worker. */
export type Surroundings = {
  scheduler: Scheduler;
  disk: SimDisk;
  /** The mesh of one life of the process. */
  mesh(life: Life, handlers: PeerHandlers): MeshPort;
  /** Follows the chain for one life; returns its hand there. */
  chain(life: Life, onUpdate: (update: ChainUpdate) => void): ChainPort;
  /** Orders an answer of another worker. */
  order(from: WorkerSpec, to: Bytes, order: GenerateOrder, on: (event: GenerateEvent | "lost") => void): () => void;
  watch: Watch;
  onDeath(worker: SimWorker, where: string): void;
};

/** What is seen of a worker from outside. */
export type Watch = {
  /** A pen is about to make this durable; then it did. */
  sealing(worker: SimWorker, sealed: Sealed): void;
  sealed(worker: SimWorker, sealed: Sealed): void;
  fault(worker: SimWorker, kind: string, operator: Bytes | undefined, error: unknown): void;
  update(worker: SimWorker, update: ChainUpdate): void;
  /** A token was drawn for a request that reads a memory. */
  drew(worker: SimWorker, id: Bytes, request: Request, context: readonly number[], token: number): void;
  line(worker: SimWorker, text: string): void;
};

/** A worker through all its lives. */
export class SimWorker implements NodeView {
  readonly spec: WorkerSpec;
  readonly disk: SimDisk;
  readonly #around: Surroundings;
  readonly #random: Random;
  readonly clock: Clock;
  life?: Life;
  lives = 0;
  /** When its latest life began. */
  startedAt = 0;

  constructor(spec: WorkerSpec, around: Surroundings, random: Random) {
    this.spec = spec;
    this.disk = around.disk;
    this.#around = around;
    this.#random = random;
    this.clock = new Clock(around.scheduler, random.int(1_000, 1_000_000));
  }

  get name(): string {
    return this.spec.name;
  }

  get operator(): Bytes {
    return this.spec.operator;
  }

  get honest(): boolean {
    return this.spec.honest;
  }

  get options(): ProtocolOptions {
    return this.spec.options;
  }

  get protocol(): Protocol | undefined {
    return this.life?.process.alive ? this.life.protocol : undefined;
  }

  get alive(): boolean {
    return this.life?.process.alive ?? false;
  }

  start(): void {
    if (this.alive) return;
    this.lives += 1;
    this.startedAt = this.#around.scheduler.now;
    this.#around.watch.line(this, this.lives === 1 ? "starts" : "starts again");
    this.life = new Life(this, this.#around, this.clock, this.#random.fork(`life ${this.lives}`));
  }

  kill(where = "by the plan"): void {
    if (!this.alive) return;
    this.life?.process.kill();
    this.died(where);
  }

  died(where: string): void {
    this.disk.crashed();
    this.#around.watch.line(this, `is killed ${where}`);
    this.#around.onDeath(this, where);
  }
}

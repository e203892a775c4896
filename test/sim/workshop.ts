import type { MeshPort, PeerHandlers } from "../../offchain/mesh/types.ts";
import type { Answers } from "./answers.ts";
import type { SimChain } from "./chain.ts";
import { chainPort } from "./chain-port.ts";
import { SimDisk } from "./disk.ts";
import type { Faults } from "./faults.ts";
import type { Life } from "./life.ts";
import { MemoryMesh } from "./mesh.ts";
import type { SimNetwork } from "./network.ts";
import { wireOf } from "./node-wire.ts";
import type { Owner } from "./owner.ts";
import type { Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import { protocolOptions } from "./setup.ts";
import type { Watching } from "./watching.ts";
import { SimWorker, type WorkerSpec } from "./worker.ts";

const FLUSH_MS = 50;
const SILENCE_MS = 1_200;

/** What the workers of a world share. */
export type WorkshopOptions = {
  plan: Plan;
  scheduler: Scheduler;
  random: Random;
  network: SimNetwork;
  chain: SimChain;
  owners: readonly Owner[];
  watching: Watching;
  faults(): Faults;
  answers(): Answers;
};

/** Makes workers, each with a disk, a mesh and a hand on the chain. */
export class Workshop {
  readonly #o: WorkshopOptions;
  readonly #wires = new Map<Process, () => void>();

  constructor(options: WorkshopOptions) {
    this.#o = options;
  }

  /** @param name also what its chances are drawn by; of an operator's second process another one than the first's */
  make(node: number, name: string, endpoint: string, onDeath: (worker: SimWorker, where: string) => void): SimWorker {
    const { plan, scheduler, random, watching, chain, owners, faults, answers } = this.#o;
    const owner = owners[node];
    const disk = new SimDisk(random.fork(`disk ${name}`), (ms) => worker.life?.process.freeze(ms));
    disk.faults = plan.disk;
    const spec: WorkerSpec = {
      name,
      operator: owner.account,
      endpoint,
      signer: owner.signer,
      honest: plan.operators[node].role === "honest",
      role: plan.operators[node].role,
      options: protocolOptions(plan, chain.deployment, owner),
      flushMs: FLUSH_MS,
      tokenMs: plan.load.tokenMs,
      silenceMs: SILENCE_MS,
      crashBeforeEffect: plan.crashBeforeEffect,
    };
    const { account } = owner;
    const { pollMs } = plan.chain;
    const worker: SimWorker = new SimWorker(
      spec,
      {
        scheduler,
        disk,
        mesh: (life, handlers) => this.#mesh(worker, life, handlers),
        chain: ({ process, random }, onUpdate) =>
          chainPort({ chain, faults: faults(), node, process, random, disk, account, pollMs, onUpdate }),
        order: (from, to, order, on) => answers().order(from, to, order, on),
        watch: watching,
        onDeath: (dead, where) => {
          if (dead.life) this.#hangUp(dead.life.process);
          onDeath(dead, where);
        },
      },
      random.fork(`worker ${name}`),
    );
    disk.onWritten = (records, forgotten) => watching.stored(worker, records, forgotten);
    return worker;
  }

  #hangUp(dead: Process): void {
    this.#wires.get(dead)?.();
    this.#wires.delete(dead);
  }

  #mesh(worker: SimWorker, life: Life, handlers: PeerHandlers): MeshPort {
    const { network, watching } = this.#o;
    const { spec } = worker;
    const { crypto, separator } = spec.options;
    const wire = wireOf(network, life.process, life.clock);
    this.#wires.set(life.process, () => wire.close());
    const make = (seen: PeerHandlers) => {
      const mesh = new MemoryMesh({
        operator: spec.operator,
        crypto,
        separator,
        handlers: seen,
        onFault: (kind, from, error) => watching.fault(worker, kind, from, error),
        signer: spec.signer.address,
        endpoint: spec.endpoint,
        wire,
      });
      life.process.after(0, () => mesh.start(), "mesh");
      return mesh;
    };
    return watching.mesh(worker, make, handlers);
  }
}

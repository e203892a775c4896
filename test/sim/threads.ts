import { Worker } from "node:worker_threads";
import { type Outcome, THREAD_DIED } from "./outcome.ts";
import type { ProfileName } from "./plan.ts";
import { planOf } from "./swarm.ts";

export type Task = { seed: number; profile: ProfileName };

export type ThreadsOptions = {
  count: number;
  /** The heap of one of them, in MiB: a simulation that needs more has failed. */
  heapMb: number;
  /** What is to be simulated next; nothing when there is no more. */
  next(): Task | undefined;
  done(outcome: Outcome): void;
};

/** Simulates one seed after another, on several threads; what comes of a seed does not depend on which. */
export class Threads {
  readonly #o: ThreadsOptions;
  readonly #running = new Set<Worker>();
  #over = false;

  constructor(options: ThreadsOptions) {
    this.#o = options;
  }

  /** Until there is no more to do, or it was ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#o.count }, () => this.#line()));
  }

  /** What is not done is left. */
  end(): void {
    this.#over = true;
    for (const worker of this.#running) void worker.terminate();
  }

  /** One thread, and another whenever it dies: that seed has failed, and the rest go on. */
  async #line(): Promise<void> {
    for (let task = this.#next(); task; task = this.#next()) {
      const worker = new Worker(new URL("./runner.ts", import.meta.url), {
        resourceLimits: { maxOldGenerationSizeMb: this.#o.heapMb },
      });
      this.#running.add(worker);
      await this.#use(worker, task);
      this.#running.delete(worker);
    }
  }

  #next(): Task | undefined {
    return this.#over ? undefined : this.#o.next();
  }

  /** Gives a thread this and what comes after, until there is no more, or it is gone. */
  #use(worker: Worker, first: Task): Promise<void> {
    let task: Task | undefined = first;
    worker.on("message", (outcome: Outcome) => {
      this.#o.done(outcome);
      task = this.#next();
      if (task) worker.postMessage(task);
      else void worker.terminate();
    });
    worker.on("error", (error) => {
      if (task) this.#o.done(lost(task, error));
    });
    worker.postMessage(task);
    return new Promise((resolve) => worker.on("exit", () => resolve()));
  }
}

function lost({ seed, profile }: Task, error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error);
  return {
    plan: planOf(seed, profile),
    failure: { invariant: THREAD_DIED, message, at: 0 },
    simulatedMs: 0,
    events: 0,
    ...{ faults: {}, messages: {}, checks: {}, achieved: {}, timeline: [], digest: "" },
  };
}

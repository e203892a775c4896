import type { SimChain } from "./chain.ts";
import { type Backup, SOUND } from "./disk.ts";
import { Guardian } from "./guardian.ts";
import type { SimNetwork } from "./network.ts";
import { type Action, type ActionKind, nodesOf, type Plan } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimWorker } from "./worker.ts";

/** What faults are done to. */
export type Victims = {
  scheduler: Scheduler;
  network: SimNetwork;
  chain: SimChain;
  /** By node; those that have not joined are there and do not run. */
  workers: readonly SimWorker[];
  /** Kills it; it stays down until it is revived. */
  kill(node: number, where?: string): void;
  /** Starts it again, unless it runs or was never started. */
  revive(node: number): void;
  /** The owner's part of it: a transaction, and what follows for the worker. */
  join(node: number): void;
  leave(node: number): void;
  rotate(node: number): void;
  /** Starts a second process of it on such a disk. Calling what comes back ends it. */
  twin(node: number, backup: Backup): () => void;
  line(who: string, text: string): void;
};

/** Carries a plan's actions out, each at its time, and ends them all when it heals. */
export class Faults {
  readonly #plan: Plan;
  readonly #v: Victims;
  readonly #guardian: Guardian;
  readonly #counts = new Map<ActionKind, number>();
  /** Nodes whose provider says nothing, by how many actions. */
  readonly #blind: number[];
  /** What ends each operator's second process, by node. */
  readonly #twins = new Map<number, () => void>();
  #healed = false;

  constructor(plan: Plan, victims: Victims) {
    this.#plan = plan;
    this.#v = victims;
    this.#guardian = new Guardian(victims.chain);
    this.#blind = plan.operators.map(() => 0);
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  get healed(): boolean {
    return this.#healed;
  }

  /** To be called again and again: ends what transactions that came late, or were taken back, did not. */
  rest(): void {
    if (this.#healed) this.#guardian.rest();
  }

  start(): void {
    const { scheduler } = this.#v;
    for (const action of this.#plan.actions) {
      if (action.kind === "restore") this.#restore(action);
      else if (action.kind === "twin") this.#twin(action);
      else scheduler.after(action.at, () => this.#apply(action), "fault");
    }
    scheduler.after(this.#plan.healAt, () => this.#heal(), "heal");
  }

  /** How the provider of a node's chain is now. */
  provider(node: number): { silent: number; behind: number } {
    if (this.#healed) return { silent: 0, behind: 0 };
    const { silent, behind } = this.#plan.chain;
    return { silent: this.#blind[node] > 0 ? 1 : silent, behind };
  }

  misreport(): number {
    return this.#healed ? 0 : this.#plan.chain.misreport;
  }

  #note(action: Action): void {
    const { kind, at, ...rest } = action;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    const [only, ...others] = nodesOf(action);
    const who = only !== undefined && others.length === 0 ? this.#v.workers[only].name : "world";
    this.#v.line(who, `${kind} ${JSON.stringify(rest)}`);
  }

  #for(ms: number, undo: () => void): void {
    this.#v.scheduler.after(ms, undo, "fault over");
  }

  #apply(action: Action): void {
    if (this.#healed) return;
    this.#note(action);
    const { network, chain, workers, revive } = this.#v;
    const guardian = this.#guardian;
    const endpoint = (node: number) => workers[node].spec.endpoint;
    const endpoints = (nodes: readonly number[]) => nodes.map(endpoint);
    switch (action.kind) {
      case "partition": {
        const [from, to] = [endpoints(action.from), endpoints(action.to)];
        this.#for(action.ms, network.block(from, to, action.abrupt));
        if (!action.oneWay) this.#for(action.ms, network.block(to, from, action.abrupt));
        break;
      }
      case "flap":
        network.flap(endpoint(action.a), endpoint(action.b));
        break;
      case "slow-lane": {
        const { lane, from, bytesPerMs } = action;
        const scope = { lane, from: from === undefined ? undefined : endpoint(from) };
        this.#for(action.ms, network.change(scope, { bytesPerMs }));
        break;
      }
      case "lossy": {
        const { loss, tailMs } = action;
        const change = { loss, tailMs, tailChance: 0.2 };
        for (const scope of [{ from: endpoint(action.node) }, { to: endpoint(action.node) }])
          this.#for(action.ms, network.change(scope, change));
        break;
      }
      case "chaos": {
        const { vanish, repeat, reorder } = action;
        this.#for(action.ms, network.change({}, { vanish, repeat, reorder }));
        break;
      }
      case "crash":
        this.#v.kill(action.node);
        this.#for(action.downMs, () => revive(action.node));
        break;
      case "stop":
        workers[action.node].life?.process.freeze(action.ms);
        break;
      case "clock-jump":
        workers[action.node].clock.jump(action.ms);
        break;
      case "clock-drift":
        workers[action.node].clock.drift(action.rate);
        break;
      case "disk-full": {
        const { disk } = workers[action.node];
        disk.full = true;
        this.#for(action.ms, () => {
          disk.full = false;
        });
        break;
      }
      case "reorg":
        chain.fork(action.depth, action.ms, action.nodes, action.wins);
        break;
      case "chain-stop":
        this.#for(action.ms, chain.stop());
        break;
      case "censor":
        this.#for(action.ms, chain.censor(action.nodes.map((node) => workers[node].operator)));
        break;
      case "blind":
        this.#blind[action.node] += 1;
        this.#for(action.ms, () => {
          this.#blind[action.node] -= 1;
        });
        break;
      case "join":
        this.#v.join(action.node);
        break;
      case "leave":
        this.#v.leave(action.node);
        break;
      case "rotate":
        this.#v.rotate(action.node);
        break;
      case "pause":
        guardian.pause(action.expires ? action.ms : undefined);
        if (!action.expires) this.#for(action.ms, () => guardian.resume());
        break;
      case "invalidate":
        guardian.invalidate(action.back);
        break;
      case "dispute":
        this.#for(action.ms, guardian.dispute(action.back, action.falls));
    }
  }

  /** A backup is made first, and comes back at the action's time. */
  #restore(action: Extract<Action, { kind: "restore" }>): void {
    const { scheduler, workers, kill, revive } = this.#v;
    const { node, at, ageMs, downMs } = action;
    const worker = workers[node];
    const make = () => {
      const backup = worker.disk.backup();
      const bring = () => {
        if (this.#healed) return;
        this.#note(action);
        kill(node, "to restore a backup");
        worker.disk.restore(backup);
        scheduler.after(downMs, () => revive(node), "fault over");
      };
      scheduler.after(at - scheduler.now, bring, "fault");
    };
    scheduler.after(Math.max(0, at - ageMs), make, "backup");
  }

  /** From a copy of the disk that was made some time before, while the first goes on. One of each operator at a time. */
  #twin(action: Extract<Action, { kind: "twin" }>): void {
    const { scheduler, workers, twin } = this.#v;
    const { node, at, ageMs, ms } = action;
    const make = () => {
      const backup = workers[node].disk.backup();
      const begin = () => {
        if (this.#healed || this.#twins.has(node)) return;
        this.#note(action);
        const end = twin(node, backup);
        this.#twins.set(node, end);
        this.#for(ms, () => this.#twins.get(node) === end && this.#endTwin(node));
      };
      scheduler.after(at - scheduler.now, begin, "fault");
    };
    scheduler.after(Math.max(0, at - ageMs), make, "backup");
  }

  #endTwin(node: number): void {
    this.#twins.get(node)?.();
    this.#twins.delete(node);
  }

  #heal(): void {
    const { network, chain, workers, revive, line } = this.#v;
    this.#healed = true;
    line("world", "heals");
    network.heal();
    chain.heal();
    for (const node of [...this.#twins.keys()]) this.#endTwin(node);
    for (const [node, worker] of workers.entries()) {
      worker.disk.faults = SOUND;
      worker.disk.full = false;
      worker.spec.crashBeforeEffect = 0;
      worker.clock.drift(1);
      revive(node);
    }
  }
}

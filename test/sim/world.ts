import { type Bytes, equal, toHex, utf8 } from "../../offchain/core/bytes.ts";
import { Answers } from "./answers.ts";
import { SimChain } from "./chain.ts";
import { Clients } from "./clients.ts";
import { deploymentOf } from "./contract-state.ts";
import { type Backup, SimDisk } from "./disk.ts";
import { Faults } from "./faults.ts";
import { definitionsOf } from "./memory-plan.ts";
import { SimNetwork } from "./network.ts";
import { Owner } from "./owner.ts";
import type { Plan } from "./plan.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { LONGEST_PAUSE_SECONDS, parametersOf } from "./setup.ts";
import { type Keyring, realKeyring, simulatedKeyring } from "./simcrypto.ts";
import { Timeline } from "./timeline.ts";
import { Watching } from "./watching.ts";
import type { SimWorker } from "./worker.ts";
import { Workshop } from "./workshop.ts";

const START_TIME = 1_700_000_000;
/** How often an owner looks after its operator, and how long its supervisor takes to start a worker again. */
const CARE_MS = 2_000;
const REVIVE_MS: [number, number] = [100, 2_000];
const BOUNDS_MS = 5_000;
/** How much happens before whoever runs the world has a turn. */
const EVENTS_AT_ONCE = 20_000;
/** What comes to rest so long before the end, in milliseconds. */
const CLIENTS_LEAVE_MS = 20_000;
const LIARS_LEAVE_MS = 10_000;
const CHAIN_RESTS_MS = 5_000;

/** Everything that a plan describes, put together. */
export class World {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly timeline = new Timeline(() => this.scheduler.now);
  readonly network: SimNetwork;
  readonly chain: SimChain;
  readonly owners: readonly Owner[];
  readonly workers: readonly SimWorker[];
  readonly clients: Clients;
  readonly faults: Faults;
  readonly watching: Watching;
  readonly random: Random;
  readonly #keyring: Keyring;
  readonly #answers: Answers;
  readonly #workshop: Workshop;
  /** The workers, and the second processes that operators have ever started. */
  readonly everybody: SimWorker[] = [];
  readonly #started = new Set<number>();
  readonly #held = new Set<number>();
  readonly #deaths = new Map<string, number>();

  constructor(plan: Plan) {
    this.plan = plan;
    const random = new Random(`simulation ${plan.seed}`);
    this.random = random;
    const { scheduler } = this;
    this.#keyring = (plan.profile === "signed" ? realKeyring : simulatedKeyring)(String(plan.seed));
    this.watching = new Watching({
      plan,
      hashing: this.#keyring.crypto,
      workers: () => this.everybody,
      set: () => this.chain.head.state.set,
      timeline: this.timeline,
      stop: () => scheduler.stop(),
    });
    this.network = new SimNetwork(scheduler, random.fork("network"), plan.network);
    this.owners = plan.operators.map(({ stake }, i) => this.#owner(i, BigInt(stake)));
    this.chain = this.#makeChain();
    const { watching, network, chain, owners } = this;
    const parts = { faults: () => this.faults, answers: () => this.#answers };
    this.#workshop = new Workshop({ plan, scheduler, random, network, chain, owners, watching, ...parts });
    this.workers = owners.map(({ name, endpoint }, node) =>
      this.#workshop.make(node, name, endpoint, (_, where) => this.#died(node, where)),
    );
    this.everybody.push(...this.workers);
    this.#answers = new Answers(network, this.everybody);
    this.clients = this.#makeClients();
    this.faults = this.#makeFaults();
  }

  /** An address by its label. */
  #address(label: string): Bytes {
    return this.#keyring.crypto.keccak256(utf8(label)).slice(12);
  }

  #owner(node: number, stake: bigint): Owner {
    const key = (index: number) => this.#keyring.signer(`${node} ${index}`);
    const account = this.#address(`owner ${this.plan.seed} ${node}`);
    return new Owner({ name: `w${node}`, account, endpoint: `w${node}:9000`, stake, key });
  }

  #makeChain(): SimChain {
    const { plan, owners, scheduler } = this;
    const { blockMs, mempoolMs } = plan.chain;
    const at = { chainId: 31_337, registry: this.#address("registry"), ledger: this.#address("ledger") };
    const guard = { account: this.#address("guardian"), longestPauseSeconds: LONGEST_PAUSE_SECONDS };
    const deployment = deploymentOf(this.#keyring.crypto, at, parametersOf(plan), guard);
    return new SimChain({
      scheduler,
      random: this.random.fork("chain"),
      deployment,
      funds: owners.map(({ account, stake }) => [account, 2n * stake] as const),
      blockMs,
      mempoolMs,
      startTime: START_TIME,
      onBlock: (block) => this.watching.block(block),
    });
  }

  /**
   * Starts a second process of an operator, from a copy of its disk, with the same key; the registry sends everybody to it.
   * @returns what ends it
   */
  #twin(node: number, backup: Backup): () => void {
    const owner = this.owners[node];
    // Every process draws chances of its own.
    const name = `${owner.name}.${this.everybody.length}`;
    const endpoint = `${name}:9000`;
    let over = false;
    const twin = this.#workshop.make(node, name, endpoint, (dead) => {
      const ms = this.random.fork(`revival ${dead.name} ${dead.lives}`).int(...REVIVE_MS);
      this.scheduler.after(ms, () => over || dead.start());
    });
    const { signer, options } = this.workers[node].spec;
    Object.assign(twin.spec, { signer, options: { ...twin.spec.options, signer: options.signer } });
    twin.disk.restore(backup);
    this.everybody.push(twin);
    owner.move(endpoint);
    twin.start();
    return () => {
      over = true;
      twin.kill("as the second of two");
      // Nobody asks it any more.
      twin.life = undefined;
      twin.disk.restore(new SimDisk(this.random).backup());
      owner.move(owner.endpoint);
    };
  }

  #makeClients(): Clients {
    const { plan, scheduler, random, owners, watching } = this;
    const alone = plan.operators.every(({ role }) => role === "honest");
    return new Clients({
      scheduler,
      random: random.fork("clients"),
      hashing: this.#keyring.crypto,
      doors: () =>
        this.everybody.flatMap(({ life, honest, spec }) =>
          // As clients find them: by a registry, and by what a worker says of its health.
          life && honest && life.protocol.following.isRegistered(spec.signer.address)
            ? [{ gateway: life.gateway, alive: () => life.process.alive }]
            : [],
        ),
      meanMs: 1000 / plan.load.requestsPerSecond,
      maxLength: plan.load.maxLength,
      memory: plan.memory && {
        ...plan.memory,
        definitions: definitionsOf(
          plan.memory,
          owners.map(({ account }) => account),
        ),
        next: (...drawn) => watching.memory?.answer(...drawn),
      },
      onlyHonest: () => alone,
    });
  }

  #makeFaults(): Faults {
    const { scheduler, network, chain, workers, owners } = this;
    return new Faults(this.plan, {
      scheduler,
      network,
      chain,
      workers,
      kill: (node, where) => {
        this.#held.add(node);
        workers[node].kill(where);
      },
      revive: (node) => {
        this.#held.delete(node);
        if (this.#started.has(node)) workers[node].start();
      },
      join: (node) => {
        owners[node].join();
        this.#begin(node);
      },
      leave: (node) => owners[node].leave(),
      rotate: (node) => owners[node].rotate(chain),
      twin: (node, backup) => this.#twin(node, backup),
      line: (who, text) => this.timeline.note(who, text),
    });
  }

  #begin(node: number): void {
    this.#started.add(node);
    this.workers[node].start();
  }

  #died(node: number, where: string): void {
    this.#deaths.set(`killed ${where}`, (this.#deaths.get(`killed ${where}`) ?? 0) + 1);
    const revive = () => {
      if (!this.#held.has(node) && this.#started.has(node)) this.workers[node].start();
    };
    this.scheduler.after(this.random.fork(`revival ${node} ${this.workers[node].lives}`).int(...REVIVE_MS), revive);
  }

  #endLiars(): void {
    for (const [node, worker] of this.workers.entries()) {
      if (worker.honest) continue;
      this.#held.add(node);
      worker.kill("when its lies are over");
    }
  }

  /** An owner's eye on the registry, and on the key that its worker signs with. */
  #care(): void {
    const { chain, scheduler, faults } = this;
    faults.rest();
    for (const [node, owner] of this.owners.entries()) {
      owner.see(chain, scheduler.now);
      const { spec } = this.workers[node];
      const key = owner.listed(chain, faults.healed);
      if (!key || equal(key.address, spec.signer.address) || !this.#started.has(node)) continue;
      this.workers[node].kill("to sign with its new key");
      spec.signer = key;
      spec.options = { ...spec.options, signer: key };
    }
  }

  /** Until the end. @throws what does not hold, as soon as it is seen */
  run(): void {
    for (const _ of this.steps());
  }

  /** The same, with a turn for the caller after every so many things that happen. */
  *steps(): Generator<void> {
    const { plan, scheduler, chain, owners, clients, watching } = this;
    const founders = owners.filter((_, node) => plan.operators[node].founder);
    chain.start([
      ...founders.map((owner) => ({ from: owner.account, call: owner.joining(chain) })),
      { from: founders[0].account, call: { type: "activate", set: [] } },
    ]);
    const chance = this.random.fork("start");
    for (const node of owners.keys())
      if (plan.operators[node].founder) scheduler.after(chance.int(0, 500), () => this.#begin(node), "start");
    scheduler.every(CARE_MS, () => this.#care(), "care");
    scheduler.every(1_000, () => watching.beats(this.members(), scheduler.now), "beats");
    scheduler.every(BOUNDS_MS, () => watching.bounds(), "bounds");
    this.faults.start();
    if (plan.load.requestsPerSecond > 0) clients.start();
    // What still goes on at the end has not reached everybody, and says nothing about what will.
    const before = (ms: number, work: () => void) =>
      scheduler.after(Math.max(plan.healAt, plan.endAt - ms), work, "rest");
    before(CLIENTS_LEAVE_MS, () => clients.stop());
    before(LIARS_LEAVE_MS, () => this.#endLiars());
    before(CHAIN_RESTS_MS, () => chain.stop());
    while (!scheduler.run(plan.endAt, EVENTS_AT_ONCE)) yield;
    if (watching.failure !== undefined) throw watching.failure;
  }

  /** Those of whom everything is asked that is asked of a member: honest, running, in the set, with the key that counts. */
  members(): SimWorker[] {
    const { operators } = this.chain.head.state;
    return this.workers.filter(({ honest, alive, operator, spec }) => {
      const record = operators.get(toHex(operator));
      const listed = record?.listed && equal(record.listed, spec.signer.address);
      return honest && alive && record?.status === "active" && listed;
    });
  }

  /** How often workers were killed, by how. */
  get deaths(): ReadonlyMap<string, number> {
    return this.#deaths;
  }
}

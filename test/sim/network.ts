import type { Lane } from "../../offchain/mesh/types.ts";
import { CALM, type Conditions, Rules, type Scope } from "./conditions.ts";
import { Pipe } from "./pipe.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Packet, Wire } from "./wire.ts";

/** A connection that brings nothing for so long is taken for dead. */
const KEEPALIVE_MS = 10_000;
const RESEND_MS = 200;
const MOST_RESENDS = 5;
const RECONNECT_MS = 50;
const CHAOS_MS = 300;

type Load = { from: string; to: string; lane: Lane; size: number; chaotic: boolean; deliver: () => void };
/** What is known of the packets from one endpoint to another on one lane. */
type Link = { pipe: Pipe; arrivedUntil: number };
type Pair = {
  open: boolean;
  /** Grows when the connection breaks: what was on its way is gone. */
  life: number;
  links: Map<string, Link>;
  /** What a partition holds back, in order: what to do with it when it is over. */
  held: { from: string; go: () => void }[];
  deadline?: () => void;
};

/** The network between simulated workers, with everything that can be wrong with one. */
export class SimNetwork implements Wire {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #rules: Rules;
  readonly #receivers = new Map<string, (packet: Packet) => void>();
  readonly #listeners = new Set<(a: string, b: string) => void>();
  readonly #pairs = new Map<string, Pair>();
  readonly #blocks = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  #healed = 0;

  constructor(scheduler: Scheduler, random: Random, base: Conditions = CALM) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#rules = new Rules(base);
  }

  /** How many packets there were of each kind, and what became of some. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  now(): number {
    return this.#scheduler.now;
  }

  after(ms: number, work: () => void): () => void {
    return this.#scheduler.after(ms, work, "mesh");
  }

  listen(endpoint: string, receive: (packet: Packet) => void): () => void {
    this.#receivers.set(endpoint, receive);
    this.#endpointChanged(endpoint);
    return () => {
      if (this.#receivers.get(endpoint) !== receive) return;
      this.#receivers.delete(endpoint);
      this.#endpointChanged(endpoint);
    };
  }

  isOpen(a: string, b: string): boolean {
    return this.#receivers.has(a) && this.#receivers.has(b) && this.#pair(a, b).open;
  }

  onChange(listener: (a: string, b: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  carry(packet: Packet, sent: () => void): void {
    const { to, call, lane, kind, size } = packet;
    this.#count(`${lane} ${call.method} ${kind}`);
    const chaotic = kind !== "end" && kind !== "cancel";
    this.#send({ from: packet.from, to, lane, size, chaotic, deliver: () => this.#receivers.get(to)?.(packet) }, sent);
  }

  /** Takes anything from one endpoint to another: `deliver` is called later, or never when the connection breaks. */
  pass(from: string, to: string, lane: Lane, size: number, deliver: () => void): void {
    this.#send({ from, to, lane, size, chaotic: false, deliver }, () => {});
  }

  #send(load: Load, sent: () => void): void {
    const { from, to, lane } = load;
    if (!this.isOpen(from, to)) {
      this.#scheduler.after(0, sent, "sent");
      return;
    }
    const pair = this.#pair(from, to);
    const link = this.#link(pair, from, to, lane);
    link.pipe.push(load.size, () => this.#leave(pair, link, load, sent));
  }

  #leave(pair: Pair, link: Link, load: Load, sent: () => void): void {
    const { from, to, lane, chaotic } = load;
    const { now } = this.#scheduler;
    const { life } = pair;
    const random = this.#random;
    const conditions = this.#rules.of(from, to, lane);
    this.#unlessHeld(pair, load, now, sent, "sent");
    let late = this.#delay(conditions);
    for (let resends = 0; random.chance(conditions.loss); resends++) {
      late += RESEND_MS * 2 ** resends;
      this.#count("lost");
      if (resends < MOST_RESENDS) continue;
      this.#scheduler.after(late, () => pair.life === life && this.#break(from, to), "break");
      return;
    }
    const arrive = (at: number) => this.#unlessHeld(pair, load, at, load.deliver, "packet");
    if (chaotic && random.chance(conditions.vanish)) {
      this.#count("vanished");
      return;
    }
    if (chaotic && random.chance(conditions.repeat)) {
      this.#count("repeated");
      arrive(now + late + random.float() * CHAOS_MS);
    }
    if (chaotic && random.chance(conditions.reorder)) {
      this.#count("reordered");
      arrive(now + late + random.float() * CHAOS_MS);
      return;
    }
    link.arrivedUntil = Math.max(link.arrivedUntil, now + late);
    arrive(link.arrivedUntil);
  }

  #delay({ delayMs, jitterMs, tailChance, tailMs }: Conditions): number {
    const random = this.#random;
    const tail = random.chance(tailChance) ? random.float() * tailMs : 0;
    return delayMs + random.float() * jitterMs + tail;
  }

  /** Does it at `at`, when the connection still stands then; behind a partition, when that is over. */
  #unlessHeld(pair: Pair, { from, to }: Load, at: number, go: () => void, label: string): void {
    const { life } = pair;
    const work = () => {
      if (pair.life !== life) return;
      if (this.#isBlocked(from, to)) {
        pair.held.push({ from, go });
        this.#watch(from, to, pair);
      } else go();
    };
    this.#scheduler.after(at - this.#scheduler.now, work, label);
  }

  /** Changes conditions until what comes back is called, or all is healed. Later changes win. */
  change(scope: Scope, conditions: Partial<Conditions>): () => void {
    return this.#rules.change(scope, conditions);
  }

  /**
   * Nothing gets from any of `from` to any of `to` until what comes back is called. What is sent meanwhile waits, unless the
   * connection is given up. `abrupt`: it is, at once.
   */
  block(from: readonly string[], to: readonly string[], abrupt = false): () => void {
    const directions = from.flatMap((a) => to.filter((b) => a !== b).map((b) => [a, b] as const));
    const healed = this.#healed;
    for (const [a, b] of directions) {
      this.#blocks.set(`${a} ${b}`, (this.#blocks.get(`${a} ${b}`) ?? 0) + 1);
      if (abrupt) this.#break(a, b);
      else this.#watch(a, b, this.#pair(a, b));
    }
    let done = false;
    return () => {
      if (done || healed !== this.#healed) return;
      done = true;
      for (const [a, b] of directions) {
        this.#blocks.set(`${a} ${b}`, (this.#blocks.get(`${a} ${b}`) ?? 0) - 1);
        this.#unblocked(a, b);
      }
    };
  }

  /** The connection between the two breaks, and is made again if nothing is in its way. */
  flap(a: string, b: string): void {
    this.#break(a, b);
  }

  /** Whatever was changed or blocked is as it should be, for good. */
  heal(): void {
    this.#healed += 1;
    this.#rules.heal();
    const blocked = [...this.#blocks.keys()];
    this.#blocks.clear();
    for (const name of blocked) {
      const [a, b] = name.split(" ");
      this.#unblocked(a, b);
    }
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  #pair(a: string, b: string): Pair {
    const name = a < b ? `${a} ${b}` : `${b} ${a}`;
    let pair = this.#pairs.get(name);
    if (!pair) {
      pair = { open: true, life: 0, links: new Map(), held: [] };
      this.#pairs.set(name, pair);
    }
    return pair;
  }

  #link(pair: Pair, from: string, to: string, lane: Lane): Link {
    const name = `${from} ${lane}`;
    let link = pair.links.get(name);
    if (!link) {
      const pipe = new Pipe(this.#scheduler, () => this.#rules.of(from, to, lane).bytesPerMs);
      link = { pipe, arrivedUntil: 0 };
      pair.links.set(name, link);
    }
    return link;
  }

  #isBlocked(from: string, to: string): boolean {
    return (this.#blocks.get(`${from} ${to}`) ?? 0) > 0;
  }

  /** Gives a blocked connection up when it stays so. */
  #watch(a: string, b: string, pair: Pair): void {
    pair.deadline ??= this.#scheduler.after(KEEPALIVE_MS, () => this.#break(a, b), "keepalive");
  }

  #unblocked(from: string, to: string): void {
    if (this.#isBlocked(from, to)) return;
    const pair = this.#pair(from, to);
    const { life } = pair;
    const due = pair.held.filter((held) => held.from === from);
    pair.held = pair.held.filter((held) => held.from !== from);
    for (const { go } of due) this.#scheduler.after(0, () => pair.life === life && go(), "packet");
    if (this.#isBlocked(to, from)) return;
    pair.deadline?.();
    pair.deadline = undefined;
    if (!pair.open) this.#reopen(from, to, pair);
  }

  #cut(pair: Pair): void {
    pair.life += 1;
    for (const { pipe } of pair.links.values()) pipe.close();
    pair.links.clear();
    pair.held = [];
    pair.deadline?.();
    pair.deadline = undefined;
  }

  #break(a: string, b: string): void {
    const pair = this.#pair(a, b);
    this.#cut(pair);
    this.#count("broken");
    if (pair.open) {
      pair.open = false;
      this.#tell(a, b);
    }
    this.#reopen(a, b, pair);
  }

  #reopen(a: string, b: string, pair: Pair): void {
    const { life } = pair;
    const open = () => {
      if (pair.open || pair.life !== life || this.#isBlocked(a, b) || this.#isBlocked(b, a)) return;
      pair.open = true;
      this.#tell(a, b);
    };
    this.#scheduler.after(RECONNECT_MS * (1 + this.#random.float()), open, "reconnect");
  }

  #endpointChanged(endpoint: string): void {
    for (const other of [...this.#receivers.keys()]) {
      if (other === endpoint) continue;
      const pair = this.#pair(endpoint, other);
      this.#cut(pair);
      if (!pair.open) this.#reopen(endpoint, other, pair);
      else if (this.#isBlocked(endpoint, other) || this.#isBlocked(other, endpoint)) this.#watch(endpoint, other, pair);
      this.#tell(endpoint, other);
    }
  }

  #tell(a: string, b: string): void {
    for (const listener of [...this.#listeners]) listener(a, b);
  }
}

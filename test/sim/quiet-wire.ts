import type { Packet, Wire } from "./wire.ts";

type Timer = { at: number; order: number; work: (() => void) | undefined };

/** A network without mishaps, in virtual time: every packet takes `delayMs`, unless a test breaks or throttles something. */
export class QuietWire implements Wire {
  readonly #delayMs: number;
  readonly #receivers = new Map<string, (packet: Packet) => void>();
  readonly #listeners = new Set<(a: string, b: string) => void>();
  readonly #broken = new Set<string>();
  /** Bytes a millisecond that each connection to an endpoint takes. */
  readonly #rates = new Map<string, number>();
  /** Until when a connection of a lane is busy. */
  readonly #busy = new Map<string, number>();
  readonly #timers: Timer[] = [];
  #now = 0;
  #order = 0;

  constructor(delayMs = 1) {
    this.#delayMs = delayMs;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, work: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, work };
    let at = this.#timers.length;
    while (at > 0 && this.#timers[at - 1].at > timer.at) at--;
    this.#timers.splice(at, 0, timer);
    return () => {
      timer.work = undefined;
    };
  }

  listen(endpoint: string, receive: (packet: Packet) => void): () => void {
    this.#receivers.set(endpoint, receive);
    this.#changed(endpoint);
    return () => {
      if (this.#receivers.get(endpoint) !== receive) return;
      this.#receivers.delete(endpoint);
      this.#changed(endpoint);
    };
  }

  carry(packet: Packet, sent: () => void): void {
    const { from, to, lane } = packet;
    // The slow side is the dialled one: what it sends, it sends at its rate.
    const rate = this.#rates.get(from);
    const name = `${from} ${to} ${lane}`;
    const begin = Math.max(this.#now, this.#busy.get(name) ?? 0);
    const gone = begin + (rate ? packet.size / rate : 0);
    if (rate) this.#busy.set(name, gone);
    if (gone > this.#now) this.after(gone - this.#now, sent);
    else this.after(0, sent);
    this.after(gone - this.#now + this.#delayMs, () => {
      if (this.isOpen(from, to)) this.#receivers.get(to)?.(packet);
    });
  }

  isOpen(a: string, b: string): boolean {
    return this.#receivers.has(a) && this.#receivers.has(b) && !this.#broken.has(a) && !this.#broken.has(b);
  }

  onChange(listener: (a: string, b: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Breaks all connections of an endpoint, until it is mended. */
  break(endpoint: string): void {
    this.#broken.add(endpoint);
    this.#changed(endpoint);
  }

  mend(endpoint: string): void {
    this.#broken.delete(endpoint);
    this.#changed(endpoint);
  }

  /** How fast each connection brings what this endpoint sends. */
  throttle(endpoint: string, bytesPerMs: number): void {
    this.#rates.set(endpoint, bytesPerMs);
  }

  /** Lets this much time pass, and everything that is due in it happen. */
  run(ms: number): void {
    const end = this.#now + ms;
    while (this.#timers.length > 0 && this.#timers[0].at <= end) {
      const { at, work } = this.#timers.shift()!;
      this.#now = at;
      work?.();
    }
    this.#now = end;
  }

  #changed(endpoint: string): void {
    for (const other of this.#receivers.keys())
      if (other !== endpoint) for (const listener of [...this.#listeners]) listener(endpoint, other);
  }
}

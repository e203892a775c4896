import { type Bytes, toHex } from "../core/bytes.ts";

/** For so long after it was last raised an alarm lasts. */
const LASTS_MS = 600_000;

/** Alarms about operators. */
export class Alarms {
  readonly #at = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  raise(operator: Bytes): void {
    this.#at.set(toHex(operator), this.#now());
  }

  isOn(operator: Bytes): boolean {
    return this.#now() - (this.#at.get(toHex(operator)) ?? Number.NEGATIVE_INFINITY) < LASTS_MS;
  }
}

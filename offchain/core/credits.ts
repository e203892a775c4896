import { type Bytes, toHex } from "./bytes.ts";

/** What one operator's tracks may cost us, whoever relays them: bytes at once, and bytes a second after that. */
export const BURST_BYTES = 8 * 1024 * 1024;
export const BYTES_PER_SECOND = 1024 * 1024;

/** A budget per author: who floods uses up his own. What does not fit is not lost, only asked for later. */
export class Credits {
  readonly #left = new Map<string, { bytes: number; at: number }>();

  #of(operator: Bytes, now: number): { bytes: number; at: number } {
    const name = toHex(operator);
    let credit = this.#left.get(name);
    if (!credit) {
      credit = { bytes: BURST_BYTES, at: now };
      this.#left.set(name, credit);
    }
    credit.bytes = Math.min(BURST_BYTES, credit.bytes + ((now - credit.at) / 1000) * BYTES_PER_SECOND);
    credit.at = now;
    return credit;
  }

  has(operator: Bytes, now: number): boolean {
    return this.#of(operator, now).bytes > 0;
  }

  /** False when the operator's budget is used up; then nothing is taken. */
  take(operator: Bytes, bytes: number, now: number): boolean {
    const credit = this.#of(operator, now);
    if (credit.bytes <= 0) return false;
    credit.bytes -= bytes;
    return true;
  }
}

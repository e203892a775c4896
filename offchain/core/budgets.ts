import { type Bytes, toHex } from "./bytes.ts";
import type { Effect } from "./replica.ts";
import { isAuthorsFault } from "./track.ts";

/** What one operator's tracks may cost us, whoever relays them: bytes at once, and bytes a second after that. */
export const BURST_BYTES = 8 * 1024 * 1024;
export const BYTES_PER_SECOND = 1024 * 1024;
/** What a segment costs its sender at least when it says nothing: so many bytes are worth the check of a signature. */
export const LEAST_BYTES = 1024;

/** A budget per operator: who floods uses up his own. What does not fit is not lost, only asked for later. */
export class Credits {
  /** Of those who have ever paid. */
  readonly #left = new Map<string, { bytes: number; at: number }>();

  #of(operator: Bytes, now: number): { bytes: number; at: number } {
    const credit = this.#left.get(toHex(operator)) ?? { bytes: BURST_BYTES, at: now };
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
    this.#left.set(toHex(operator), credit);
    return true;
  }
}

/**
 * Who pays for a segment: its author when it told something that the author signed, else who sent it. Whom a segment names
 * proves nothing, and anybody may send again what an author once said: neither may use up an honest author's budget.
 */
export class Budgets {
  readonly authors = new Credits();
  readonly senders = new Credits();

  /** @param effects what the replica made of the segment */
  charge(from: Bytes, author: Bytes, bytes: number, effects: readonly Effect[], now: number): void {
    if (effects.some(tellsOfAuthor)) this.authors.take(author, bytes, now);
    else this.senders.take(from, Math.max(LEAST_BYTES, bytes), now);
  }
}

function tellsOfAuthor(effect: Effect): boolean {
  if (effect.type === "persist" || effect.type === "persist-evidence") return true;
  if (effect.type !== "fault") return false;
  if (effect.kind === "invalid_segment") return isAuthorsFault(effect.error);
  return effect.kind === "accused" || effect.kind === "stopped" || effect.kind === "too_many_tracks";
}

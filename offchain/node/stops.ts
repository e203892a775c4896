import type { Tokenizer } from "../inference/tokenizer.ts";

/** Watches an answer for its stop sequences, across token borders. */
export class StopWatch {
  readonly #stops: readonly string[];
  readonly #decoder: ReturnType<Tokenizer["createDecoder"]>;
  readonly #longest: number;
  #tail = "";

  constructor(tokenizer: Tokenizer, stops: readonly string[]) {
    this.#stops = stops;
    this.#decoder = tokenizer.createDecoder();
    this.#longest = Math.max(0, ...stops.map((stop) => stop.length));
  }

  /** True when these tokens complete a stop sequence. */
  push(ids: readonly number[]): boolean {
    this.#tail += this.#decoder.push(ids);
    const found = this.#stops.some((stop) => this.#tail.includes(stop));
    this.#tail = this.#tail.slice(-this.#longest - 8);
    return found;
  }
}

/** Turns an answer's tokens into the text that the client sees: whole characters, without the stop sequence that ended it. */
export class AnswerText {
  readonly #stops: readonly string[];
  readonly #decoder: ReturnType<Tokenizer["createDecoder"]>;
  #held = "";
  #ended = false;

  constructor(tokenizer: Tokenizer, stops: readonly string[]) {
    this.#stops = stops;
    this.#decoder = tokenizer.createDecoder();
  }

  /** The text that can be shown now: what may turn out to be the beginning of a stop sequence is held back. */
  push(ids: readonly number[]): string {
    return this.#release(this.#decoder.push(ids), false);
  }

  flush(): string {
    return this.#release(this.#decoder.flush(), true);
  }

  #release(text: string, last: boolean): string {
    if (this.#ended) return "";
    this.#held += text;
    const ends = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.#ended = true;
      return this.#held.slice(0, Math.min(...ends));
    }
    const kept = last ? 0 : this.#beginning();
    const shown = this.#held.slice(0, this.#held.length - kept);
    this.#held = this.#held.slice(this.#held.length - kept);
    return shown;
  }

  /** Length of the longest end of the held text that begins a stop sequence. */
  #beginning(): number {
    for (let length = this.#held.length; length > 0; length--) {
      const end = this.#held.slice(-length);
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(end))) return length;
    }
    return 0;
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import { CLEAR, type Direction, type Line } from "./line.ts";

export type WeatherOptions = {
  /** Each way, all the time. */
  delayMs: number;
  jitterMs: number;
  /** How long a line is left alone on average, between two troubles. */
  calmMs: number;
  /** How long a cut or a narrow time lasts. */
  troubleMs: [least: number, most: number];
  /** How narrow. */
  bytesPerSecond: [least: number, most: number];
};

const SIDES: readonly (readonly Direction[])[] = [["forth"], ["back"], ["forth", "back"]];

/** Trouble on every line, one independent of another, as the seed says: what happens, in which order and for how long. */
export class Weather {
  readonly happened = { cuts: 0, resets: 0, narrow: 0 };
  readonly #lines: readonly Line[];
  readonly #over = new AbortController();
  readonly #troubles: Promise<void>[];

  constructor(lines: readonly Line[], random: Random, options: WeatherOptions) {
    const { delayMs, jitterMs } = options;
    this.#lines = lines;
    for (const line of lines) line.set({ delayMs, jitterMs });
    this.#troubles = lines.map((line) => this.#trouble(line, random.fork(line.name), options));
  }

  async #trouble(line: Line, random: Random, options: WeatherOptions): Promise<void> {
    const { signal } = this.#over;
    const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => {});
    while (!signal.aborted) {
      await pause(random.exponential(options.calmMs));
      if (signal.aborted) return;
      const [kind, sides] = [random.pick(["cuts", "resets", "narrow"] as const), random.pick(SIDES)];
      const lasts = random.int(...options.troubleMs);
      const bytesPerSecond = random.int(...options.bytesPerSecond);
      this.happened[kind] += 1;
      if (kind === "resets") line.reset();
      else {
        line.set(kind === "cuts" ? { isCut: true } : { bytesPerSecond }, sides);
        await pause(lasts);
        line.set(kind === "cuts" ? { isCut: false } : { bytesPerSecond: CLEAR.bytesPerSecond }, sides);
      }
    }
  }

  /** The sky clears. */
  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#troubles);
    for (const line of this.#lines) line.set(CLEAR);
  }
}

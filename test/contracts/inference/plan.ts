import type { Random } from "../../sim/random.ts";
import type { LieKind } from "./lies.ts";
import type { ModelName } from "./models.ts";
import { SHAMS, type ShamKind } from "./shams.ts";

/** A model's part of a trial. */
export type Share = {
  model: ModelName;
  /** Of all cases, in relation to the others'. */
  part: number;
  /** Disputes that go on together: a worker keeps the forward passes of four. */
  atOnce: number;
  /** Of contexts; of equal ones there are several. */
  lengths: readonly number[];
};

/** A lie that has to be found, or an honest author that is accused. */
export type Planned = { lie: LieKind } | { sham: ShamKind };

const SHORT = [1, 2, 4, 7, 16, 33, 64, 100, 128, 257];
/** A wide one and one with long contexts, whose sums are in up to five parts; and the shipped one, whose passes take seconds. */
export const SHARES: readonly Share[] = [
  { model: { seed: 5 }, part: 8, atOnce: 4, lengths: [1, 2, 3, 6, 9, 11, 17, 24, 32, 39, 40] },
  { model: { seed: 9 }, part: 8, atOnce: 4, lengths: [1, 3, 5, 8, 13, 21, 40, 64, 129, 258] },
  { model: { seed: 19, positions: 1_200 }, part: 8, atOnce: 4, lengths: [...SHORT, ...SHORT, 513, 1_000] },
  { model: "weft-austen", part: 1, atOnce: 1, lengths: [2, 17, 33, 48, 64, 80, 90, 100, 110, 128, 260, 1_000] },
];

/** How often each is told in so many lies. */
const OFTEN: Record<LieKind, number> = {
  "an element, and all that follows from it": 7,
  "an element, and nothing else": 5,
  "another token": 2,
  "another draw": 2,
  "another row of the memory": 2,
  "a root of nothing": 2,
};
/** Lies for each honest author that is accused. */
const LIES_PER_SHAM = 4;

/** What happens with each model, in order. */
export function plan(shares: readonly Share[], corruptions: number, random: Random): Planned[][] {
  const sum = shares.reduce((all, { part }) => all + part, 0);
  const counts = shares.map(({ part }) => Math.floor((corruptions * part) / sum));
  const left = corruptions - counts.reduce((all, count) => all + count, 0);
  const lies = drawnFrom(OFTEN, corruptions, random.fork("lies")).map((lie): Planned => ({ lie }));
  const often = Object.fromEntries(Object.keys(SHAMS).map((sham) => [sham, 1])) as Record<ShamKind, number>;
  return counts.map((count, i) => {
    const own = lies.splice(0, count + (i < left ? 1 : 0));
    const shams = drawnFrom(often, Math.ceil(own.length / LIES_PER_SHAM), random.fork(`shams ${i}`));
    return random.fork(i).shuffle([...own, ...shams.map((sham): Planned => ({ sham }))]);
  });
}

/** So many kinds, each as often as it says, in any order. */
function drawnFrom<K extends string>(often: Record<K, number>, count: number, random: Random): K[] {
  const once = Object.keys(often).flatMap((kind) => Array<K>(often[kind as K]).fill(kind as K));
  const all: K[] = [];
  while (all.length < count) all.push(...random.shuffle(once));
  return all.slice(0, count);
}

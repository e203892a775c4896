import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { measure } from "./scale-measure.ts";
import { drawScale, type Figures, report } from "./scale-report.ts";

/** `npm run sim:scale`: what a quiet mesh costs each operator, by its size. */

const SIZES = [4, 16, 64, 128];
/** Simulated seconds that are measured, by size: as few as the medians need, for what is simulated grows with N³. */
const SECONDS: Record<number, number> = { 4: 10, 16: 4, 64: 1, 128: 0.5 };

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { size: text, seconds: text, into: text, from: text } });
const figures: Figures[] = values.from
  ? readFileSync(values.from, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Figures)
  : (values.size ? [Number(values.size)] : SIZES).map((size) =>
      measure(size, Number(values.seconds ?? SECONDS[size] ?? 1)),
    );
if (values.into) for (const one of figures) appendFileSync(values.into, `${JSON.stringify(one)}\n`);
console.log(report(figures));
if (figures.length > 1) writeFileSync(new URL("../../docs/scale.svg", import.meta.url), drawScale(figures));

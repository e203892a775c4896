import type { Tried } from "../courts/tally.ts";
import { KINDS } from "../model-cases.ts";
import { said } from "./models.ts";
import type { Verdict } from "./verdicts.ts";

/** From so many lies on every kind of operation has to be lied about. */
const MANY = 500;
/** Bounds of what is said about lengths of contexts. */
const LENGTHS = [1, 10, 100, 300, 1_000, Number.POSITIVE_INFINITY];

/** What a trial says of its verdicts. */
export function outcomeOf(verdicts: readonly Verdict[]): { tried: Tried[]; notes: string[]; faults: string[] } {
  const tried = verdicts.map(triedOf);
  const lies = verdicts.flatMap(({ one }) => ("lie" in one ? [one] : []));
  const missed = KINDS.filter((kind) => !lies.some(({ proof }) => proof.type === "element" && proof.kind === kind));
  const models = [...new Set(verdicts.map(({ one }) => said(one.watched.model.name)))];
  const lengths = LENGTHS.slice(1).map((below, i) => {
    const from = LENGTHS[i] as number;
    const count = verdicts.filter(({ one }) => one.positions >= from && one.positions < below).length;
    return `${count} from ${from}`;
  });
  const ofModel = (model: string) => verdicts.filter(({ one }) => said(one.watched.model.name) === model).length;
  const notes = [
    `models: ${models.map((model) => `${model} ${ofModel(model)}`).join(", ")}`,
    `positions of a context: ${lengths.join(", ")}; ${Math.max(...verdicts.map(({ one }) => one.positions))} at most`,
    `reading a memory: ${verdicts.filter(({ one }) => one.readsMemory).length}`,
    ...(missed.length === 0 ? [] : [`no element of: ${missed.join(", ")}`]),
  ];
  const faults = lies.length >= MANY && missed.length > 0 ? [`no element of ${missed.join(", ")} was lied about`] : [];
  return { tried, notes, faults };
}

function triedOf({ one, fault, gas }: Verdict): Tried {
  if ("sham" in one) return { kind: `an accuser that ${one.sham}`, isHonest: true, gas, fault };
  const { lie: kind, proof } = one;
  return { kind, of: proof.type === "sample" ? "the draw" : proof.kind, isHonest: false, gas, fault };
}

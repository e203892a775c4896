import { closingOf, codeOf, type Mutant, split, trimmed } from "./source.ts";

/** What refuses: a revert, or an answer that says no. */
const REFUSAL = /^\s*\{?\s*(?:revert\b|return (?:false|0);)/;
/** Calls for their refusals alone. */
const CHECKS = /(?<=[;{})]\s*|\belse )(_running|_require\w*|_check(?:Set|Endpoint)|(?:\w+\.)?validate|\w+\.check)\(/g;

const ternary = (instead: string) => (on: string, inner: string) => `(${on} ? ${instead} : (${inner}))`;
const negation = (on: string, inner: string) => `(${on} ? !(${inner}) : (${inner}))`;
const deletion = (on: string, inner: string) => `if (!${on}) ${inner}`;

/** Name of the modifier that stands for `restricted` in a file; each its own, because modifiers are inherited. */
export const openName = (file: string) => `restricted${file.replace(/^.*\/|\.sol$/g, "")}`;

/** Name of the function around a place. */
function functionAt(code: string, place: number): string {
  const names = [...code.slice(0, place).matchAll(/\bfunction (\w+)|\b(constructor)\(/g)];
  const last = names.at(-1);
  return last?.[1] ?? last?.[2] ?? "";
}

/**
 * Every revert condition of a contract: negated, deleted, and, of several joined by "or" or "and", each one without its
 * say; every check that is a call, every `restricted`, and every look at the pause: deleted.
 */
export function scan(file: string, source: string): Mutant[] {
  const code = codeOf(source);
  const contract = file.replace(/^.*\/|\.sol$/g, "");
  const found: Mutant[] = [];
  const add = (what: string, [start, end]: [number, number], render: Mutant["render"]) => {
    const text = source.slice(start, end).replace(/\s+/g, " ");
    found.push({ name: `${contract}.${functionAt(code, start)} ${what}: ${text}`, file, start, end, render });
  };
  const condition = (start: number, end: number) => {
    const range = trimmed(code, start, end);
    add("deleted", range, ternary("false"));
    add("negated", range, negation);
    for (const [separator, instead] of [
      ["||", "false"],
      ["&&", "true"],
    ] as const) {
      const parts = split(code, ...range, separator);
      if (parts.length === 1) continue;
      for (const part of parts) add("without", part, ternary(instead));
      break;
    }
  };

  for (const match of code.matchAll(/\bif \(/g)) {
    const open = match.index + 3;
    const close = closingOf(code, open);
    if (REFUSAL.test(code.slice(close + 1))) condition(open + 1, close);
  }
  for (const match of code.matchAll(CHECKS)) {
    const open = match.index + match[0].length - 1;
    const close = closingOf(code, open);
    if (code[close + 1] !== ";") continue;
    add("deleted", [match.index, close + 2], deletion);
    if (match[1] === "_require") {
      const [first] = split(code, open + 1, close, ",") as [[number, number]];
      add("negated", first, negation);
      const parts = split(code, ...first, "&&");
      if (parts.length > 1) for (const part of parts) add("without", part, ternary("true"));
    }
  }
  // Reverts that no condition stands before.
  for (const match of code.matchAll(/(?<=[;}]\s*)revert \w+\(/g)) {
    const close = closingOf(code, match.index + match[0].length - 1);
    add("deleted", [match.index, close + 2], deletion);
  }
  for (const match of code.matchAll(/(?<=[=,] )_running\(\)/g))
    add("unpaused", [match.index, match.index + match[0].length], ternary("activeTime()"));
  for (const match of code.matchAll(/\brestricted\b/g))
    add("open to all", [match.index, match.index + match[0].length], (on) => `${openName(file)}(${on})`);
  return found;
}

/** How many refusals the source has by its words: reverts, conditions that answer no, and `restricted`. */
export function countRefusals(source: string): number {
  return [...codeOf(source).matchAll(/\brevert\b|\)\s*\{?\s*return (?:false|0);|\brestricted\b/g)].length;
}

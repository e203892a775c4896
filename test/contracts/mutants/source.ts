/** A change of one place of a source: `render` gets the switch of its mutant and the text that stands there. */
export interface Edit {
  start: number;
  end: number;
  render: (on: string, inner: string) => string;
}

export interface Mutant extends Edit {
  name: string;
  file: string; // below contracts/
  /** The test that must be among those that fail; without one, any. */
  test?: string;
}

/** The source with comments and strings blanked, so that what is found in it is code; of the same length. */
export function codeOf(source: string): string {
  return source.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"[^"\n]*"/g, (text) => text.replace(/[^\n]/g, " "));
}

/** Where the parenthesis closes that opens at `open`. */
export function closingOf(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === "(") depth++;
    if (code[at] === ")" && --depth === 0) return at;
  }
  throw new Error(`a parenthesis at ${open} does not close`);
}

/** The range without white space at its ends. */
export function trimmed(code: string, start: number, end: number): [number, number] {
  let [from, to] = [start, end];
  while (/\s/.test(code[from] as string)) from++;
  while (/\s/.test(code[to - 1] as string)) to--;
  return [from, to];
}

/** The ranges that `separator` divides a range into, outside of parentheses. */
export function split(code: string, start: number, end: number, separator: string): [number, number][] {
  const parts: [number, number][] = [];
  let from = start;
  for (let at = start; at < end; at++) {
    if (code[at] === "(") at = closingOf(code, at);
    else if (code.startsWith(separator, at)) {
      parts.push(trimmed(code, from, at));
      from = at + separator.length;
    }
  }
  parts.push(trimmed(code, from, end));
  return parts;
}

/**
 * The source with every edit in it, each behind its switch. One edit may lie within another; two that overlap
 * otherwise are an error, because neither would be what it says.
 */
export function applyAll(source: string, edits: readonly (Edit & { on: string })[]): string {
  const sorted = [...edits].sort((a, b) => a.start - b.start || b.end - a.end);
  const within = (start: number, end: number): string => {
    let text = "";
    let at = start;
    while (sorted[0] && sorted[0].start < end) {
      const edit = sorted.shift() as Edit & { on: string };
      if (edit.start < at || edit.end > end) throw new Error(`edits overlap: ${source.slice(edit.start, edit.end)}`);
      text += source.slice(at, edit.start);
      text += edit.render(edit.on, within(edit.start, edit.end));
      at = edit.end;
    }
    return text + source.slice(at, end);
  };
  return within(0, source.length);
}

/** What became of one thing that was tried. */
export type Tried = {
  kind: string;
  /** What exactly was false, if the kind does not say it. */
  of?: string;
  /** An honest author or checkpoint that was accused has to be dismissed, and all others convicted. */
  isHonest: boolean;
  /** Of all that was sent about it, if anything was. */
  gas?: bigint | undefined;
  /** What is not as it has to be. */
  fault?: string | undefined;
};

/** What a trial says in the end: how often what was tried, of what, and what that cost. */
export function tally(all: readonly Tried[]): string[] {
  const [lies, honest] = [all.filter(({ isHonest }) => !isHonest), all.filter(({ isHonest }) => isHonest)];
  return [
    ...table(lies),
    ended("convicted", lies),
    ...counts(honest).map(([kind, times]) => `${cell(times)}  honest: ${kind}`),
    ...(honest.length > 0 ? [ended("dismissed", honest)] : []),
    ...gasOf(lies),
  ];
}

const cell = (value: number) => (value === 0 ? "–" : String(value)).padStart(6);

function ended(how: string, tried: readonly Tried[]): string {
  const right = tried.filter(({ fault }) => fault === undefined).length;
  return `${cell(right)}  of ${tried.length} ${how}`;
}

/** Each kind, in the order in which they came, and how often. */
function counts(tried: readonly Tried[], by: (one: Tried) => string = ({ kind }) => kind): [string, number][] {
  const found = new Map<string, number>();
  for (const one of tried) found.set(by(one), (found.get(by(one)) ?? 0) + 1);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A letter for each kind, and below them how often it was of what. */
function table(lies: readonly Tried[]): string[] {
  const kinds = counts(lies);
  const ofs = counts(lies, ({ of = "" }) => of);
  if (ofs.length < 2) return kinds.map(([kind, times]) => `${cell(times)}  ${kind}`);
  const letter = (at: number) => String.fromCharCode("a".charCodeAt(0) + at);
  const width = Math.max(...ofs.map(([of]) => of.length));
  const rows = ofs.map(([of]) => {
    const cells = kinds.map(([kind]) => cell(lies.filter((one) => one.kind === kind && (one.of ?? "") === of).length));
    return `${of.padEnd(width)}${cells.join("")}`;
  });
  const head = `${"".padEnd(width)}${kinds.map((_, at) => letter(at).padStart(6)).join("")}`;
  return [...kinds.map(([kind, times], at) => `${cell(times)}  ${letter(at)}: ${kind}`), head, ...rows];
}

function gasOf(lies: readonly Tried[]): string[] {
  const gas = lies.flatMap((one) => one.gas ?? []).sort((a, b) => (a < b ? -1 : 1));
  if (gas.length === 0) return [];
  return [
    `gas of a conviction: ${gas[Math.floor(gas.length / 2)]} in the middle of ${gas.length}, ${gas.at(-1)} at most`,
  ];
}

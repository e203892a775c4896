export type Row = [what: string, value: string];

/** The measurements as two columns. */
export function table(title: string, rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([what]) => what.length));
  const lines = rows.map(([what, value]) => `  ${what.padEnd(width)}  ${value}`);
  return `\n${title}\n\n${lines.join("\n")}\n`;
}

export const ms = (value: number) => (value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);
export const bytes = (value: number) => `${Math.round(value).toLocaleString("en")} B`;
export const gas = (value: number | string) => `${Number(value).toLocaleString("en")} gas`;

/** The least upper bound that at least the given share of a histogram's observations is under; seconds in, text out. */
export function quantile(scrapes: readonly { buckets(name: string): [number, number][] }[], name: string, q: number) {
  const sums = new Map<number, number>();
  for (const scrape of scrapes)
    for (const [bound, count] of scrape.buckets(name)) sums.set(bound, (sums.get(bound) ?? 0) + count);
  const sorted = [...sums].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  const found = sorted.find(([, count]) => count >= q * all);
  if (all === 0 || !found) return "not measured";
  return Number.isFinite(found[0]) ? `≤ ${Math.round(found[0] * 1000)} ms` : "beyond the histogram";
}

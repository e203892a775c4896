export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints a value as JSON; amounts and other big numbers as decimal strings. */
export function print(title: string, value: object): void {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? v.toString() : v), 2);
  say(`${title}${text}`);
}

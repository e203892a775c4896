/** One line about a failure: what, which code and field, and what to do. Understands every error class of the house. */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, field, remedy } = error as { code?: unknown; field?: unknown; remedy?: unknown };
  const where = [typeof code === "string" && code, typeof field === "string" && `field ${field}`].filter(Boolean);
  const parts = [error.message.replace(/\s*\n\s*/g, " ")];
  if (where.length > 0) parts.push(`[${where.join(", ")}]`);
  if (typeof remedy === "string") parts.push(`Try: ${remedy}.`);
  return parts.join(" ");
}

/** Says why and ends with exit code 1; the stack only where it was asked for or nobody else explains the fault. */
export function fail(error: unknown): never {
  process.stderr.write(`weft: ${oneLine(error)}\n`);
  const explained = typeof (error as { code?: unknown } | undefined)?.code === "string";
  if (process.env["WEFT_DEBUG"] || !explained)
    process.stderr.write(`${error instanceof Error ? error.stack : new Error().stack}\n`);
  process.exit(1);
}

import { z } from "zod/v4";

export const hex = (bytes: number) =>
  // What is none is not decoded.
  z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), { error: `is not 0x and ${bytes} bytes`, abort: true });

/** What a client calls a memory: the same letters are the same name everywhere. */
export const memoryName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/, "is not 1 to 64 letters, digits, spaces, dots, dashes or underscores");

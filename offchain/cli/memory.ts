import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { WeftError } from "../core/errors.ts";
import { MemoryClient, type MemoryInfo } from "./devnet/memories.ts";

export type MemoryOptions = { worker: string; token?: string };

/** Bytes of a file that are taught at once: few enough that a call ends before anybody loses patience. */
const PIECE_BYTES = 16 * 1024;

/** How often, and after how many seconds, a piece is sent again of which the answer was lost. */
const WAITS = [1, 2, 4, 8, 16];
/** What a worker says that is not to be the last word. */
const PASSING = new Set(["busy", "closed", "internal", "no_author", "not_ready", "shutting_down", "too_many_calls"]);

const clientOf = ({ worker, token }: MemoryOptions) =>
  new MemoryClient(worker.replace(/\/+$/, ""), token ?? process.env["WEFT_TOKEN"]);
const line = ({ id, name, orders, writers }: MemoryInfo) =>
  `${id}  ${name}  orders ${orders.join(",")}  ${writers.length === 0 ? "everybody" : writers.join(",")} may teach it\n`;
const say = (text: string) => process.stdout.write(text);

/** Makes a memory, or says what it is where it was made before. */
export async function make(
  name: string,
  options: MemoryOptions & { orders?: number[]; writers?: string[] },
): Promise<void> {
  const { orders, writers } = options;
  say(line(await clientOf(options).make(name, { ...(orders && { orders }), ...(writers && { writers }) })));
}

export async function list(options: MemoryOptions): Promise<void> {
  for (const memory of await clientOf(options).list()) say(line(memory));
}

/** What a memory is, and what is in it by the latest checkpoint. */
export async function show(id: string, options: MemoryOptions & { name?: string }): Promise<void> {
  const memory = await clientOf(options).show(id as `0x${string}`, options.name);
  const { cells, checkpoint } = memory;
  say(line(memory));
  say(`${cells} counts as of checkpoint ${checkpoint ? `${checkpoint.number} (${checkpoint.hash})` : "none"}\n`);
}

/** Teaches a text file, piece after piece, each once: also when it is called again with the key of a call that broke off. */
export async function teach(
  id: string,
  file: string,
  options: MemoryOptions & { name?: string; key?: string },
): Promise<void> {
  const client = clientOf(options);
  const pieces = piecesOf(readFileSync(file, "utf8"));
  const key = options.key ?? randomUUID();
  let tokens = 0;
  const authors = new Set<string>();
  try {
    for (const [i, piece] of pieces.entries()) {
      const taught = await patiently(() => client.teach(id as `0x${string}`, piece, options.name, `${key}.${i}`));
      tokens += taught.tokens;
      for (const author of taught.authors) authors.add(author);
      if (process.stderr.isTTY) process.stderr.write(`\r${tokens} tokens`);
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new WeftError("not_taught", `after ${tokens} tokens: ${message}`, {
      cause,
      remedy: `the same command with --key ${key} teaches the rest, and nothing twice`,
    });
  }
  if (process.stderr.isTTY) process.stderr.write("\r");
  say(`${tokens} tokens taught, written by ${authors.size} workers; requests see them from the next checkpoint on\n`);
}

/** Asks again where no answer came, or one that will not last. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const seconds of WAITS)
    try {
      return await ask();
    } catch (error) {
      if (error instanceof WeftError && !PASSING.has(error.code)) throw error;
      const why = error instanceof Error ? error.message : error;
      process.stderr.write(`no answer (${why}); asking again in ${seconds} s\n`);
      await sleep(seconds * 1_000);
    }
  return ask();
}

/** A text in pieces of at most so many bytes, none of which cuts a character in two. */
export function piecesOf(text: string, most = PIECE_BYTES): string[] {
  const pieces: string[] = [];
  let piece = "";
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > most) {
      pieces.push(piece);
      [piece, bytes] = ["", 0];
    }
    piece += character;
    bytes += size;
  }
  return piece ? [...pieces, piece] : pieces;
}

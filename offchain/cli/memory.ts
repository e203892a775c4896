import { readFileSync } from "node:fs";
import { MemoryClient, type MemoryInfo } from "./devnet/memories.ts";

export type MemoryOptions = { worker: string; token?: string };

/** Bytes of a file that are taught at once: few enough that a call ends before anybody loses patience. */
const PIECE_BYTES = 16 * 1024;

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

/** Teaches a text file, piece after piece. */
export async function teach(id: string, file: string, options: MemoryOptions & { name?: string }): Promise<void> {
  const client = clientOf(options);
  const pieces = piecesOf(readFileSync(file, "utf8"));
  let tokens = 0;
  const authors = new Set<string>();
  for (const piece of pieces) {
    const taught = await client.teach(id as `0x${string}`, piece, options.name);
    tokens += taught.tokens;
    for (const author of taught.authors) authors.add(author);
    if (process.stderr.isTTY) process.stderr.write(`\r${tokens} tokens`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r");
  say(`${tokens} tokens taught, written by ${authors.size} workers; requests see them from the next checkpoint on\n`);
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

import { Reader, Writer } from "./bytes.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { Committed } from "./checkpoints.ts";

/** Hash, parent's number and the checkpoint. */
const ROW_BYTES = 32 + 8 + 216;
const ROWS_PER_PAGE = 1024;

/**
 * All checkpoints ever committed, by number. There are millions in the years of a worker's life: those whose cut nobody needs
 * any more are rows of bytes, outside the heap, and made objects again when somebody asks.
 */
export class CheckpointRecord {
  readonly #open = new Map<number, Committed>();
  readonly #pages: Uint8Array[] = [];
  #length = 0;

  /** The number of the next one. */
  get length(): number {
    return this.#length;
  }

  push(committed: Committed): void {
    this.#open.set(this.#length++, committed);
  }

  /** One of those on record; of one that was closed a copy, without a cut. */
  at(number: number): Committed | undefined {
    return this.#open.get(number) ?? (number < this.#length ? this.#read(number) : undefined);
  }

  /** The same to write on: it stays an object until it is closed again. */
  open(number: number): Committed | undefined {
    const committed = this.at(number);
    if (committed) this.#open.set(number, committed);
    return committed;
  }

  /** Lets go of its cut. */
  close(number: number): void {
    const committed = this.#open.get(number);
    if (!committed) return;
    const { hash, parent, checkpoint } = committed;
    this.#row(number).set(writeCheckpoint(new Writer().fixed(hash, 32).u64(parent), checkpoint).done());
    this.#open.delete(number);
  }

  #read(number: number): Committed {
    const from = new Reader(this.#row(number), "record");
    const [hash, parent] = [from.fixed(32), from.u64()];
    return { hash, parent, checkpoint: readCheckpoint(from) };
  }

  #row(number: number): Uint8Array {
    const page = Math.floor(number / ROWS_PER_PAGE);
    this.#pages[page] ??= new Uint8Array(ROWS_PER_PAGE * ROW_BYTES);
    const at = (number % ROWS_PER_PAGE) * ROW_BYTES;
    return this.#pages[page].subarray(at, at + ROW_BYTES);
  }
}

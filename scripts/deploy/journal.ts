import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transaction } from "ethers";

/** One line of Ignition's journal, as far as it is read here. */
interface Message {
  type: string;
  futureId?: string;
  networkInteractionId?: number;
  nonce?: number;
  hash?: string;
  result?: { address?: string };
}

/**
 * The folder that Ignition resumes from. Ignition writes down a transaction's nonce before it sends it and the hash after
 * that, so a process that is killed in between does not know whether it sent anything. What was signed is therefore
 * written here first.
 */
export class Journal {
  readonly folder: string;
  readonly #lines: string;
  readonly #signed: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#lines = join(folder, "journal.jsonl");
    this.#signed = join(folder, "signed.jsonl");
  }

  get exists(): boolean {
    return existsSync(this.#lines);
  }

  /** Addresses of the contracts that are made, by step. */
  addresses(): Map<string, string> {
    const made = this.#messages().filter(({ result }) => result?.address !== undefined);
    return new Map(made.map(({ futureId, result }) => [stepOf(futureId), result?.address as string]));
  }

  /** Hashes of the confirmed transactions, by step. */
  confirmed(): Map<string, string> {
    const done = this.#messages().filter(({ type }) => type === "TRANSACTION_CONFIRM");
    return new Map(done.map(({ futureId, hash }) => [stepOf(futureId), hash as string]));
  }

  /** Nonces of the transactions that were sent, or were about to be, by step. */
  nonces(): Map<string, number> {
    const prepared = this.#messages().filter(({ type }) => type === PREPARED);
    return new Map(prepared.map(({ futureId, nonce }) => [stepOf(futureId), nonce as number]));
  }

  /** The nonce of the transaction of which Ignition does not know whether it sent it, if there is one. */
  prepared(): number | undefined {
    const open = new Map<string, Message>();
    for (const message of this.#messages()) {
      const key = `${message.futureId} ${message.networkInteractionId}`;
      if (message.type === PREPARED) open.set(key, message);
      if (message.type === "TRANSACTION_SEND") open.delete(key);
    }
    return [...open.values()].at(-1)?.nonce;
  }

  /** Takes back that a transaction was about to be sent. */
  forget(nonce: number): void {
    const kept = this.#messages().filter(({ type, nonce: other }) => type !== PREPARED || other !== nonce);
    this.#write(kept);
  }

  /** A process that is killed in the middle of a line leaves half of it. */
  mend(): void {
    this.#write(this.#messages());
  }

  /** Before it is sent; durable when this returns. */
  sign(raw: string): void {
    mkdirSync(this.folder, { recursive: true });
    appendFileSync(this.#signed, `${JSON.stringify(raw)}\n`, { flush: true });
  }

  /** The latest transaction that was signed for a nonce. */
  signedFor(nonce: number): string | undefined {
    const raw = linesOf(this.#signed) as string[];
    return raw.findLast((one) => Transaction.from(one).nonce === nonce);
  }

  #messages(): Message[] {
    return linesOf(this.#lines) as Message[];
  }

  #write(messages: readonly Message[]): void {
    writeFileSync(`${this.#lines}.new`, messages.map((message) => `\n${JSON.stringify(message)}`).join(""));
    renameSync(`${this.#lines}.new`, this.#lines);
  }
}

const PREPARED = "TRANSACTION_PREPARE_SEND";

/** Ignition names a step `module#step`. */
function stepOf(futureId: string | undefined): string {
  return (futureId ?? "").replace(/^[^#]*#/, "");
}

function linesOf(file: string): unknown[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line, at) => {
    if (line === "") return [];
    try {
      return [JSON.parse(line)];
    } catch (cause) {
      if (at === lines.length - 1) return [];
      throw cause;
    }
  });
}

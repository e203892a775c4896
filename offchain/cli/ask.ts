import { type CompletionBody, streamCompletion } from "./devnet/client.ts";
import type { MemoryOptions } from "./memory.ts";

export type AskOptions = MemoryOptions & {
  tokens: number;
  temperature: number;
  memory?: string;
  gate?: NonNullable<CompletionBody["memory"]>["gate"];
  learn?: boolean;
};

/** Has a prompt gone on with, and writes the words as they come. */
export async function ask(prompt: string, options: AskOptions): Promise<void> {
  const { worker, token = process.env["WEFT_TOKEN"], tokens, temperature, memory, gate, learn } = options;
  const body: CompletionBody = {
    prompt,
    max_tokens: tokens,
    temperature,
    ...(memory !== undefined && { memory: { name: memory, ...(gate && { gate }), ...(learn && { learn }) } }),
  };
  const events = streamCompletion(worker.replace(/\/+$/, ""), body, undefined, token);
  for await (const { text, weft } of events) {
    if (weft.type === "started" && memory !== undefined) {
      const { memory: read } = weft;
      process.stderr.write(
        read ? `gate ${read.gate}, as of checkpoint ${read.checkpoint}\n` : "the memory is not read\n",
      );
    }
    process.stdout.write(text);
  }
  process.stdout.write("\n");
}

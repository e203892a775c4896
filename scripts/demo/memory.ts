import { setTimeout as sleep } from "node:timers/promises";
import { completeWhole, MemoryClient, Scrape, type WorkerProcess } from "../../offchain/cli/devnet.ts";
import { must } from "./must.ts";
import { LESSON, LESSON_PROMPT, LESSON_SECRET } from "./texts.ts";

const NAME = "secrets";
const TOKENS = 60;
const COMMITTED_MS = 60_000;

export type Changed = { without: string; told: string; tokens: number; checkpoint: number };

/** One worker is taught something that the model cannot know; another one, which was not, is asked for it. */
export async function changeStory(
  taught: WorkerProcess,
  asked: WorkerProcess,
  note: (text: string) => void,
): Promise<Changed> {
  const there = new MemoryClient(taught.operator.apiUrl);
  const here = new MemoryClient(asked.operator.apiUrl);
  const { id } = await there.make(NAME, { writers: [taught.operator.owner] });
  const { tokens, authors } = await there.teach(id, LESSON);
  must(authors.length === 1 && authors[0] === taught.operator.owner, "somebody else wrote the lesson");
  note("taught; the next checkpoint has it");
  // A checkpoint may come in the middle of the lesson.
  await until(async () => (await uncommitted(taught)) === 0 && (await there.show(id, NAME)).cells > 0);
  const { checkpoint: whole } = await there.show(id, NAME);
  must(whole, "no checkpoint has the memory");
  await until(async () => {
    const known = await here.show(id, NAME).catch(() => undefined);
    return known !== undefined && known.cells > 0 && (known.checkpoint?.number ?? 0) >= whole.number;
  });
  const ask = async (memory?: { name: string; id: typeof id; gate: "strong" }) =>
    completeWhole(asked.operator.apiUrl, {
      prompt: LESSON_PROMPT,
      max_tokens: TOKENS,
      temperature: 0,
      ...(memory && { memory }),
      weft: { author: asked.operator.owner },
    });
  const { text: without } = await ask();
  const { text: told, memory } = await ask({ name: NAME, id, gate: "strong" });
  must(memory, "the answer read no memory");
  must(!without.includes(LESSON_SECRET) && told.includes(LESSON_SECRET), `the memory changed nothing: ${told}`);
  return { without, told, tokens, checkpoint: memory.checkpoint };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + COMMITTED_MS;
  while (!(await holds())) {
    must(Date.now() < deadline, "no checkpoint had the lesson");
    await sleep(200);
  }
}

/** How much a worker knows to be taught that no checkpoint has. */
async function uncommitted({ operator }: WorkerProcess): Promise<number> {
  return (await Scrape.of(operator.apiUrl)).get("weft_memory_live_increments");
}

import { equal } from "../../../offchain/core/bytes.ts";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY, requestOf, TrackWriter } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import type { Random } from "../../sim/random.ts";
import { NOWHERE, partyOf } from "./bench.ts";
import type { Pool, Remembered } from "./question.ts";
import type { Stage } from "./stage.ts";

/** Positions times orders that a segment may learn are 64. */
const LEARNT = 32;
const PATIENCE_MS = 60_000;

/** Has a memory taught what may follow these contexts. @returns all memories that there are then */
export async function teach(
  { bench, courier, separator, known }: Stage,
  pools: readonly Pool[],
  random: Random,
): Promise<Memories> {
  const teacher = partyOf("the teacher");
  await bench.enlist(teacher, NOWHERE);
  await known();
  const writer = new TrackWriter(teacher, "lessons", separator);
  let memories = Memories.empty(crypto);
  for (const { model, contexts } of pools) {
    const { vocab } = model.opener.manifest.program;
    const ids = contexts.flatMap((context) => [...context.slice(-2), random.int(0, vocab - 1)]).slice(0, LEARNT);
    // Whose model nobody has, so that nobody asks whether it says so.
    const request = requestOf([0], { model: hashOf("no model"), nonce: random.bytes(32) });
    writer.open(request).tokens("given", [0]).tokens("written", ids).learn(1, ids.length);
    courier.publish(writer.seal());
    memories = memories.add(MEMORY, incrementsOf({ memory: MEMORY, first: 1, from: 0, ids: [0, ...ids] }));
  }
  const isKnown = () => bench.latest !== undefined && equal(bench.latest.checkpoint.memoryRoot, memories.root);
  await until("the memory is committed", isKnown, PATIENCE_MS);
  return memories;
}

/** The memory as a request names it now. */
export function remembered({ bench }: Pick<Stage, "bench">, memories: Memories): Remembered {
  if (!bench.latest) throw new Error("nothing is committed");
  const { checkpoint, hash } = bench.latest;
  return { id: memoryId(crypto, MEMORY), checkpoint, hash, memories };
}

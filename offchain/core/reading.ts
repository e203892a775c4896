import { equal } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import { WeftError } from "./errors.ts";
import type { Memories, Memory } from "./memories.ts";
import type { CheckpointRef, Gate, Request } from "./request.ts";

type Source = Pick<Consensus, "standing" | "committed" | "memoriesAt">;

/** A memory as a turn reads it, from its first token to its last; whoever holds it keeps that view. */
export type Reading = { memory: Memory; gate: Exclude<Gate, "off"> };

/**
 * What a request reads: nothing where it names no memory, or one that nobody had taught anything by then.
 * @throws WeftError `unknown_memory` (field `memory`) where the memories of that very checkpoint are not known here
 */
export function readingOf(source: Source, { memory }: Pick<Request, "memory">): Reading | undefined {
  if (!memory) return undefined;
  const { number, hash } = memory.checkpoint;
  const committed = source.standing.lastIndexOf(number) < 0 ? undefined : source.committed(number);
  const memories = committed && equal(committed.hash, hash) ? source.memoriesAt(number) : undefined;
  if (!memories)
    throw new WeftError("unknown_memory", `this worker does not know the memories of checkpoint ${number}`, {
      field: "memory",
      remedy: "ask another worker, or name a checkpoint that is recent and stands",
    });
  const known = memories.of(memory.id);
  return known && { memory: known, gate: memory.gate };
}

/** The memories of the latest checkpoint for which they are known here: what a new request names. */
export function latestView(source: Source): { checkpoint: CheckpointRef; memories: Memories } | undefined {
  for (let at = source.standing.length - 1; at >= 0; at--) {
    const number = source.standing[at];
    const committed = source.committed(number);
    if (!committed?.cut) return undefined;
    const memories = source.memoriesAt(number);
    if (memories) return { checkpoint: { number, hash: committed.hash }, memories };
  }
  return undefined;
}

import { equal } from "../core/bytes.ts";
import { encodeCheckpoint } from "../core/checkpoint.ts";
import { encodeEntries } from "../core/cut.ts";
import type { MeshHandlers } from "../mesh/mesh.ts";
import type { Store } from "../store/store.ts";
import type { Author } from "./author.ts";
import type { Knowledge } from "./knowledge.ts";

/** What a worker serves its peers: its own tracks, any stored segment, cuts, and its pen. */
export function served(parts: {
  knowledge: Knowledge;
  store: Store;
  author: Author;
}): Pick<MeshHandlers, "heldOf" | "state" | "ownSegments" | "fetch" | "cut" | "generate"> {
  const { knowledge, store, author } = parts;
  const { replica, consensus } = knowledge;
  return {
    heldOf: (operator) => replica.heads().filter((head) => equal(head.operator, operator)),
    state: () => ({
      registryPosition: replica.registry.position,
      registryMark: replica.registry.hash.subarray(0, 8),
      checkpoint: consensus.latest.checkpoint.number,
      digest: replica.digest(),
      load: author.load,
      heads: replica.heads(),
      evidence: [...replica.evidence.values()].map(({ a }) => a.header.operator),
    }),
    *ownSegments(since) {
      for (const head of store.heads()) {
        if (!equal(head.operator, replica.self)) continue;
        const held = since.find(({ incarnation }) => equal(incarnation, head.incarnation))?.sequence ?? 0;
        for (const { bytes } of store.segments(head, held + 1, head.sequence)) yield bytes;
      }
    },
    *fetch(track, from, to) {
      for (const { bytes } of store.segments(track, from, to)) yield bytes;
    },
    cut(number) {
      const [committed, cut] = [consensus.committed(number), knowledge.cutAt(number)];
      if (!committed || !cut) return undefined;
      return { checkpoint: encodeCheckpoint(committed.checkpoint), entries: encodeEntries(cut.entries) };
    },
    generate: (_from, order, signal) => author.generate(order, signal),
  };
}

import type { Admission } from "../core/admission.ts";
import { toHex } from "../core/bytes.ts";
import { encodeCheckpoint } from "../core/checkpoint.ts";
import { encodeEntries, trackName } from "../core/cut.ts";
import { pageOf } from "../core/memory-page.ts";
import type { Protocol } from "../core/protocol.ts";
import { StatedLeaves } from "../core/stated-leaves.ts";
import type { MeshHandlers } from "../mesh/types.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";
import type { Author } from "./author.ts";

/** What a worker serves its peers: tracks as it stored them, cuts, and its pen. */
export function served(parts: {
  protocol: Protocol;
  archive: Archive;
  store: Store;
  author: Author;
  admission: Admission;
}): Pick<MeshHandlers, "heads" | "state" | "segmentsSince" | "fetch" | "cut" | "memory" | "tree" | "generate"> {
  const { protocol, archive, store, author, admission } = parts;
  const { replica, consensus } = protocol;
  const stated = new StatedLeaves(replica, consensus);
  return {
    heads: () => replica.heads.all(),
    state: () => protocol.state(admission.load),
    *segmentsSince(since, of) {
      const wanted = new Set(of.map(toHex));
      const reached = new Map(since.map((head) => [trackName(head), head.sequence]));
      for (const head of store.heads()) {
        if (!wanted.has(toHex(head.operator))) continue;
        const held = reached.get(trackName(head)) ?? 0;
        for (const { bytes } of store.segments(head, held + 1, head.sequence)) yield bytes;
      }
    },
    *fetch(track, from, to) {
      for (const { bytes } of store.segments(track, from, to)) yield bytes;
    },
    cut(number) {
      const [committed, cut] = [consensus.committed(number), archive.cutAt(number)];
      if (!committed || !cut) return undefined;
      return { checkpoint: encodeCheckpoint(committed.checkpoint), entries: encodeEntries(cut.entries) };
    },
    memory(number, from) {
      const memories = consensus.memoriesAt(number);
      return memories && pageOf(memories, from);
    },
    tree: (request) => stated.page(request),
    generate: (from, order, signal) => author.generate(from, order, signal),
  };
}

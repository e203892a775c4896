import type { CheckpointPage, CheckpointPart } from "../api/ports.ts";
import { toHex } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import type { Consensus } from "../core/consensus.ts";
import { type Cut, encodeEntry } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { HEADER_BYTES, SIGNATURE_BYTES } from "../core/segment.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";

/** What one answer holds at most. A segment has up to 512 KiB, so there is always room for one. */
const MOST = { cut: 8_192, headers: 2_048, segments: 256 } as const satisfies Record<CheckpointPart, number>;
const MOST_SEGMENT_BYTES = 1024 * 1024;

/** What committed checkpoints contain, page by page, as every worker serves it to everybody. */
export class CheckpointPages {
  readonly #consensus: Consensus;
  readonly #archive: Archive;
  readonly #store: Store;

  constructor(options: { consensus: Consensus; archive: Archive; store: Store }) {
    this.#consensus = options.consensus;
    this.#archive = options.archive;
    this.#store = options.store;
  }

  /**
   * @param from a slot of the cut, or an index of the segments tree
   * @throws WeftError `not_found` for a checkpoint that is not committed, or whose content is not held (any more)
   */
  page(part: CheckpointPart, number: number, from: number): CheckpointPage {
    const committed = this.#consensus.committed(number);
    if (!committed) throw new WeftError("not_found", "no such checkpoint is committed", { field: "number" });
    const parent = number > 0 ? this.#archive.cutAt(committed.parent) : undefined;
    const cut = this.#archive.cutAt(number);
    if (!cut || (number > 0 && !parent)) throw notHeld();
    const items =
      part === "cut"
        ? cut.entries.slice(from, from + MOST.cut).map((entry) => encodeEntry(entry))
        : this.#segments(part, { cut, parent }, committed.checkpoint, from);
    const total = part === "cut" ? committed.checkpoint.entryCount : committed.checkpoint.segmentCount;
    const next = from + items.length;
    return { number, hash: toHex(committed.hash), from, items: items.map(toHex), next: next < total ? next : null };
  }

  #segments(
    part: "headers" | "segments",
    { cut, parent }: { cut: Cut; parent: Cut | undefined },
    { segmentCount }: Checkpoint,
    from: number,
  ): Uint8Array[] {
    if (!parent) return []; // the genesis has none
    // A cut may be false, and go beyond anything that could be walked.
    if (cut.countSince(parent) !== segmentCount) throw notHeld();
    const items: Uint8Array[] = [];
    let bytes = 0;
    let index = 0;
    for (const place of cut.segmentsSince(parent)) {
      if (index++ < from) continue;
      const stored = this.#store.segment(place, place.sequence);
      if (!stored) throw notHeld();
      const item = part === "segments" ? stored.bytes : stored.bytes.subarray(0, HEADER_BYTES + SIGNATURE_BYTES);
      bytes += item.length;
      if (items.length > 0 && bytes > MOST_SEGMENT_BYTES) break;
      items.push(item);
      if (items.length === MOST[part]) break;
    }
    return items;
  }
}

function notHeld(): WeftError {
  return new WeftError("not_found", "this worker does not hold what the checkpoint contains", {
    field: "number",
    remedy: "ask another worker",
  });
}

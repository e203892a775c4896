import type { Challenge, ChallengePort } from "../chain/answerer.ts";
import { type Opening, openingOf, takesMemories, type Unavailable } from "../core/availability.ts";
import { type Bytes, equal } from "../core/bytes.ts";
import { PastMemories } from "../core/past-memories.ts";
import type { Protocol } from "../core/protocol.ts";
import { decodeSegment } from "../core/segment.ts";
import { heldSegments } from "../core/views.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";
import { inSteps } from "./in-steps.ts";

/** What this worker can say to challenges, from its disk and from what the protocol holds. */
export class Challenges implements ChallengePort {
  readonly #protocol: Protocol;
  readonly #archive: Archive;
  readonly #store: Store;
  readonly #past: PastMemories;

  constructor(options: { protocol: Protocol; archive: Archive; store: Store }) {
    this.#protocol = options.protocol;
    this.#archive = options.archive;
    this.#store = options.store;
    const { replica, consensus } = options.protocol;
    this.#past = new PastMemories(replica, consensus, (number) => options.archive.cutAt(number));
  }

  async open({ number, hash, asked }: Challenge): Promise<Opening | Unavailable> {
    const { replica, consensus } = this.#protocol;
    const committed = consensus.committed(number);
    if (!committed || !equal(committed.hash, hash))
      return { kind: "unavailable", reason: "the checkpoint is not on record here" };
    const content = {
      checkpoint: committed.checkpoint,
      cut: this.#archive.cutAt(number),
      parent: this.#archive.cutAt(committed.parent),
      segments: heldSegments(replica),
      memories: takesMemories(asked) ? await inSteps(this.#past.at(committed.parent)) : undefined,
    };
    return openingOf(
      replica.crypto,
      {
        ...content,
        segmentAt: (track, sequence) => {
          const stored = this.#store.segment(track, sequence);
          return stored && decodeSegment(stored.bytes);
        },
        runAt: (track, place) => replica.track(track)?.runAt(place),
      },
      asked,
    );
  }

  attested(number: number, hash: Bytes): boolean {
    return this.#store.attested(number).some((one) => equal(one, hash));
  }
}

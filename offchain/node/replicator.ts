import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import type { Consensus } from "../core/consensus.ts";
import { type CutEntry, trackName } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { type Evidence, encodeEvidence } from "../core/evidence.ts";
import type { Effect, Replica } from "../core/replica.ts";
import { decodeSegment, encodeSegment, headerHash, type Segment, type TrackKey } from "../core/segment.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Store } from "../store/store.ts";
import type { RowBook } from "./row-book.ts";
import type { Sealed } from "./writer.ts";

/** How long a track may lag behind what a peer's beats say before it is fetched from that peer. */
const LAG_MS = 400;
/** Segments asked for at once. */
const FETCH_SPAN = 1024;

export type ReplicatorOptions = {
  replica: Replica;
  consensus: Consensus;
  store: Store;
  rows: RowBook;
  now(): number;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
  onAccused(operator: Bytes, evidence: Evidence): void;
  /** What is in memory may not be on disk: the process must not go on. */
  onFatal(error: unknown): void;
};

type Inbound = { segment: Segment; from: Bytes; done: () => void };

/** Carries out what the replica decides: durable first, said second. */
export class Replicator {
  readonly #options: ReplicatorOptions;
  #mesh?: Mesh;
  #queue: Inbound[] = [];
  #scheduled = false;
  readonly #fetching = new Set<string>();
  readonly #lagging = new Map<string, { sequence: number; since: number }>();

  constructor(options: ReplicatorOptions) {
    this.#options = options;
  }

  /** The mesh is made after what it serves. */
  connect(mesh: Mesh): void {
    this.#mesh = mesh;
  }

  /** Resolves once the segment was judged and, if taken, is on disk. @throws WeftError `malformed` */
  async receive(from: Bytes, bytes: Bytes): Promise<void> {
    const segment = decodeSegment(bytes);
    await new Promise<void>((done) => {
      this.#queue.push({ segment, from, done });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#drain());
    });
  }

  /** Everything that came in since the last time shares one fsync. */
  #drain(): void {
    this.#scheduled = false;
    const batch = this.#queue;
    this.#queue = [];
    this.apply(batch.flatMap(({ segment, from }) => this.#options.replica.step({ type: "segment", segment, from })));
    for (const { done } of batch) done();
  }

  /** This worker's own segment: durable, then published. @throws when it could not be stored. */
  commitOwn({ segment, rows }: Sealed): void {
    const { replica, store } = this.#options;
    const effects = replica.step({ type: "segment", segment });
    const fault = effects.find((effect) => effect.type === "fault");
    if (fault) throw fault.error;
    const bytes = encodeSegment(segment);
    store.appendSegments([{ ...keyOf(segment.header), sequence: segment.header.sequence, hash: segment.hash, bytes }]);
    this.#mesh?.publishSegment(bytes);
    for (const shipment of rows) {
      this.#options.rows.keep(segment.header, shipment.place, shipment.rows);
      this.#mesh?.publishRows({ ...keyOf(segment.header), ...shipment });
    }
    this.#mesh?.changed();
  }

  /** Persists first, in one transaction; then everything that others can see. */
  apply(effects: readonly Effect[]): void {
    const { store, rows } = this.#options;
    const persist = effects.filter((effect) => effect.type === "persist");
    try {
      store.appendSegments(
        persist.map(({ segment, hash }) => ({
          ...keyOf(segment.header),
          sequence: segment.header.sequence,
          hash,
          bytes: encodeSegment(segment),
        })),
      );
      for (const effect of effects)
        if (effect.type === "persist-evidence") store.putEvidence(effect.operator, encodeEvidence(effect.evidence));
    } catch (error) {
      this.#options.onFatal(error);
      return;
    }
    for (const { segment } of persist)
      rows.segmentHeld(segment.header, segment.header.sequence, segment.snapshots.length);
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "announce":
        this.#mesh?.changed();
        break;
      case "accuse":
        this.#mesh?.publishEvidence(effect.evidence);
        this.#options.onAccused(effect.operator, effect.evidence);
        break;
      case "fetch":
        this.fetch(effect.peer, effect.track, effect.from, effect.to);
        break;
      case "fault":
        this.#options.onFault(effect.kind, effect.operator, effect.error);
    }
  }

  /** Asks a peer for segments; one request per track at a time. */
  fetch(peer: Bytes, track: TrackKey, from: number, to: number): void {
    const most = Math.min(to, from + FETCH_SPAN - 1);
    this.#once(trackName(track), peer, async (mesh) => {
      for await (const bytes of mesh.fetch(peer, track, from, most)) await this.receive(peer, bytes);
    });
  }

  #once(name: string, peer: Bytes, work: (mesh: Mesh) => Promise<void>): void {
    const mesh = this.#mesh;
    if (!mesh || this.#fetching.has(name)) return;
    this.#fetching.add(name);
    work(mesh)
      .catch((error) => this.#options.onFault("fetch", peer, error))
      .finally(() => this.#fetching.delete(name));
  }

  /** Looks for tracks that peers hold more of, and for what the chain took and we lack. */
  catchUp(): void {
    const { replica, consensus, now } = this.#options;
    for (const [peer, view] of replica.peers)
      for (const [name, head] of view.heads) {
        const have = replica.tracks.get(name)?.sequence ?? 0;
        if (have >= head.sequence || this.#isOver(head.operator)) continue;
        const lag = this.#lagging.get(name);
        if (!lag || lag.sequence !== have) this.#lagging.set(name, { sequence: have, since: now() });
        else if (now() - lag.since > LAG_MS) {
          lag.since = now();
          this.fetch(fromHex(peer), head, have + 1, head.sequence);
        }
      }
    for (const repair of consensus.repairs())
      if (repair.type === "drop") {
        replica.dropTrack(repair.track);
        this.#options.store.dropTrackFrom(repair.track, 1);
      } else this.#fetchCommitted(repair.entry, repair.from);
  }

  #isOver(operator: Bytes): boolean {
    const { replica } = this.#options;
    return replica.evidence.has(toHex(operator)) || replica.registry.isEnded(operator);
  }

  /** What a quorum attested to is taken by its hashes, whatever has become of its author since. */
  #fetchCommitted(entry: CutEntry, from: number): void {
    const name = trackName(entry);
    const holders = [...this.#options.replica.peers].filter(
      ([, view]) => (view.heads.get(name)?.sequence ?? 0) >= entry.sequence,
    );
    if (holders.length === 0) return;
    const peer = fromHex(holders[Math.floor(Math.random() * holders.length)][0]);
    this.#once(name, peer, async (mesh) => {
      const { replica } = this.#options;
      const held: { segment: Segment; hash: Bytes }[] = [];
      for (let next = from; next <= entry.sequence; ) {
        const to = Math.min(entry.sequence, next + FETCH_SPAN - 1);
        for await (const bytes of mesh.fetch(peer, entry, next, to)) {
          const segment = decodeSegment(bytes);
          held.push({ segment, hash: headerHash(replica.crypto, replica.separator, segment.header) });
        }
        if (from + held.length !== to + 1) throw new WeftError("missing", "the peer does not hold the whole range");
        next = to + 1;
      }
      const chained = held.every(({ segment }, i) => i === 0 || equal(segment.header.previous, held[i - 1].hash));
      if (!chained || !equal(held[held.length - 1].hash, entry.head))
        throw new WeftError("bad_root", "the segments do not lead to the committed head");
      const first = held[0].segment.header;
      if (!equal(first.previous, replica.track(entry)?.head ?? first.previous)) {
        // We are on another fork: forget it, and take the committed one from its beginning.
        replica.dropTrack(entry);
        this.#options.store.dropTrackFrom(entry, 1);
        return;
      }
      this.apply(held.flatMap(({ segment, hash }) => replica.step({ type: "restore", segment, hash })));
    });
  }
}

function keyOf({ operator, incarnation }: TrackKey): TrackKey {
  return { operator, incarnation };
}

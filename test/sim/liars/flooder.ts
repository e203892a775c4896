import { type Bytes, concat } from "../../../offchain/core/bytes.ts";
import { encodeEvidence } from "../../../offchain/core/evidence.ts";
import { encodeRows } from "../../../offchain/core/rows.ts";
import { LIMIT_SEGMENT_BYTES, type Segment } from "../../../offchain/core/segment.ts";
import { LIMIT_SNAPSHOT_BYTES } from "../../../offchain/core/snapshot.ts";
import { framed } from "../../../offchain/mesh/frames.ts";
import { PagerMessage, RowsMessage } from "../../../offchain/mesh/generated/mesh.ts";
import { frameSegment } from "../../../offchain/mesh/plot.ts";
import type { Lane, PeerHandlers } from "../../../offchain/mesh/types.ts";
import { Liar } from "./liar.ts";
import type { Scribe } from "./scribe.ts";

const HEARD = 2_000;

/**
 * Hundreds of tracks, thousands of tiny segments, tracks whose first segment is invalid, places far ahead of anything, segments
 * as large as may be, and everything that it ever heard from anybody again and again. Attacks memory, disk and everybody's time
 * (L8): its author alone runs out of credit, and others' tracks and checkpoints go on.
 */
export class Flooder extends Liar {
  readonly #heard: { lane: Lane; frame: Buffer }[] = [];

  override handlers(honest: PeerHandlers): PeerHandlers {
    const seen = super.handlers(honest);
    return {
      ...seen,
      segment: (from, bytes) => {
        this.#hear("plot", frameSegment(bytes));
        return seen.segment(from, bytes);
      },
      evidence: (from, evidence) => {
        this.#hear("pager", framed(PagerMessage, { message: { $case: "evidence", value: encodeEvidence(evidence) } }));
        seen.evidence(from, evidence);
      },
      rows: (from, shipment) => {
        if (this.random.chance(0.1)) this.#hear("rows", framed(RowsMessage, { rows: encodeRows(shipment) }));
        return seen.rows(from, shipment);
      },
    };
  }

  #hear(lane: Lane, frame: Buffer): void {
    if (this.#heard.length < HEARD) this.#heard.push({ lane, frame });
    else this.#heard[this.random.int(0, HEARD - 1)] = { lane, frame };
  }

  override start(): void {
    const floods: (() => void)[] = [
      () => this.#manyTracks(),
      () => this.#manySegments(),
      () => this.#invalidTracks(),
      () => this.#gaps(),
      () => this.#huge(),
      () => this.#replay(),
      () => this.#ownTracks(),
    ];
    this.often(2_000, () => this.random.pick(floods)());
  }

  #flood(peers: readonly Bytes[], segments: readonly Segment[], lie: string): void {
    for (const peer of peers)
      for (const segment of segments) {
        if (!this.say(peer, segment)) break;
        this.note(lie);
      }
  }

  #sealed(scribe: Scribe): Segment {
    scribe.turn(1);
    return scribe.seal();
  }

  #manyTracks(): void {
    const tracks = Array.from({ length: this.random.int(10, 100) }, () => this.#sealed(this.scribe()));
    this.#flood(this.someone(), tracks, "a track that nobody asked for");
  }

  #manySegments(): void {
    const scribe = this.scribe();
    const segments = Array.from({ length: this.random.int(50, 300) }, () => this.#sealed(scribe));
    this.#flood(this.someone(), segments, "a tiny segment");
  }

  /** Through the honest worker in it: everybody gets them in every regular way. */
  #ownTracks(): void {
    for (let tracks = this.random.int(1, 20); tracks > 0; tracks--) {
      const scribe = this.scribe();
      for (let segments = this.random.int(1, 5); segments > 0; segments--) this.own(this.#sealed(scribe));
      this.note("a track of its own");
    }
  }

  #invalidTracks(): void {
    const tracks = Array.from({ length: this.random.int(10, 60) }, () => {
      const scribe = this.scribe();
      scribe.addBody(this.random.bytes(20));
      return scribe.seal();
    });
    this.#flood(this.someone(), tracks, "a track that begins wrong");
  }

  /** Places that nothing ever leads up to. */
  #gaps(): void {
    const segments = Array.from({ length: this.random.int(5, 40) }, () => {
      const scribe = this.scribe();
      scribe.turn(1);
      return scribe.seal({ sequence: this.random.pick([2, 3, 1_000, 2 ** 40]), previous: this.random.bytes(32) });
    });
    this.#flood(this.someone(), segments, "a gap");
  }

  /** As large as anybody reads; it takes reading to see that there is nothing in it. */
  #huge(): void {
    const scribe = this.scribe();
    const body = concat(Uint8Array.of(2), new Uint8Array(LIMIT_SNAPSHOT_BYTES - 1).fill(1));
    const bodies = Math.floor(LIMIT_SEGMENT_BYTES / LIMIT_SNAPSHOT_BYTES) - 1;
    for (let i = 0; i < bodies; i++) scribe.addBody(body);
    const segment = scribe.seal();
    this.#flood(
      this.someone(),
      Array.from({ length: this.random.int(1, 8) }, () => segment),
      "a huge segment",
    );
  }

  #replay(): void {
    if (this.#heard.length === 0) return;
    for (const peer of this.someone())
      for (let count = this.random.int(20, 300); count > 0; count--) {
        const { lane, frame } = this.random.pick(this.#heard);
        if (this.wire.inject(peer, lane, frame)) this.note(`${lane} again`);
      }
  }
}

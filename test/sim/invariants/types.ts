import type { Bytes } from "../../../offchain/core/bytes.ts";
import type { Disk } from "../../../offchain/core/events.ts";
import type { Protocol, ProtocolOptions } from "../../../offchain/core/protocol.ts";
import type { Segment, TrackKey } from "../../../offchain/core/segment.ts";

/** What did not hold: the name that DESIGN §7 gives it, and what was seen. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}

type DiskView = Pick<Disk, "chain"> & {
  segment(track: TrackKey, sequence: number): { segment: Segment; hash: Bytes } | undefined;
  base(track: TrackKey): number;
  /** An older state of it came back once. */
  readonly restored: boolean;
  /** Hashes that are on disk as attested to. */
  attested(number: number): readonly Bytes[];
};

/** A simulated worker, as the invariants look at it. A Byzantine one is only looked at, never believed. */
export type NodeView = {
  readonly name: string;
  readonly operator: Bytes;
  readonly honest: boolean;
  /** Absent while it is dead. */
  readonly protocol: Protocol | undefined;
  readonly disk: DiskView;
  /** How it is set up, to build another like it. */
  readonly options: ProtocolOptions;
};

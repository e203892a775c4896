import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import type { StoreRecord } from "../../../offchain/core/events.ts";
import type { Segment, TrackKey } from "../../../offchain/core/segment.ts";
import { decodeSnapshot } from "../../../offchain/core/snapshot.ts";
import type { Seen } from "./seen.ts";
import type { NodeView } from "./types.ts";

type Place = TrackKey & { sequence: number };

/** What honest workers write and store, watched all the time: nothing of this may ever be seen, whatever the faults. */
export class Safety {
  readonly #seen: Seen;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  /** An honest pen is about to make a segment durable. If it is killed there, nobody or everybody may come to hold it. */
  sealing(node: NodeView, segment: Segment & { hash: Bytes }): void {
    const { header } = segment;
    const name = trackName(header);
    const story = this.#seen.sealed.get(name) ?? [];
    this.#seen.sealed.set(name, story);
    this.#seen.hold(
      "S9",
      header.sequence === story.length + 1,
      () => `${node.name} sealed ${header.sequence} of its track twice`,
    );
    story.push(segment.hash);
    this.refers(node, segment);
  }

  /** It has; nothing was waited for. */
  sealed(node: NodeView, { header }: Segment): void {
    this.#seen.hold(
      "L1",
      node.disk.segment(header, header.sequence) !== undefined,
      () => `${node.name} sealed a segment that is not on its disk`,
    );
  }

  /** A write is on an honest worker's disk. */
  stored(node: NodeView, records: readonly StoreRecord[], forgotten: readonly Place[]): void {
    for (const place of forgotten) this.#pruned(node, place);
    for (const record of records)
      if (record.type === "segment") this.#storedSegment(node, record.segment, record.hash);
      else if (record.type === "evidence")
        this.#seen.hold(
          "S9",
          !this.#seen.isHonest(record.operator),
          () => `${node.name} holds evidence against honest ${toHex(record.operator)}`,
        );
  }

  #storedSegment(node: NodeView, { header, signature }: Segment, hash: Bytes): void {
    const { crypto } = node.options;
    const signer = crypto.recover(hash, signature);
    this.#seen.hold(
      "S3",
      signer !== undefined && this.#seen.keyOf(signer) === toHex(header.operator),
      () => `${node.name} took a segment that is not signed by a key of ${toHex(header.operator)}`,
    );
    const before =
      header.sequence - 1 === node.disk.base(header) ? undefined : node.disk.segment(header, header.sequence - 1);
    this.#seen.hold(
      "S2",
      before === undefined ? header.sequence - 1 <= node.disk.base(header) : equal(before.hash, header.previous),
      () => `${node.name} took segment ${header.sequence} of ${trackName(header)} out of its order`,
    );
    const story = this.#seen.sealed.get(trackName(header));
    const said = story?.[header.sequence - 1];
    if (this.#seen.isHonest(header.operator) && said)
      this.#seen.hold(
        "S4",
        equal(said, hash),
        () => `${node.name} holds another segment ${header.sequence} than its honest author wrote`,
      );
  }

  /**
   * Nothing that was held is forgotten while somebody may ask for it: a checkpoint that stands has it, which is final, and
   * whose retention time is over, without the seconds that were paused.
   */
  #pruned(node: NodeView, { operator, incarnation, sequence }: Place): void {
    const { protocol } = node;
    if (!protocol) return;
    const { consensus, following } = protocol;
    const { challengeWindowSeconds, retentionSeconds } = node.options;
    const { standing } = consensus;
    for (let i = standing.length - 1; i >= 0; i--) {
      const cut = consensus.committed(standing[i])?.cut;
      if (!cut) return; // too long ago to be remembered, so to be asked for
      if ((cut.entry({ operator, incarnation })?.sequence ?? 0) >= sequence) continue;
      const at = i + 1 < standing.length ? following.committedAt(standing[i + 1]) : undefined;
      this.#seen.hold(
        "S7",
        at !== undefined &&
          following.active(at) + Math.max(challengeWindowSeconds, retentionSeconds) <= following.active(),
        () => `${node.name} forgot segment ${sequence} of ${toHex(operator)}, for which anybody may still ask`,
      );
      return;
    }
  }

  /** An honest author's turn goes on from what a checkpoint has, so nothing that it stands on can vanish. */
  refers(node: NodeView, { snapshots }: Segment): void {
    const { protocol } = node;
    if (!protocol) return;
    for (const { body } of snapshots) {
      const snapshot = decodeSnapshot(body);
      if (snapshot.type !== "open" || !snapshot.parent) continue;
      const { checkpoint, turn, position } = snapshot.parent;
      const committed = protocol.consensus.committed(checkpoint.number);
      const parent = protocol.replica.turn(turn);
      const entry = parent && committed?.cut?.entry(parent.track);
      const reached = parent?.runs.filter((run) => run.place.sequence <= (entry?.sequence ?? 0)).at(-1);
      this.#seen.hold(
        "L6",
        committed !== undefined &&
          equal(committed.hash, checkpoint.hash) &&
          reached !== undefined &&
          position <= reached.first + reached.ids.length,
        () => `${node.name} goes on from tokens that checkpoint ${checkpoint.number} does not have`,
      );
    }
  }

  /** Whoever knows of a contradiction takes nothing more of its author, but what a quorum committed. */
  bounded(node: NodeView, key: TrackKey, sequence: number): void {
    const { protocol } = node;
    if (!protocol || !node.honest) return;
    const committed = protocol.consensus.latest.cut?.entry(key)?.sequence ?? 0;
    if (!protocol.replica.evidence.has(toHex(key.operator))) return;
    this.#seen.hold(
      "L6",
      sequence <= committed,
      () => `${node.name} took segment ${sequence} of an operator that it knows to lie`,
    );
  }
}

import type { Bytes } from "../../offchain/core/bytes.ts";
import { checkpointHash } from "../../offchain/core/checkpoint.ts";
import { type Built, Consensus, type ConsensusOptions } from "../../offchain/core/consensus.ts";
import { type Advance, type Cut, checkpointOf } from "../../offchain/core/cut.ts";
import type { Memories } from "../../offchain/core/memories.ts";
import type { Proposal } from "../../offchain/core/proposal.ts";
import type { RegistryEvent } from "../../offchain/core/registry.ts";
import type { Replica } from "../../offchain/core/replica.ts";
import type { Track } from "../../offchain/core/track.ts";
import { heldSegments } from "../../offchain/core/views.ts";
import { beatOf, feed, type Keys, replicaOf, TrackWriter, writeSegments } from "./core.ts";

export type Peer = { keys: Keys; replica: Replica; consensus: Consensus };

export const OPTIONS: ConsensusOptions = { capacity: 1000, newTracksPerOperator: 4, censorshipMs: 1000 };

export function nodeOf(keys: Keys, events: readonly RegistryEvent[], options: Partial<ConsensusOptions> = {}): Peer {
  const replica = replicaOf(keys, events);
  return { keys, replica, consensus: new Consensus(replica, { ...OPTIONS, ...options }) };
}

/** Everybody hears everybody's beat, or the heads that `lies` puts in somebody's mouth. */
export function gossip(peers: readonly Peer[], now: number, lies = new Map<Bytes, Advance[]>()) {
  return peers.flatMap((to) =>
    peers
      .filter((from) => from !== to)
      .flatMap((from) => {
        const heads = lies.get(from.keys.operator) ?? from.replica.heads.all();
        return to.replica.step({ type: "beat", from: from.keys.operator, beat: beatOf(from.replica, { heads }), now });
      }),
  );
}

/** What a peer proposes, with what it was made of. */
export function offer({ consensus }: Peer) {
  const made = consensus.propose();
  return made && { ...made.built, proposal: made.proposal };
}

/** The chain takes it, everybody reads that, and is shown the cut. */
export function commitAll(peers: readonly Peer[], { checkpoint, hash, cut }: Built): void {
  for (const { consensus } of peers) {
    consensus.commit(checkpoint, hash);
    if (!consensus.latest.cut) consensus.learnCut(checkpoint.number, cut.entries);
  }
}

/** A track up to a sequence, or its head. */
export function advanceOf(track: Track, sequence = track.sequence): Advance {
  return { ...track.key, sequence, head: track.hashAt(sequence) as Bytes };
}

/** The chain takes a checkpoint of these advances, which this node alone has made. */
export function commitAlone({ replica, consensus }: Peer, advances: readonly Advance[]): void {
  const { latest, next } = consensus;
  const parent = { ...latest, cut: latest.cut as Cut, memories: latest.memories as Memories, next };
  const cut = parent.cut.extend(replica.crypto, advances, () => false);
  const sum = checkpointOf(replica.crypto, parent, cut, replica.registry, heldSegments(replica));
  const hash = checkpointHash(replica.crypto, replica.separator, sum.checkpoint);
  consensus.remember(next, hash, cut, sum.memories);
  consensus.commit(sum.checkpoint, hash);
}

/** Four nodes at one registry position, and four that hold the same tracks and have told each other so. */
export function netsOf<T extends readonly Keys[]>(members: T, events: readonly RegistryEvent[]) {
  type Nodes = { [K in keyof T]: Peer };
  const net = (options: Partial<ConsensusOptions> = {}) =>
    members.map((keys) => nodeOf(keys, events, options)) as unknown as Nodes & Peer[];
  const settled = (tracks: readonly [Keys, string, number][], options: Partial<ConsensusOptions> = {}) => {
    const nodes = net(options);
    const writers = tracks.map(([keys, label]) => new TrackWriter(keys, label));
    for (const [i, [, , count]] of tracks.entries()) {
      const segments = writeSegments(writers[i] as TrackWriter, count, i);
      for (const node of nodes) feed(node.replica, segments);
    }
    gossip(nodes, 0);
    return { nodes, writers };
  };
  return { net, settled };
}

/** What a peer answers to a proposal: the code of a refusal, else the kind of its verdict. */
export function answer({ consensus }: Peer, proposal: Proposal, now = 0): string {
  const verdict = consensus.judge(proposal, now);
  return verdict.type === "refused" ? verdict.code : verdict.type;
}

import type { ApiPorts } from "../api/ports.ts";
import type { Chain } from "../chain/chain.ts";
import { toHex } from "../core/bytes.ts";
import type { Signer } from "../core/ports.ts";
import type { Protocol } from "../core/protocol.ts";
import { COSINE_ONE } from "../core/sketch.ts";
import type { Mesh, PeerState } from "../mesh/mesh.ts";
import { LANES } from "../mesh/types.ts";
import type { Observer } from "./observer.ts";

/** How a worker is, for its operator and for whoever balances load. */
export function statusOf(parts: {
  protocol: Protocol;
  mesh: Mesh;
  chain: Chain;
  signer: Signer;
  observer: Observer;
}): Pick<ApiPorts, "health" | "metrics"> {
  const { protocol, mesh, chain, signer, observer } = parts;
  const { metrics } = observer;
  const { replica, consensus, following } = protocol;
  return {
    health() {
      const registered = following.isRegistered(signer.address);
      return {
        ok: registered && observer.successor === undefined,
        registered,
        /** The ledger that takes the next checkpoints, when ours is retired. */
        successor: observer.successor ?? null,
        peersUp: mesh.peers().filter(({ up }) => up).length,
        /** On how many peers' lanes something can reach us. */
        lanesUp: Object.fromEntries(
          LANES.map((lane) => [lane, mesh.peers().filter(({ lanes }) => lanes[lane]).length]),
        ),
        chain: chain.status(),
        checkpoint: consensus.latest.checkpoint.number,
        /** Equal at workers that hold the same segments and evidence at the same registry position. */
        digest: toHex(replica.digest()),
        tracks: replica.heads.size,
        /** What is learnt, as the latest checkpoint has it and beyond; nothing while that is not known here. */
        memory: consensus.live().figures ?? null,
      };
    },
    async metrics() {
      const peers = mesh.peers();
      const sum = (pick: (peer: PeerState) => number) => peers.reduce((all, peer) => all + pick(peer), 0);
      metrics.beatsSent.set(sum(({ bytesOut }) => bytesOut.pager));
      metrics.segmentsSent.set(sum(({ bytesOut }) => bytesOut.plot));
      metrics.rowsSent.set(sum(({ bytesOut }) => bytesOut.rows));
      for (const lane of LANES)
        metrics.received.set(
          { lane },
          sum(({ bytesIn }) => bytesIn[lane]),
        );
      metrics.checkpoint.set(consensus.latest.checkpoint.number);
      metrics.backlog.set(consensus.backlog);
      const figures = consensus.live().figures;
      if (figures) {
        metrics.memories.set(figures.memories);
        metrics.memoryCells.set(figures.cells);
        metrics.memoryLiveCells.set(figures.liveCells);
        metrics.memoryLiveIncrements.set(figures.liveIncrements);
        metrics.memoryCosine.set({ worker: toHex(replica.self) }, figures.cosine / COSINE_ONE);
      }
      // Peers say of themselves how far they have moved.
      for (const [worker, { beat }] of replica.peers)
        if (beat) metrics.memoryCosine.set({ worker }, 1 - beat.moved / COSINE_ONE);
      metrics.peersUp.set(sum(({ up }) => Number(up)));
      return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
    },
  };
}

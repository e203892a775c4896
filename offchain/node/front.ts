import type { MemoryPorts } from "../api/ports.ts";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Protocol } from "../core/protocol.ts";
import { latestView } from "../core/reading.ts";
import type { Engine } from "../inference/engine.ts";
import type { ModelInfo } from "../inference/model.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Store } from "../store/store.ts";
import { GateScorer } from "./gate-scorer.ts";
import { Gateway, type GatewayOptions } from "./gateway.ts";
import { MemoryCatalog } from "./memory-catalog.ts";
import { memoryPorts } from "./memory-desk.ts";
import { TaughtOnce } from "./taught-once.ts";
import { Teacher, type TeacherOptions } from "./teacher.ts";

export type FrontOptions = Pick<
  GatewayOptions,
  "crypto" | "self" | "author" | "admission" | "conversations" | "random" | "now" | "silenceMs" | "onTakeover"
> & {
  engine: Engine;
  /** The model that copies. */
  copier: ModelInfo;
  mesh: Pick<Mesh, "peers" | "generate">;
  /** When the last beat came from a peer, by its name. */
  beatAt: ReadonlyMap<string, number>;
  protocol: Protocol;
  store: Pick<Store, "memoryNames" | "taught">;
  mayChange: TeacherOptions["mayChange"];
};

/** What a worker does for clients: answers, and their memories. */
export function openFront(options: FrontOptions): { gateway: Gateway; memories: MemoryPorts } {
  const { engine, copier, mesh, beatAt, protocol, store, mayChange, ...shared } = options;
  const { consensus, replica } = protocol;
  const up = (): Bytes[] => mesh.peers().flatMap(({ up, operator }) => (up ? [operator] : []));
  const catalog = new MemoryCatalog({
    hashing: shared.crypto,
    model: engine.model,
    names: store.memoryNames,
    view: () => latestView(consensus),
  });
  const gateway = new Gateway({
    ...shared,
    model: engine.model,
    authors: {
      up,
      generate: (peer, order, signal) => mesh.generate(peer, order, signal),
      lastBeat: (peer) => beatAt.get(toHex(peer)) ?? 0,
    },
    replica,
    consensus,
    catalog,
    gates: new GateScorer(engine),
  });
  const { crypto, self, random, conversations } = shared;
  const teacher = new Teacher({ crypto, self, copier, gateway, up, random, conversations, mayChange });
  const once = new TaughtOnce({ hashing: crypto, teacher, table: store.taught, time: Date.now });
  return { gateway, memories: memoryPorts(catalog, teacher, once) };
}

import type { Deployment } from "../chain/deployment.ts";
import { type Bytes, equal, fromHex, toHex, utf8 } from "../core/bytes.ts";
import type { ChainEvent } from "../core/chain.ts";
import { encodeCheckpoint } from "../core/checkpoint.ts";
import { Consensus, KEPT_CUTS } from "../core/consensus.ts";
import { Cut, decodeEntries, encodeEntries } from "../core/cut.ts";
import { decodeEvidence } from "../core/evidence.ts";
import { domainSeparator, word } from "../core/hash.ts";
import type { Crypto } from "../core/ports.ts";
import { Replica } from "../core/replica.ts";
import { decodeSegment, type TrackKey } from "../core/segment.ts";
import { TREE } from "../core/tree.ts";
import type { Store } from "../store/store.ts";

/** How long valid segments may be left out of proposals before we refuse to attest. */
const CENSORSHIP_MS = 30_000;

export function separatorOf(crypto: Crypto, { domain }: Deployment): Bytes {
  return domainSeparator(crypto, { ...domain, verifyingContract: fromHex(domain.verifyingContract, 20) });
}

/** The running hash that the registry starts from. */
function registryGenesis(crypto: Crypto, { chainId, contracts }: Deployment): Bytes {
  return crypto.keccak256(
    crypto.keccak256(utf8("Weft registry")),
    word.uint(chainId),
    word.address(fromHex(contracts.operatorRegistry, 20)),
  );
}

/** What this worker knows, rebuilt from its disk and kept up with the chain. */
export class Knowledge {
  readonly replica: Replica;
  readonly consensus: Consensus;
  /** Where operators can be reached, as the registry says. */
  readonly #endpoints = new Map<string, string>();
  readonly #store: Store;

  constructor(options: { crypto: Crypto; deployment: Deployment; self: Bytes; store: Store }) {
    const { crypto, deployment, self, store } = options;
    this.#store = store;
    this.replica = new Replica({
      crypto,
      separator: separatorOf(crypto, deployment),
      self,
      registryGenesis: registryGenesis(crypto, deployment),
    });
    this.consensus = new Consensus(this.replica, {
      capacity: deployment.parameters.checkpointCapacity,
      newTracksPerOperator: deployment.parameters.newTracksPerOperator,
      censorshipMs: CENSORSHIP_MS,
    });
    this.#recallCuts();
    for (const event of store.chainLog.events()) this.#take(event);
    for (const { hash, bytes } of store.allSegments())
      this.replica.step({ type: "restore", segment: decodeSegment(bytes), hash });
    for (const { bytes } of store.evidence()) this.replica.step({ type: "evidence", evidence: decodeEvidence(bytes) });
  }

  /** More of the chain. Returns the checkpoints that it committed. */
  extend(events: readonly ChainEvent[]): number[] {
    for (const event of events) this.#take(event);
    this.#keepCuts();
    return events.flatMap((event) => (event.kind === "committed" ? [event.checkpoint.number] : []));
  }

  /** The chain was reorganised: everything that follows from it is derived anew from what survived. */
  rebuild(events: readonly ChainEvent[]): void {
    this.replica.resetRegistry();
    this.consensus.reset();
    this.#endpoints.clear();
    for (const event of events) this.#take(event);
    for (const { number, hash } of this.#store.checkpoints()) {
      const committed = this.consensus.committed(number);
      if (committed && equal(committed.hash, hash)) continue;
      this.#store.dropCheckpointsFrom(number);
      for (const stored of this.#stored) if (stored >= number) this.#stored.delete(stored);
      break;
    }
    this.#keepCuts();
  }

  #take(event: ChainEvent): void {
    switch (event.kind) {
      case "registry":
        this.replica.step({ type: "registry", event: event.event });
        if (event.event.kind === "joined") this.#reachable(event.event.operator, event.event.endpoint);
        break;
      case "endpoint":
        this.#reachable(event.operator, event.endpoint);
        break;
      case "committed":
        if (event.checkpoint.number > 0) this.consensus.commit(event.checkpoint, event.hash);
    }
  }

  #reachable(operator: Bytes, endpoint: string): void {
    this.#endpoints.set(toHex(operator), endpoint);
  }

  /** Does the registry have us, with the key that counts now, and still in? */
  isRegistered(signer: Bytes): boolean {
    const { registry, self } = this.replica;
    const key = registry.votingKey(self);
    return key !== undefined && equal(key, signer) && !registry.isEnded(self);
  }

  /** The operators whose workers we talk to, with the keys that they prove. */
  peers(): { operator: Bytes; signer: Bytes; endpoint: string }[] {
    const { registry } = this.replica;
    return registry.operators
      .filter(({ operator }) => !registry.isEnded(operator))
      .map(({ operator, signer }) => ({
        operator,
        signer: registry.votingKey(operator) ?? signer,
        endpoint: this.#endpoints.get(toHex(operator)) ?? "",
      }));
  }

  /** Numbers of the checkpoints that are on disk, with their cuts. */
  readonly #stored = new Set<number>();

  /** The cuts of the latest checkpoints come from our own disk; the chain then tells which of them are committed. */
  #recallCuts(): void {
    const recent: { number: number; hash: Bytes; entries: Bytes }[] = [];
    for (const stored of this.#store.checkpoints()) {
      this.#stored.add(stored.number);
      recent.push(stored);
      if (recent.length > KEPT_CUTS) recent.shift();
    }
    for (const { number, hash, entries } of recent) this.consensus.remember(number, hash, this.#cutOf(entries));
  }

  #cutOf(entries: Bytes): Cut {
    return Cut.of(this.replica.crypto, decodeEntries(entries, 2 ** TREE.cut.depth));
  }

  /** The cut of a committed checkpoint, from memory or from disk. */
  cutAt(number: number): Cut | undefined {
    const committed = this.consensus.committed(number);
    if (!committed || committed.cut) return committed?.cut;
    const stored = this.#store.checkpoint(number);
    return stored && equal(stored.hash, committed.hash) ? this.#cutOf(stored.entries) : undefined;
  }

  /** The first committed checkpoint that has `sequence` of the track: cuts only grow, so it is searched by halves. */
  covering(track: TrackKey, sequence: number): number | undefined {
    const covers = (number: number) => (this.cutAt(number)?.entry(track)?.sequence ?? 0) >= sequence;
    let [low, high] = [1, this.consensus.latest.checkpoint.number];
    if (high === 0 || !covers(high)) return undefined;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (covers(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Numbers of late checkpoints whose cut nobody has shown us yet. */
  unknownCuts(): number[] {
    return this.#late().filter((number) => !this.consensus.committed(number)?.cut);
  }

  /** A peer showed a cut. @throws WeftError `malformed`, `bad_root` */
  learnCut(number: number, entries: Bytes): void {
    const committed = this.consensus.committed(number);
    if (!committed) return;
    this.consensus.learnCut(number, decodeEntries(entries, committed.checkpoint.entryCount));
    this.#keepCuts();
  }

  /** The numbers whose cuts are in memory. */
  #late(): number[] {
    const latest = this.consensus.latest.checkpoint.number;
    const first = Math.max(1, latest - KEPT_CUTS + 1);
    return Array.from({ length: latest - first + 1 }, (_, i) => first + i);
  }

  #keepCuts(): void {
    for (const number of this.#late()) {
      const committed = this.consensus.committed(number);
      if (!committed?.cut || this.#stored.has(number)) continue;
      this.#store.putCheckpoint({
        number,
        hash: committed.hash,
        checkpoint: encodeCheckpoint(committed.checkpoint),
        entries: encodeEntries(committed.cut.entries),
      });
      this.#stored.add(number);
    }
  }
}

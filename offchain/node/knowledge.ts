import type { Deployment } from "../chain/deployment.ts";
import { type Bytes, equal, fromHex, toHex, utf8 } from "../core/bytes.ts";
import type { ChainEvent } from "../core/chain.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../core/checkpoint.ts";
import { Consensus } from "../core/consensus.ts";
import { decodeEntries, encodeEntries } from "../core/cut.ts";
import { decodeEvidence } from "../core/evidence.ts";
import { domainSeparator, word } from "../core/hash.ts";
import type { Crypto } from "../core/ports.ts";
import { Replica } from "../core/replica.ts";
import { decodeSegment } from "../core/segment.ts";
import type { Store } from "../store/store.ts";

/** The most entries of a cut that is read from a peer or from disk. */
export const LIMIT_CUT_ENTRIES = 65_536;
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
    for (const event of store.chainLog.events()) this.#take(event);
    for (const { hash, bytes } of store.allSegments())
      this.replica.step({ type: "restore", segment: decodeSegment(bytes), hash });
    for (const { bytes } of store.evidence()) this.replica.step({ type: "evidence", evidence: decodeEvidence(bytes) });
    this.#recallCuts();
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
      break;
    }
    this.#recallCuts();
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

  /** Does the registry have us, with this key, and still in? */
  isRegistered(signer: Bytes): boolean {
    const { registry, self } = this.replica;
    const known = registry.operator(self);
    return known !== undefined && equal(known.signer, signer) && !registry.isEnded(self);
  }

  /** The operators whose workers we talk to. */
  peers(): { operator: Bytes; signer: Bytes; endpoint: string }[] {
    const { registry } = this.replica;
    return registry.operators
      .filter(({ operator }) => !registry.isEnded(operator))
      .map(({ operator, signer }) => ({ operator, signer, endpoint: this.#endpoints.get(toHex(operator)) ?? "" }));
  }

  #recallCuts(): void {
    for (const { number, checkpoint, entries } of this.#store.checkpoints()) {
      const committed = this.consensus.committed(number);
      if (!committed || committed.cut || !equal(encodeCheckpoint(committed.checkpoint), checkpoint)) continue;
      this.consensus.learnCut(number, decodeEntries(entries, LIMIT_CUT_ENTRIES));
    }
  }

  /** Numbers of committed checkpoints whose cut nobody has shown us yet. */
  unknownCuts(): number[] {
    const unknown: number[] = [];
    for (let number = this.consensus.latest.checkpoint.number; number > 0; number--) {
      if (this.consensus.committed(number)?.cut) break;
      unknown.push(number);
    }
    return unknown.reverse();
  }

  /** A peer showed a cut. @throws WeftError `malformed`, `bad_root` */
  learnCut(number: number, checkpoint: Bytes, entries: Bytes): void {
    decodeCheckpoint(checkpoint);
    this.consensus.learnCut(number, decodeEntries(entries, LIMIT_CUT_ENTRIES));
    this.#keepCuts();
  }

  #kept = 0;

  #keepCuts(): void {
    const latest = this.consensus.latest.checkpoint.number;
    for (let number = Math.min(this.#kept, latest) + 1; number <= latest; number++) {
      const committed = this.consensus.committed(number);
      if (!committed?.cut) break;
      this.#store.putCheckpoint({
        number,
        hash: committed.hash,
        checkpoint: encodeCheckpoint(committed.checkpoint),
        entries: encodeEntries(committed.cut.entries),
      });
      this.#kept = number;
    }
  }
}

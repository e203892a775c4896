import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Deployment } from "../../../offchain/chain/deployment.ts";
import { type Bytes, fromHex } from "../../../offchain/core/bytes.ts";
import type { ChainEvent } from "../../../offchain/core/chain.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { Protocol } from "../../../offchain/core/protocol.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { protocolOptions } from "../../../offchain/node/protocol-options.ts";
import { Store } from "../../../offchain/store/store.ts";
import { beatOf, DOMAIN, foundingEvents, operatorAt, type Sealed } from "../../helpers/core.ts";

export const members = [0, 1, 2, 3].map(operatorAt);
const [self] = members;
const LEDGER = `0x${"11".repeat(20)}` as const;
const deployment = {
  chainId: DOMAIN.chainId,
  contracts: { operatorRegistry: `0x${"22".repeat(20)}`, checkpointLedger: LEDGER },
  domain: { ...DOMAIN, verifyingContract: LEDGER },
  parameters: {
    checkpointCapacity: 4096,
    newTracksPerOperator: 4,
    challengeWindowSeconds: 600,
    retentionSeconds: 600,
    disputeWindowsSeconds: 600,
    longestPauseSeconds: 600,
  },
} as unknown as Deployment;

/** The protocol of one of four operators over a store on disk, and the chain as the test has it. */
export class StoredWorker {
  readonly folder = mkdtempSync(join(tmpdir(), "weft-protocol-"));
  readonly founding: readonly ChainEvent[];
  store!: Store;
  protocol!: Protocol;
  /** Of the latest block, in seconds. */
  time = 1;
  #block = 100;

  constructor() {
    this.open();
    this.founding = foundingEvents(members).map((event, i) => ({ kind: "registry", event, block: i + 1, logIndex: 0 }));
    this.#log(this.founding);
    this.follow("events", this.founding);
  }

  /** As a process that starts does. @returns what it decided to do */
  open(): Effect[] {
    const identity = { operator: self.operator, chainId: DOMAIN.chainId, ledger: fromHex(LEDGER, 20) };
    this.store = Store.open(this.folder, { identity });
    this.protocol = new Protocol(protocolOptions(crypto, deployment, self.operator, self.signer), 0);
    const effects = this.protocol.recall(this.store.disk());
    this.#carryOut(effects);
    return effects;
  }

  /** The process ends, and another begins. */
  restart(): Effect[] {
    this.store.close();
    return this.open();
  }

  end(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What is to be stored, as the driver stores it. */
  #carryOut(effects: readonly Effect[]): void {
    this.store.write(effects.flatMap((effect) => (effect.type === "store" ? [effect.record] : [])));
  }

  #log(events: readonly ChainEvent[]): void {
    this.store.chainLog.append(
      events.map(({ block }) => ({
        number: block,
        hash: `0x${block}`,
        parentHash: `0x${block - 1}`,
        timestamp: this.time,
      })),
      events,
    );
  }

  follow(type: "events" | "reorg", events: readonly ChainEvent[]): void {
    this.#carryOut(this.protocol.step({ type: "chain", update: { type, events, time: this.time } }, 0));
  }

  hold(...segments: readonly Sealed[]): void {
    for (const segment of segments) {
      this.protocol.replica.step({ type: "restore", segment, hash: segment.hash });
      this.store.write([{ type: "segment", segment, hash: segment.hash }]);
    }
  }

  /** A checkpoint of all that is held, as all others would propose it. */
  propose(): { checkpoint: Checkpoint; hash: Bytes } {
    const { replica, consensus } = this.protocol;
    const beat = beatOf(replica);
    for (const { operator } of members.slice(1)) replica.step({ type: "beat", from: operator, now: 0, beat });
    const made = consensus.propose();
    assert.ok(made);
    assert.equal(consensus.judge(made.proposal, 0).type, "sign");
    return made.built;
  }

  commit({ checkpoint, hash }: { checkpoint: Checkpoint; hash: Bytes }): ChainEvent {
    const event: ChainEvent = {
      kind: "committed",
      checkpoint,
      hash,
      committedAt: this.time,
      block: this.#block++,
      logIndex: 0,
    };
    this.log(event);
    return event;
  }

  /** The chain says one thing more. */
  log(event: ChainEvent): void {
    this.#log([event]);
    this.follow("events", [event]);
  }
}

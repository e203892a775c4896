import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Deployment } from "../../../offchain/chain/deployment.ts";
import { type Bytes, fromHex } from "../../../offchain/core/bytes.ts";
import type { ChainEvent } from "../../../offchain/core/chain.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { Protocol } from "../../../offchain/core/protocol.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { protocolOptions } from "../../../offchain/node/protocol-options.ts";
import { Store } from "../../../offchain/store/store.ts";
import { DOMAIN, foundingEvents, operatorAt, type Sealed, TrackWriter, writeSegments } from "../../helpers/core.ts";

/** S7, S11: what a chain reorganisation takes back and brings again is as it was, in memory and on disk. */

const members = [0, 1, 2, 3].map(operatorAt);
const [self, writer] = [members[0]!, members[1]!];
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

let folder: string;
let store: Store;
let protocol: Protocol;
let events: ChainEvent[];

/** What is to be stored, as the driver stores it. */
const carryOut = (effects: readonly Effect[]) =>
  store.write(effects.flatMap((effect) => (effect.type === "store" ? [effect.record] : [])));
const follow = (type: "events" | "reorg", more: readonly ChainEvent[]) =>
  carryOut(protocol.step({ type: "chain", update: { type, events: more, time: 1 } }, 0));

const open = () => {
  const identity = { operator: self.operator, chainId: DOMAIN.chainId, ledger: fromHex(LEDGER, 20) };
  store = Store.open(folder, { identity });
  protocol = new Protocol(protocolOptions(crypto, deployment, self.operator, self.signer), 0);
  carryOut(protocol.recall(store.disk()));
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weft-protocol-"));
  open();
  events = foundingEvents(members).map((event, i) => ({ kind: "registry", event, block: i + 1, logIndex: 0 }));
  log(events);
  follow("events", events);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

function log(more: ChainEvent[]): void {
  store.chainLog.append(
    more.map(({ block }) => ({ number: block, hash: `0x${block}`, parentHash: `0x${block - 1}`, timestamp: block })),
    more,
  );
}

const track = new TrackWriter(writer);
function hold(segments: readonly Sealed[]): void {
  for (const segment of segments) {
    protocol.replica.step({ type: "restore", segment, hash: segment.hash });
    store.write([{ type: "segment", segment, hash: segment.hash }]);
  }
}

/** A checkpoint of all that is held, as all others would propose it. */
function propose(): { checkpoint: Checkpoint; hash: Bytes } {
  const heads = protocol.replica.heads();
  for (const { operator } of members.slice(1))
    protocol.replica.step({
      type: "beat",
      from: operator,
      now: 0,
      beat: {
        registryPosition: 0,
        registryMark: new Uint8Array(8),
        checkpoint: 0,
        anchor: 0,
        known: new Uint8Array(8),
        digest: new Uint8Array(32),
        load: 0,
        whole: true,
        heads,
        evidence: [],
      },
    });
  const made = protocol.consensus.propose();
  assert.ok(made);
  assert.equal(protocol.consensus.judge(made.proposal, 0).type, "sign");
  return made.built;
}

let block = 100;
function commit({ checkpoint, hash }: { checkpoint: Checkpoint; hash: Bytes }): ChainEvent {
  const event: ChainEvent = { kind: "committed", checkpoint, hash, committedAt: 1, block: block++, logIndex: 0 };
  log([event]);
  follow("events", [event]);
  return event;
}

const stored = () => [...store.checkpoints()].map(({ number }) => number);

test("a checkpoint that a reorganisation takes back and mines again is known at once, and on disk", () => {
  hold(writeSegments(track, 2));
  const first = commit(propose());
  hold(writeSegments(track, 2, 1));
  const second = propose();
  const taken = commit(second);
  assert.deepEqual(stored(), [1, 2]);

  store.chainLog.truncate(taken.block);
  follow("reorg", [...events, first]);
  assert.deepEqual([protocol.consensus.latest.checkpoint.number, stored()], [1, [1]]);
  commit(second);
  assert.ok(protocol.consensus.latest.cut, "its cut need not be shown by anybody");
  assert.deepEqual(stored(), [1, 2]);
  assert.deepEqual(protocol.following.unknownCuts(), []);

  hold(writeSegments(track, 1, 2));
  commit(propose());
  assert.deepEqual(stored(), [1, 2, 3]);
  store.close();
  open();
  assert.equal(protocol.consensus.latest.checkpoint.number, 3);
  assert.ok(protocol.consensus.latest.cut, "after a restart too");
  const archive = new Archive(crypto, protocol.consensus, store);
  assert.equal(archive.covering(track.track, 3), 2);
  assert.equal(archive.covering(track.track, 5), 3);
  assert.equal(archive.covering(track.track, 6), undefined);
});

test("every late checkpoint without a cut is asked for, also one before others that are known", () => {
  const [one, two] = [hold(writeSegments(new TrackWriter(writer, "a"), 1)), propose()];
  assert.equal(one, undefined);
  commit(two);
  protocol.consensus.committed(1)!.cut = undefined;
  assert.deepEqual(protocol.following.unknownCuts(), [1]);
});

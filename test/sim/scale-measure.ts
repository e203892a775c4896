import { encodeFunctionData } from "viem";
import { checkpointLedgerAbi } from "../../offchain/chain/abi.ts";
import { commitArgs } from "../../offchain/chain/convert.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { encodeSet } from "../../offchain/core/registry.ts";
import { lanesOf, QuietWorld, quantile, type Sent, snapshotOf } from "./quiet.ts";
import type { Figures } from "./scale-report.ts";

const WARM_MS = 2_000;
const WRITE_FROM_MS = 1_700;
/** 20 tokens a second, so one in each segment. */
const TOKEN_MS = 50;
/** So short that there is a checkpoint in every run. */
const INTERVAL_MS = 300;
/** Operators whose own view of who holds their segments is looked at: all would cost more than what is measured. */
const WATCHED = 4;

type Spent = { us: number; longest: number };

const cpuUs = () => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};

/** What a mesh without faults costs each operator, while all of them write. @param seconds simulated, that are measured */
export function measure(operators: number, seconds: number): Figures {
  const now = () => world.scheduler.now;
  const world = new QuietWorld({
    operators,
    network: { delayMs: 15, jitterMs: 10 },
    protocol: {
      capacity: 16_384,
      shortestMs: INTERVAL_MS,
      longestMs: INTERVAL_MS,
      censorshipMs: 30_000,
      retentionSeconds: 3_600,
    },
    challengeWindowSeconds: 600,
    blockMs: 1_000,
    tokenMs: TOKEN_MS,
  });
  const quorum = Math.floor((2 * operators) / 3) + 1;
  const nodes = new Map(world.workers.map(({ operator }, node) => [toHex(operator), node]));
  const sealedAt: number[][] = world.workers.map(() => []);
  const copies: number[][] = world.workers.map(() => []);
  const stored: number[] = [];
  const known: number[] = [];
  let measuring = false;
  for (const [node, { disk }] of world.workers.entries())
    disk.onWritten = (records) => {
      for (const record of records) {
        if (record.type !== "segment") continue;
        const { operator, sequence } = record.segment.header;
        const author = nodes.get(toHex(operator)) as number;
        if (author === node) sealedAt[node][sequence] = now();
        copies[author][sequence] = (copies[author][sequence] ?? 0) + 1;
        if (measuring && copies[author][sequence] === quorum) stored.push(now() - sealedAt[author][sequence]);
      }
    };

  world.start();
  world.scheduler.run(WRITE_FROM_MS);
  const atStart = snapshotOf(world.network.sent);
  let spent = new Map<string, Spent>();
  for (const [node, { life }] of world.workers.entries()) {
    if (!life) throw new Error("a worker has not started");
    const { protocol } = life;
    const step = protocol.step.bind(protocol);
    const held = new Map<string, number>();
    protocol.step = (event, at) => {
      const began = cpuUs();
      const effects = step(event, at);
      const us = cpuUs() - began;
      const one = spent.get(event.type) ?? { us: 0, longest: 0 };
      spent.set(event.type, { us: one.us + us, longest: Math.max(one.longest, us) });
      if (event.type === "beat" && node < WATCHED)
        for (const track of protocol.replica.tracks.values()) {
          if (nodes.get(toHex(track.key.operator)) !== node) continue;
          const from = held.get(track.name) ?? 0;
          const to = protocol.replica.heldByQuorum(track);
          if (measuring) for (let i = from + 1; i <= to; i++) known.push(now() - sealedAt[node][i]);
          held.set(track.name, Math.max(from, to));
        }
      return effects;
    };
    world.write(node);
  }
  world.scheduler.run(WARM_MS);

  const beatSizes: number[] = [];
  world.network.onPacket = (packet) => {
    if (packet.call.method === "pager" && packet.kind === "data") beatSizes.push(packet.frame.length);
  };
  const before = snapshotOf(world.network.sent);
  const sequences = () => sealedAt.reduce((sum, { length }) => sum + length, 0);
  const segmentsBefore = sequences();
  spent = new Map();
  measuring = true;
  const cpuBegan = cpuUs();
  world.scheduler.run(WARM_MS + seconds * 1_000);
  const all = cpuUs() - cpuBegan;
  const perOperator = (total: number) => total / operators / seconds;

  const lanes = lanesOf(world.network.sent, before);
  const attest = (kind: string): Sent => {
    const [a, b] = [atStart, world.network.sent].map(
      (at) => at.get(`pager attest ${kind}`) ?? { packets: 0, bytes: 0 },
    );
    return { packets: b.packets - a.packets, bytes: b.bytes - a.bytes };
  };
  const [asked, answered] = [attest("open"), attest("data")];
  const [commit] = world.commits;
  if (!commit) throw new Error("no checkpoint was attested");
  const args = commitArgs(commit.checkpoint, encodeSet(commit.set), commit.signatures);
  const calldata = encodeFunctionData({ abi: checkpointLedgerAbi, functionName: "commit", args });
  const latency = (values: readonly number[]) => ({ median: quantile(values, 0.5), p99: quantile(values, 0.99) });
  return {
    operators,
    seconds,
    out: {
      pager: perOperator(lanes.pager.bytes),
      plot: perOperator(lanes.plot.bytes),
      rows: perOperator(lanes.rows.bytes),
    },
    segments: perOperator(sequences() - segmentsBefore),
    beats: perOperator(beatSizes.length) / (operators - 1),
    beatBytes: quantile(beatSizes, 0.5),
    stored: latency(stored),
    known: latency(known),
    checkpoint: {
      segments: commit.checkpoint.segmentCount,
      proposalBytes: asked.bytes / asked.packets,
      asked: operators - 1,
      answered: (answered.packets / asked.packets) * (operators - 1),
      signatures: commit.signatures.length,
      calldata: calldata.length / 2 - 1,
    },
    cpu: Object.fromEntries([...spent].map(([type, { us }]) => [type, perOperator(us) / 1_000])),
    longest: Object.fromEntries([...spent].map(([type, { longest }]) => [type, longest / 1_000])),
    all: perOperator(all) / 1_000,
  };
}

import { type ContractFunctionArgs, encodeEventTopics, encodeFunctionData, parseEventLogs, type RpcLog } from "viem";
import { ASKED_KINDS } from "../core/availability.ts";
import { type Bytes, concat, equal, fromHex, toHex } from "../core/bytes.ts";
import type { ChainBlock, ChainEvent, Hex } from "../core/chain.ts";
import { type Checkpoint, checkpointHash } from "../core/checkpoint.ts";
import type { StatedHeader } from "../core/cut-proof.ts";
import { WeftError } from "../core/errors.ts";
import type { Evidence } from "../core/evidence.ts";
import type { FoldAccusation } from "../core/false-memory.ts";
import type { FoldProof, TraceEntry } from "../core/fold-proof.ts";
import type { Hashing } from "../core/ports.ts";
import { decodeSet, type RegistryEvent } from "../core/registry.ts";
import type { Header } from "../core/segment.ts";
import {
  availabilityCourtAbi,
  checkpointLedgerAbi,
  type equivocationCourtAbi,
  foldCourtAbi,
  operatorRegistryAbi,
} from "./abi.ts";

export type RpcBlock = { number: Hex; hash: Hex; parentHash: Hex; timestamp: Hex; baseFeePerGas?: Hex };

export function hexNumber(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
}

/** @throws WeftError `out_of_range` for a counter that a number does not hold. */
export function safeNumber(value: bigint | Hex): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new WeftError("out_of_range", `${value} is beyond 2^53 - 1`);
}

export function toBlock(block: RpcBlock): ChainBlock {
  return {
    number: safeNumber(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    timestamp: safeNumber(block.timestamp),
  };
}

type CommitArgs = ContractFunctionArgs<typeof checkpointLedgerAbi, "nonpayable", "commit">;
type ConvictArgs = ContractFunctionArgs<typeof equivocationCourtAbi, "nonpayable", "convict">;
type FoldArgs = ContractFunctionArgs<typeof foldCourtAbi, "nonpayable", "proveFold">;
type EndArgs = ContractFunctionArgs<typeof foldCourtAbi, "nonpayable", "proveEnd">;
type CountArgs = ContractFunctionArgs<typeof foldCourtAbi, "nonpayable", "proveCount">;

/** As contracts take it. */
export function checkpointStruct(checkpoint: Checkpoint) {
  return {
    number: BigInt(checkpoint.number),
    parent: toHex(checkpoint.parent),
    registryPosition: BigInt(checkpoint.registryPosition),
    registryHash: toHex(checkpoint.registryHash),
    cutRoot: toHex(checkpoint.cutRoot),
    entryCount: checkpoint.entryCount,
    segmentsRoot: toHex(checkpoint.segmentsRoot),
    segmentCount: checkpoint.segmentCount,
    memoryRoot: toHex(checkpoint.memoryRoot),
    memoryTraceRoot: toHex(checkpoint.memoryTraceRoot),
  };
}

export function commitArgs(checkpoint: Checkpoint, set: readonly bigint[], signatures: readonly Bytes[]): CommitArgs {
  return [checkpointStruct(checkpoint), set, toHex(concat(...signatures))];
}

/** As contracts take it. */
export function headerStruct(header: Header) {
  return {
    operator: toHex(header.operator),
    incarnation: toHex(header.incarnation),
    sequence: BigInt(header.sequence),
    previous: toHex(header.previous),
    snapshotsRoot: toHex(header.snapshotsRoot),
    snapshotCount: header.snapshotCount,
  };
}

/** As contracts give it: the counter of a header that one took may be any 64 bits. */
export function statedHeaderOf(struct: ReturnType<typeof headerStruct>): StatedHeader {
  return {
    operator: fromHex(struct.operator),
    incarnation: fromHex(struct.incarnation),
    sequence: struct.sequence,
    previous: fromHex(struct.previous),
    snapshotsRoot: fromHex(struct.snapshotsRoot),
    snapshotCount: struct.snapshotCount,
  };
}

export function convictArgs({ a, b }: Evidence, set: readonly bigint[]): ConvictArgs {
  return [headerStruct(a.header), toHex(a.signature), headerStruct(b.header), toHex(b.signature), set];
}

function traceStruct({ memoryRoot, proof }: TraceEntry) {
  return { memoryRoot: toHex(memoryRoot), proof: proof.map(toHex) };
}

export function foldArgs(proof: FoldProof): FoldArgs {
  const { last } = proof;
  return [
    {
      checkpoint: checkpointStruct(proof.checkpoint),
      parent: checkpointStruct(proof.parent),
      before: traceStruct(proof.before),
      stated: traceStruct(proof.stated),
      last: {
        ...last,
        number: BigInt(last.number),
        header: headerStruct(last.header),
        segmentProof: last.segmentProof.map(toHex),
        salt: toHex(last.salt),
        body: toHex(last.body),
        snapshotProof: last.snapshotProof.map(toHex),
      },
      slotMemory: toHex(proof.slotMemory),
      rowsRoot: toHex(proof.rowsRoot),
      tokens: proof.tokens,
      tokenSiblings: proof.tokenSiblings.map(toHex),
      openings: toHex(proof.openings),
    },
  ];
}

export function endArgs(checkpoint: Checkpoint, parent: Checkpoint, last: TraceEntry): EndArgs {
  return [checkpointStruct(checkpoint), checkpointStruct(parent), traceStruct(last)];
}

export function countArgs(checkpoint: Checkpoint, index: number, leaf: Bytes, proof: readonly Bytes[]): CountArgs {
  return [checkpointStruct(checkpoint), BigInt(index), toHex(leaf), proof.map(toHex)];
}

/** The call by which `FoldCourt` condemns. */
export function foldCall(accusation: FoldAccusation): Hex {
  const abi = foldCourtAbi;
  switch (accusation.type) {
    case "fold":
      return encodeFunctionData({ abi, functionName: "proveFold", args: foldArgs(accusation.proof) });
    case "end": {
      const { checkpoint, parent, last } = accusation;
      return encodeFunctionData({ abi, functionName: "proveEnd", args: endArgs(checkpoint, parent, last) });
    }
    case "count": {
      const { checkpoint, index, leaf, proof } = accusation;
      return encodeFunctionData({ abi, functionName: "proveCount", args: countArgs(checkpoint, index, leaf, proof) });
    }
  }
}

const EVENTS = [...operatorRegistryAbi, ...checkpointLedgerAbi, ...availabilityCourtAbi].filter(
  (item) => item.type === "event",
);
const FOLLOWED = [
  ...(["OperatorJoined", "SignerRotated", "ExitRequested", "EpochActivated", "OperatorConvicted"] as const),
  ...(["EndpointChanged", "CheckpointCommitted", "CheckpointFell", "DisputeOpened", "DisputeClosed"] as const),
  ...(["Paused", "Resumed", "Challenged", "Answered", "Unanswered", "Released"] as const),
];

/** First topics of the events that are followed. */
export const TOPICS: Hex[] = FOLLOWED.map((eventName) => encodeEventTopics({ abi: EVENTS, eventName })[0] as Hex);

type Parsed = ReturnType<typeof parseEventLogs<typeof EVENTS, true>>[number];

/**
 * What a log says, undefined for events that are not followed.
 * @throws WeftError `bad_log` for what the contracts of this deployment cannot have said.
 */
export function toChainEvent(h: Hashing, separator: Bytes, log: RpcLog, timestamp: number): ChainEvent | undefined {
  if (!log.topics[0] || !TOPICS.includes(log.topics[0])) return undefined;
  const [parsed] = parseEventLogs({ abi: EVENTS, logs: [log as never], strict: true });
  if (!parsed || log.blockNumber === null || log.logIndex === null)
    throw badLog(log, "is not what the contracts of this deployment write");
  const at = { block: safeNumber(log.blockNumber), logIndex: safeNumber(log.logIndex) };
  switch (parsed.eventName) {
    case "EndpointChanged":
      return { kind: "endpoint", operator: fromHex(parsed.args.operator), endpoint: parsed.args.endpoint, ...at };
    case "CheckpointCommitted": {
      const checkpoint = toCheckpoint(parsed.args.checkpoint);
      const hash = fromHex(parsed.args.hash);
      if (!equal(hash, checkpointHash(h, separator, checkpoint))) throw badLog(log, "has a hash of something else");
      return { kind: "committed", hash, checkpoint, committedAt: timestamp, ...at };
    }
    case "CheckpointFell": {
      const { from, standing } = parsed.args;
      return { kind: "fell", from: safeNumber(from), standing: safeNumber(standing), ...at };
    }
    case "DisputeOpened":
    case "DisputeClosed":
      return { kind: "disputed", number: safeNumber(parsed.args.number), open: parsed.args.open, ...at };
    case "Paused":
      return { kind: "paused", from: timestamp, until: safeNumber(parsed.args.until), ...at };
    case "Resumed":
      return { kind: "resumed", at: timestamp, ...at };
    case "Challenged": {
      const { id, number, hash, kind, path, deadline } = parsed.args;
      const asked = { kind: ASKED_KINDS[kind], path: path.map(safeNumber) };
      const place = { number: safeNumber(number), hash: fromHex(hash), asked };
      return { kind: "challenged", id, ...place, deadline: safeNumber(deadline), ...at };
    }
    case "Answered":
    case "Released":
      return { kind: parsed.eventName === "Answered" ? "answered" : "released", id: parsed.args.id, ...at };
    case "Unanswered": {
      const { id, hash, condemned } = parsed.args;
      return { kind: "unanswered", id, hash: fromHex(hash), condemned, ...at };
    }
    default: {
      const event = toRegistryEvent(parsed);
      return event && { kind: "registry", event, ...at };
    }
  }
}

export function badLog(log: RpcLog, why: string): WeftError {
  return new WeftError("bad_log", `log ${log.logIndex} of block ${log.blockNumber} ${why}`, {
    field: "deployment",
    remedy: "check that the deployment file and the RPC endpoint are of the same chain",
  });
}

function toRegistryEvent(parsed: Parsed): RegistryEvent | undefined {
  switch (parsed.eventName) {
    case "OperatorJoined": {
      const { operator, signer, stake, endpoint } = parsed.args;
      return { kind: "joined", operator: fromHex(operator), signer: fromHex(signer), stake, endpoint, ...at(parsed) };
    }
    case "SignerRotated": {
      const { operator, oldSigner, newSigner } = parsed.args;
      const signers = { oldSigner: fromHex(oldSigner), newSigner: fromHex(newSigner) };
      return { kind: "rotated", operator: fromHex(operator), ...signers, ...at(parsed) };
    }
    case "ExitRequested":
      return { kind: "exiting", operator: fromHex(parsed.args.operator), ...at(parsed) };
    case "EpochActivated": {
      const { epoch, set } = parsed.args;
      return { kind: "activated", epoch: safeNumber(epoch), set: decodeSet(set), ...at(parsed) };
    }
    case "OperatorConvicted": {
      const { operator, set } = parsed.args;
      return { kind: "convicted", operator: fromHex(operator), set: decodeSet(set), ...at(parsed) };
    }
  }
}

function at({ args }: { args: { position: bigint; positionHash: Hex } }) {
  return { position: safeNumber(args.position), hash: fromHex(args.positionHash) };
}

export function toCheckpoint(struct: CommitArgs[0]): Checkpoint {
  return {
    number: safeNumber(struct.number),
    parent: fromHex(struct.parent),
    registryPosition: safeNumber(struct.registryPosition),
    registryHash: fromHex(struct.registryHash),
    cutRoot: fromHex(struct.cutRoot),
    entryCount: struct.entryCount,
    segmentsRoot: fromHex(struct.segmentsRoot),
    segmentCount: struct.segmentCount,
    memoryRoot: fromHex(struct.memoryRoot),
    memoryTraceRoot: fromHex(struct.memoryTraceRoot),
  };
}

import { type ContractFunctionArgs, encodeFunctionData } from "viem";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { Case } from "../core/dispute.ts";
import type { AnswerAt, Move } from "../core/dispute-moves.ts";
import type { MemoryProof } from "../core/memory-proof.ts";
import type { OpenedOp } from "../core/model-trace-model.ts";
import type { OpenedRun } from "../core/model-trace-proof.ts";
import { inferenceCourtAbi as abi } from "./abi.ts";
import { checkpointStruct } from "./convert.ts";
import { caseStruct } from "./dispute-log.ts";

type MemoryStruct = ContractFunctionArgs<typeof abi, "nonpayable", "proveSample">[2]["memory_"];

const ZERO: Hex = `0x${"00".repeat(32)}`;
const NO_CHECKPOINT = {
  number: 0n,
  parent: ZERO,
  registryPosition: 0n,
  registryHash: ZERO,
  cutRoot: ZERO,
  entryCount: 0,
  segmentsRoot: ZERO,
  segmentCount: 0,
  memoryRoot: ZERO,
  memoryTraceRoot: ZERO,
};
/** Of a request without a gate, of which nothing of it is read. */
const NO_MEMORY: MemoryStruct = {
  checkpoint: NO_CHECKPOINT,
  slotMemory: ZERO,
  rowsRoot: ZERO,
  slotOpening: "0x",
  definition: "0x",
  tokens: [],
  tokenSiblings: [],
  rows: [],
  rowOpenings: [],
};

/**
 * The call by which a move is made.
 * @param set words of the operator set that counts now; read where somebody is convicted
 */
export function moveCall(accused: Case, move: Move, set: readonly bigint[]): Hex {
  const of = caseStruct(accused);
  switch (move.type) {
    case "answer":
      return encodeFunctionData({ abi, functionName: "answer", args: [of, hexes(move.roots)] });
    case "demandTensor":
      return encodeFunctionData({ abi, functionName: "demandTensor", args: [of, atStruct(move.at), move.tensor] });
    case "postGroups": {
      const { at, tensor, op, groupRoots, proof } = move;
      const args = [of, atStruct(at), tensor, opStruct(op), hexes(groupRoots), hexes(proof)] as const;
      return encodeFunctionData({ abi, functionName: "postGroups", args });
    }
    case "demandGroup":
      return encodeFunctionData({ abi, functionName: "demandGroup", args: [of, atStruct(move.at), move.group] });
    case "postGroup": {
      const args = [of, atStruct(move.at), toHex(move.values), hexes(move.proof)] as const;
      return encodeFunctionData({ abi, functionName: "postGroup", args });
    }
    case "proveElement": {
      const { head, op, place, run, operands, token, tokenProof } = move.proof;
      const { position, part, column } = place;
      const proof = {
        head: toHex(head),
        op: opStruct(op),
        place: {
          head: BigInt(place.head),
          position: BigInt(position),
          part: BigInt(part),
          column: BigInt(column),
        },
        run: runStruct(run),
        operands: operands.map(({ leaf, leafProof, run: read }) => ({
          leaf: toHex(leaf),
          leafProof: hexes(leafProof),
          run: runStruct(read),
        })),
        token,
        tokenProof: hexes(tokenProof),
      };
      return encodeFunctionData({ abi, functionName: "proveElement", args: [of, atStruct(move.at), proof, set] });
    }
    case "proveSample": {
      const { head, logits, run, memory } = move.proof;
      const memory_ = memory ? memoryStruct(memory) : NO_MEMORY;
      const proof = { head: toHex(head), logits: opStruct(logits), run: runStruct(run), memory_ };
      return encodeFunctionData({ abi, functionName: "proveSample", args: [of, atStruct(move.at), proof, set] });
    }
    case "proveNoPass": {
      const { head, position, token, tokenProof } = move.proof;
      const proof = { head: toHex(head), position, token, tokenProof: hexes(tokenProof) };
      return encodeFunctionData({ abi, functionName: "proveNoPass", args: [of, proof, set] });
    }
  }
}

export function concludeCall(accused: Case, set: readonly bigint[]): Hex {
  return encodeFunctionData({ abi, functionName: "conclude", args: [caseStruct(accused), set] });
}

const hexes = (all: readonly Bytes[]): Hex[] => all.map(toHex);

function atStruct({ place, traceRoot }: AnswerAt) {
  return { place: BigInt(place), traceRoot: toHex(traceRoot) };
}

function opStruct({ number, leaf, proof }: OpenedOp) {
  return { number, leaf: toHex(leaf), proof: hexes(proof) };
}

function runStruct({ tiles, proof }: OpenedRun) {
  return {
    tiles: tiles.map((tile) => ({ values: toHex(tile.values), proof: hexes(tile.proof) })),
    proof: hexes(proof),
  };
}

function memoryStruct(memory: MemoryProof): MemoryStruct {
  return {
    checkpoint: checkpointStruct(memory.checkpoint),
    slotMemory: toHex(memory.slotMemory),
    rowsRoot: toHex(memory.rowsRoot),
    slotOpening: toHex(memory.slotOpening),
    definition: toHex(memory.definition),
    tokens: memory.tokens,
    tokenSiblings: hexes(memory.tokenSiblings),
    rows: hexes(memory.rows),
    rowOpenings: hexes(memory.rowOpenings),
  };
}

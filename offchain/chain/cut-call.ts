import { type ContractFunctionArgs, type ContractFunctionName, encodeFunctionData } from "viem";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type {
  CutProof,
  DataAt,
  EntryAt,
  HeaderAt,
  LeafAt,
  SnapshotAt,
  StatedEntry,
  StatedHeader,
} from "../core/cut-proof.ts";
import { encodeSet } from "../core/registry.ts";
import { TREE } from "../core/tree.ts";
import { cutCourtAbi } from "./abi.ts";
import { checkpointStruct } from "./convert.ts";

type Abi = typeof cutCourtAbi;
type Name = ContractFunctionName<Abi, "nonpayable">;

/** A function of the court about cuts with what it takes. */
export type CutCall = { [N in Name]: { functionName: N; args: ContractFunctionArgs<Abi, "nonpayable", N> } }[Name];

const all = (siblings: readonly Bytes[]) => siblings.map(toHex);

function entryStruct({ operator, incarnation, sequence, head, ended, first }: StatedEntry) {
  return { operator: toHex(operator), incarnation: toHex(incarnation), sequence, head: toHex(head), ended, first };
}

/** Stands where the court reads nothing. */
const NO_ENTRY = entryStruct({
  operator: new Uint8Array(20),
  incarnation: new Uint8Array(16),
  sequence: 0n,
  head: new Uint8Array(32),
  ended: false,
  first: 0,
});
const NO_LEAF = { index: 0n, leaf: toHex(new Uint8Array(32)), proof: [] };

function entryAt({ slot, entry, proof, before }: EntryAt) {
  return {
    slot: BigInt(slot),
    entry: entryStruct(entry),
    proof: all(proof),
    before: before ? entryStruct(before.entry) : NO_ENTRY,
    beforeProof: before ? all(before.proof) : [],
  };
}

function headerStruct(header: StatedHeader) {
  return {
    operator: toHex(header.operator),
    incarnation: toHex(header.incarnation),
    sequence: header.sequence,
    previous: toHex(header.previous),
    snapshotsRoot: toHex(header.snapshotsRoot),
    snapshotCount: header.snapshotCount,
  };
}

const headerAt = ({ index, header, proof }: HeaderAt) => ({
  index: BigInt(index),
  header: headerStruct(header),
  proof: all(proof),
});

const leafAt = ({ index, leaf, proof }: LeafAt) => ({ index: BigInt(index), leaf: toHex(leaf), proof: all(proof) });
const dataAt = ({ index, data, proof }: DataAt) => ({ index: BigInt(index), data: toHex(data), proof: all(proof) });

function snapshotAt(at: SnapshotAt) {
  return {
    number: BigInt(at.number),
    segmentIndex: at.segmentIndex,
    header: headerStruct(at.header),
    segmentProof: all(at.segmentProof),
    snapshotIndex: at.snapshotIndex,
    salt: toHex(at.salt),
    body: toHex(at.body),
    snapshotProof: all(at.snapshotProof),
  };
}

const accusedOf = ({ checkpoint, parent }: Extract<CutProof, { parent: unknown }>) => ({
  checkpoint: checkpointStruct(checkpoint),
  parent: checkpointStruct(parent),
});

/** The call that proves it. */
export function cutCallData(proof: CutProof): Hex {
  return encodeFunctionData({ abi: cutCourtAbi, ...cutCall(proof) });
}

/** A proof as the court takes it. */
export function cutCall(proof: CutProof): CutCall {
  switch (proof.functionName) {
    case "proveCounts":
      return { functionName: proof.functionName, args: [accusedOf(proof)] };
    case "proveEntry":
      return { functionName: proof.functionName, args: [accusedOf(proof), entryAt(proof.here)] };
    case "proveFirst": {
      const { entry, proof: path } = proof.next ?? proof.here;
      return {
        functionName: proof.functionName,
        args: [accusedOf(proof), entryAt(proof.here), entryStruct(entry), all(path)],
      };
    }
    case "proveOrder":
      return { functionName: proof.functionName, args: [accusedOf(proof), entryAt(proof.low), entryAt(proof.high)] };
    case "provePlace":
      return {
        functionName: proof.functionName,
        args: [accusedOf(proof), entryAt(proof.here), headerAt(proof.segment)],
      };
    case "proveSnapshot":
      return { functionName: proof.functionName, args: [toHex(proof.hash), snapshotAt(proof.snapshot)] };
    case "proveSuccession": {
      const { hash, later, earlier, peaks } = proof;
      return {
        functionName: proof.functionName,
        args: [toHex(hash), snapshotAt(later), snapshotAt(earlier), all(peaks)],
      };
    }
    case "proveRequest":
      return {
        functionName: proof.functionName,
        args: [toHex(proof.hash), snapshotAt(proof.later), snapshotAt(proof.open)],
      };
    case "proveTwins":
      return {
        functionName: proof.functionName,
        args: [toHex(proof.hash), snapshotAt(proof.snapshot), snapshotAt(proof.twin)],
      };
    default:
      return ofOneCheckpoint(proof);
  }
}

type OfOne = Exclude<CutProof, { parent: unknown } | { hash: Bytes }>;

/** Where the checkpoint alone is looked at. */
function ofOneCheckpoint(proof: OfOne): CutCall {
  const checkpoint = checkpointStruct(proof.checkpoint);
  switch (proof.functionName) {
    case "proveCount":
      return { functionName: proof.functionName, args: [checkpoint, TREE[proof.tree].tag, leafAt(proof.here)] };
    case "proveFormat":
      return { functionName: proof.functionName, args: [checkpoint, TREE[proof.tree].tag, dataAt(proof.here)] };
    case "proveConvicted": {
      const { here, conviction, setHash } = proof;
      return {
        functionName: proof.functionName,
        args: [checkpoint, entryAt(here), BigInt(conviction), toHex(setHash)],
      };
    }
    case "proveGone": {
      const [exit, activation, epoch] = [proof.exit, proof.activation, proof.epoch].map(BigInt) as [
        bigint,
        bigint,
        bigint,
      ];
      return {
        functionName: proof.functionName,
        args: [checkpoint, entryAt(proof.here), exit, activation, epoch, encodeSet(proof.set)],
      };
    }
    case "proveMember": {
      const quiet = proof.quiet.map(({ kind, payload }) => ({ kind, payload: toHex(payload) }));
      const subject = toHex(proof.subject);
      return {
        functionName: proof.functionName,
        args: [
          checkpoint,
          entryAt(proof.here),
          BigInt(proof.recorded),
          proof.kind,
          subject,
          encodeSet(proof.set),
          quiet,
        ],
      };
    }
    case "proveChain":
      return {
        functionName: proof.functionName,
        args: [checkpoint, headerAt(proof.earlier), headerAt(proof.later)],
      };
    case "proveHeader":
      return {
        functionName: proof.functionName,
        args: [checkpoint, headerAt(proof.segment), proof.here ? leafAt(proof.here) : NO_LEAF],
      };
  }
}

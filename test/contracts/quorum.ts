import {
  type Address,
  concat,
  encodeAbiParameters,
  type Hex,
  hashTypedData,
  keccak256,
  numberToHex,
  parseAbiParameters,
  toHex,
} from "viem";
import {
  type Call,
  checkpointTypes,
  type Header,
  headerHash,
  headerTypedData,
  leaf,
  type Operator,
  ReferenceTree,
  type World,
} from "./fixture.ts";

export interface Checkpoint {
  number: bigint;
  parent: Hex;
  registryPosition: bigint;
  registryHash: Hex;
  cutRoot: Hex;
  entryCount: number;
  segmentsRoot: Hex;
  segmentCount: number;
  memoryRoot: Hex;
  memoryTraceRoot: Hex;
}

const emptyRoot = (kind: number, depth: number) => new ReferenceTree(kind, depth, new Map()).root;
const empty = {
  cutRoot: emptyRoot(3, 24),
  segmentsRoot: emptyRoot(2, 16),
  memoryRoot: emptyRoot(6, 40),
  memoryTraceRoot: emptyRoot(5, 16),
};

/** The next checkpoint that the ledger would take, with these changes. */
export async function nextCheckpoint(world: World, changes: Partial<Checkpoint> = {}): Promise<Checkpoint> {
  const { chain, ledger, registry } = world;
  const [number, parent] = await chain.readContract({ ...ledger, functionName: "latestAttested" });
  const registryPosition =
    changes.registryPosition ?? (await chain.readContract({ ...registry, functionName: "position" }));
  const registryHash = await chain.readContract({
    ...registry,
    functionName: "positionHash",
    args: [registryPosition],
  });
  return {
    number: number + 1n,
    parent,
    registryPosition,
    registryHash,
    entryCount: 0,
    segmentCount: 0,
    ...empty,
    ...changes,
  };
}

export function checkpointTypedData(world: World, message: Checkpoint) {
  return { domain: world.deployment.domain, types: checkpointTypes, primaryType: "Checkpoint", message } as const;
}

export function checkpointHash(world: World, checkpoint: Checkpoint): Hex {
  return hashTypedData(checkpointTypedData(world, checkpoint));
}

/** Signatures in the order that the ledger wants: ascending by signer. */
export async function attest(world: World, checkpoint: Checkpoint, operators: readonly Operator[]): Promise<Hex[]> {
  const sorted = [...operators].sort((a, b) => (BigInt(a.signer.address) < BigInt(b.signer.address) ? -1 : 1));
  return Promise.all(sorted.map(({ signer }) => signer.signTypedData(checkpointTypedData(world, checkpoint))));
}

export function commitCall(world: World, checkpoint: Checkpoint, set: bigint[], signatures: Hex[]): Call {
  return { ...world.ledger, functionName: "commit", args: [checkpoint, set, concat(["0x", ...signatures])] };
}

/** The same signature with the other `s`, which ecrecover takes too. */
export function withHighS(signature: Hex): Hex {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = order - BigInt(`0x${signature.slice(66, 130)}`);
  const v = signature.slice(130) === "1b" ? "1c" : "1b";
  return `0x${signature.slice(2, 66)}${s.toString(16).padStart(64, "0")}${v}`;
}

export function header(operator: Address, changes: Partial<Header> = {}): Header {
  const incarnation = `0x${"ab".repeat(16)}` as Hex;
  const typehash = keccak256(toHex("Track(address operator,bytes16 incarnation)"));
  const types = parseAbiParameters("bytes32, address, bytes16");
  const previous = keccak256(encodeAbiParameters(types, [typehash, operator, incarnation]));
  return {
    operator,
    incarnation,
    sequence: 1n,
    previous,
    snapshotsRoot: keccak256("0x01"),
    snapshotCount: 1,
    ...changes,
  };
}

export function signHeader(world: World, operator: Operator, message: Header): Promise<Hex> {
  return operator.signer.signTypedData(headerTypedData(world.deployment, message));
}

/** Body of a `Tokens` snapshot of written tokens. */
export function tokensBody(turn: Hex, first: number, ids: readonly number[]): Hex {
  return concat([
    "0x02",
    turn,
    numberToHex(1, { size: 8 }),
    numberToHex(0, { size: 4 }),
    numberToHex(first, { size: 4 }),
    "0x03",
    keccak256("0xc0"),
    keccak256("0xd0"),
    numberToHex(ids.length, { size: 4 }),
    ...ids.map((id) => numberToHex(id, { size: 4 })),
  ]);
}

/** A segment with one `Tokens` snapshot among its siblings, somewhere in a segments tree. */
export function story(world: World, operator: Address, body: Hex, snapshotIndex: number, segmentIndex: number) {
  const salt = `0x${"5a".repeat(16)}` as Hex;
  const others: [number, Hex][] = [0, 1, 2, 3, 4].map((i) => [i, leaf(1, numberToHex(i, { size: 32 }))]);
  const snapshots = new ReferenceTree(1, 8, new Map([...others, [snapshotIndex, leaf(1, concat([salt, body]))]]));
  const head = header(operator, { snapshotsRoot: snapshots.root, snapshotCount: 5 });
  const neighbours: [number, Hex][] = [0, 1, 2, 3].map((i) => [i, leaf(2, numberToHex(i, { size: 32 }))]);
  const segments = new ReferenceTree(
    2,
    16,
    new Map([...neighbours, [segmentIndex, leaf(2, headerHash(world.deployment, head))]]),
  );
  return {
    segmentsRoot: segments.root,
    proof: {
      number: 1n,
      segmentIndex,
      header: head,
      segmentProof: segments.proof(segmentIndex),
      snapshotIndex,
      salt,
      body,
      snapshotProof: snapshots.proof(snapshotIndex),
    },
  };
}

import { type Abi, type Address, type Hex, toHex as hexOf, keccak256, type RpcLog } from "viem";
import { checkpointStruct, headerStruct, toChainEvent } from "../../../offchain/chain/convert.ts";
import type { StatedSegment } from "../../../offchain/core/accused-cut.ts";
import { type Bytes, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { type CutEntry, encodeEntries } from "../../../offchain/core/cut.ts";
import { domainSeparator } from "../../../offchain/core/hash.ts";
import type { RegistryEvent } from "../../../offchain/core/registry.ts";
import { snapshotTree, trackId } from "../../../offchain/core/segment.ts";
import { SparseTree } from "../../../offchain/core/sparse-tree.ts";
import { emptyRoot, emptyRoots, leafHash, TREE, type TreeKind } from "../../../offchain/core/tree.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { ROLE } from "../../../scripts/deploy/authority.ts";
import { deployContract } from "../../../scripts/deploy.ts";
import { loadArtifact } from "../../../scripts/lib/artifacts.ts";
import { type Keys, type Sealed, TrackWriter } from "../../helpers/core.ts";
import { type Operator, setOf, type World } from "../fixture.ts";
import { attest, commitCall } from "../quorum.ts";

/** Windows that no slow machine outlasts: block time follows the clock. Seconds. */
export const ANSWER_SECONDS = 400;
export const PATIENT = {
  challengeWindowSeconds: 1000,
  disputeWindowsSeconds: 2 * ANSWER_SECONDS,
  longestPauseSeconds: ANSWER_SECONDS,
  unbondingSeconds: 7000,
};

/** What contracts take for a zero entry of the parent's cut, where nothing is read. */
const NO_ENTRY = entryOf({
  operator: new Uint8Array(20),
  incarnation: new Uint8Array(16),
  sequence: 0,
  head: new Uint8Array(32),
  ended: false,
  first: 0,
});

/** What leaves are the hashes of that are no entries and no segments, by their places, and segments that nobody could write. */
export type Odd = {
  cut?: ReadonlyMap<number, Bytes>;
  segments?: ReadonlyMap<number, Bytes>;
  served?: readonly StatedSegment[];
};

function treeOf(tree: TreeKind, leaves: ReadonlyMap<number, Bytes>): SparseTree<Bytes> {
  const indices = [...leaves.keys()].sort((a, b) => a - b);
  const empty = SparseTree.empty<Bytes>({ tree, hash: (h, data) => leafHash(h, tree, data) });
  return empty.update(indices, (_, n) => leaves.get(indices[n]));
}

/** A checkpoint with all that it is made of, true or not: its roots are those of what it is said to have. */
export class Made {
  readonly checkpoint: Checkpoint;
  readonly hash: Bytes;
  readonly entries: readonly CutEntry[];
  readonly segments: readonly Sealed[];
  readonly parent: Made | undefined;
  readonly odd: Odd;
  /** What the leaves of the cut and of the segments tree are the hashes of. */
  readonly slots: ReadonlyMap<number, Bytes>;
  readonly indices: ReadonlyMap<number, Bytes>;
  readonly #cut: SparseTree<Bytes>;
  readonly #list: SparseTree<Bytes>;

  constructor(
    separator: Bytes,
    parent: Made | undefined,
    said: { entries: readonly CutEntry[]; segments: readonly Sealed[] },
    change: Partial<Checkpoint> & Pick<Checkpoint, "registryPosition" | "registryHash">,
    odd: Odd = {},
  ) {
    this.parent = parent;
    this.entries = said.entries;
    this.segments = said.segments;
    this.odd = odd;
    const entries = said.entries.map((entry, slot): [number, Bytes] => [slot, encodeEntries([entry]).slice(4)]);
    this.slots = new Map([...entries, ...(odd.cut ?? [])]);
    const hashes = said.segments.map(({ hash }, index): [number, Bytes] => [index, hash]);
    this.indices = new Map([...hashes, ...(odd.segments ?? [])]);
    this.#cut = treeOf(TREE.cut, this.slots);
    this.#list = treeOf(TREE.segments, this.indices);
    this.checkpoint = {
      ...genesisCheckpoint(crypto, change.registryHash),
      number: (parent?.checkpoint.number ?? -1) + 1,
      ...(parent && { parent: parent.hash }),
      cutRoot: this.#cut.root(crypto),
      entryCount: said.entries.length,
      segmentsRoot: this.#list.root(crypto),
      segmentCount: said.segments.length,
      memoryTraceRoot: emptyRoot(crypto, TREE.memoryTrace),
      ...change,
    };
    this.hash = checkpointHash(crypto, separator, this.checkpoint);
  }

  /** The checkpoint and its parent, as contracts take them. */
  get accused() {
    return {
      checkpoint: checkpointStruct(this.checkpoint),
      parent: checkpointStruct((this.parent as Made).checkpoint),
    };
  }

  entryAt(slot: number) {
    const before = this.parent?.entries[slot];
    return {
      slot: BigInt(slot),
      entry: entryOf(this.entries[slot] as CutEntry),
      proof: this.cutProof(slot),
      before: before ? entryOf(before) : NO_ENTRY,
      beforeProof: before ? (this.parent as Made).cutProof(slot) : [],
    };
  }

  cutProof(slot: number): Hex[] {
    return this.#cut.proof(crypto, slot).map(toHex);
  }

  segmentProof(index: number): Bytes[] {
    return this.#list.proof(crypto, index);
  }

  headerAt(index: number) {
    const { header } = this.segments[index] as Sealed;
    return { index: BigInt(index), header: headerStruct(header), proof: this.segmentProof(index).map(toHex) };
  }

  /** A leaf of the segments tree by its hash. */
  leafAt(index: number) {
    const segment = this.segments[index];
    const leaf = segment ? leafHash(crypto, TREE.segments, segment.hash) : emptyRoots(crypto, TREE.segments)[0];
    return { index: BigInt(index), leaf: toHex(leaf), proof: this.segmentProof(index).map(toHex) };
  }

  /** A leaf of the cut by its hash, where it is one of an entry or none. */
  slotAt(slot: number) {
    const entry = this.entries[slot];
    const leaf = entry ? leafHash(crypto, TREE.cut, encodeEntries([entry]).slice(4)) : emptyRoots(crypto, TREE.cut)[0];
    return { index: BigInt(slot), leaf: toHex(leaf), proof: this.cutProof(slot) };
  }

  /** Where a snapshot stands, with its bytes. */
  snapshotAt(index: number, snapshot: number) {
    const { header, snapshots } = this.segments[index] as Sealed;
    const { salt, body } = snapshots[snapshot] as Sealed["snapshots"][number];
    return {
      number: BigInt(this.checkpoint.number),
      segmentIndex: index,
      header: headerStruct(header),
      segmentProof: this.segmentProof(index).map(toHex),
      snapshotIndex: snapshot,
      salt: toHex(salt),
      body: toHex(body),
      snapshotProof: snapshotTree(crypto, snapshots).proof(snapshot).map(toHex),
    };
  }

  /** Every snapshot that it has, as [segment, snapshot]. */
  get places(): [number, number][] {
    return this.segments.flatMap(({ snapshots }, i) => snapshots.map((_, j): [number, number] => [i, j]));
  }
}

export function entryOf({ operator, incarnation, sequence, head, ended, first }: CutEntry) {
  const [owner, run] = [toHex(operator), toHex(incarnation)];
  return { operator: owner, incarnation: run, sequence: BigInt(sequence), head: toHex(head), ended, first };
}

/** Makes checkpoints of a world's operators, and has them commit whatever it is. */
export class Historian {
  readonly world: World;
  readonly separator: Bytes;
  readonly operators: readonly Operator[];
  readonly registry: { registryPosition: number; registryHash: Bytes };
  /** What the registry reported, position after position. */
  readonly events: readonly RegistryEvent[];
  readonly genesis: Made;

  private constructor(world: World, operators: readonly Operator[], genesisHash: Hex, logs: readonly RpcLog[]) {
    const { chainId, domain } = world.deployment;
    this.world = world;
    this.operators = operators;
    const verifyingContract = fromHex(domain.verifyingContract, 20);
    this.separator = domainSeparator(crypto, { name: "Weft", version: "1", chainId, verifyingContract });
    this.events = logs.flatMap((log) => {
      const told = toChainEvent(crypto, this.separator, log, 0);
      return told?.kind === "registry" ? [told.event] : [];
    });
    const { position, hash } = this.events.at(-1) as RegistryEvent;
    this.registry = { registryPosition: position, registryHash: hash };
    const none = { entries: [], segments: [] };
    const first = { registryPosition: 0, registryHash: fromHex(genesisHash) };
    this.genesis = new Made(this.separator, undefined, none, first);
  }

  static async of(world: World, operators: readonly Operator[]): Promise<Historian> {
    const { chain, registry } = world;
    const genesisHash = await chain.readContract({ ...registry, functionName: "positionHash", args: [0n] });
    const logs = await world.request("eth_getLogs", [{ address: registry.address, fromBlock: "0x0" }]);
    return new Historian(world, operators, genesisHash, logs as RpcLog[]);
  }

  /** A new track of an operator. */
  track(operator: number, label: string): TrackWriter {
    const keys: Keys = {
      operator: fromHex((this.operators[operator] as Operator).owner),
      signer: signerFromKey(fromHex(keccak256(hexOf(`hot key ${operator}`)))),
    };
    return new TrackWriter(keys, label, this.separator);
  }

  make(
    parent: Made,
    said: { entries: readonly CutEntry[]; segments: readonly Sealed[] },
    change: Partial<Checkpoint> = {},
    odd?: Odd,
  ): Made {
    return new Made(this.separator, parent, said, { ...this.registry, ...change }, odd);
  }

  async commit({ checkpoint }: Made): Promise<void> {
    const wire = checkpointStruct(checkpoint);
    const signatures = await attest(this.world, wire, this.operators);
    await this.world.send(commitCall(this.world, wire, setOf([...this.operators]), signatures));
  }
}

/** The entries that tracks have after more segments, in the slots that they have, and the segments in their order. */
export function extend(
  parent: Made,
  advances: readonly (readonly Sealed[])[],
): { entries: CutEntry[]; segments: Sealed[] } {
  const name = ({ operator, incarnation }: { operator: Bytes; incarnation: Bytes }) =>
    toHex(operator) + toHex(incarnation).slice(2);
  const by = new Map(advances.map((sealed) => [name((sealed[0] as Sealed).header), sealed]));
  const segments: Sealed[] = [];
  const entries: CutEntry[] = [];
  const push = (track: CutEntry, sealed: readonly Sealed[]) => {
    const last = sealed.at(-1);
    const to = last ? { sequence: last.header.sequence, head: last.hash } : {};
    entries.push({ ...track, ...to, first: segments.length });
    segments.push(...sealed);
  };
  for (const known of parent.entries) push(known, by.get(name(known)) ?? []);
  const known = new Set(parent.entries.map(name));
  for (const [track, sealed] of [...by].filter(([key]) => !known.has(key)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { operator, incarnation } = (sealed[0] as Sealed).header;
    const head = trackId(crypto, { operator, incarnation });
    push({ operator, incarnation, sequence: 0, head, ended: false, first: 0 }, by.get(track) ?? []);
  }
  return { entries, segments };
}

/** Makes a court that may do what courts about checkpoints may. */
export async function openCourt(world: World, name: "CutCourt" | "AvailabilityCourt", ...args: unknown[]) {
  const account = await world.connection.account();
  const { contract } = await deployContract(account, name, [world.ledger.address, ...args]);
  const address = contract.target as Address;
  const manager = { address: world.deployment.contracts.accessManager, abi: loadArtifact("AccessManager").abi as Abi };
  for (const role of [ROLE.court, ROLE.fall])
    await world.send({ ...manager, functionName: "grantRole", args: [role, address, 0] });
  return { address, abi: loadArtifact(name).abi as Abi };
}

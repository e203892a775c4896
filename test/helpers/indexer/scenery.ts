import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEther, Wallet } from "ethers";
import { createPublicClient, encodeFunctionData, type Hex, http, type PublicClient } from "viem";
import { checkpointLedgerAbi, guardianAbi, operatorRegistryAbi } from "../../../offchain/chain/abi.ts";
import { commitArgs } from "../../../offchain/chain/convert.ts";
import type { Deployment } from "../../../offchain/chain/deployment.ts";
import { accountKey } from "../../../offchain/cli/devnet/accounts.ts";
import { type Chain, deployContracts, freePorts, startChain } from "../../../offchain/cli/devnet.ts";
import { type Bytes, compare, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { type CheckReport, reportDigest, type SignedReport } from "../../../offchain/core/check-report.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { Cut, checkpointOf } from "../../../offchain/core/cut.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import type { Signer } from "../../../offchain/core/ports.ts";
import { sealSegment, trackId, turnId } from "../../../offchain/core/segment.ts";
import { encodeSnapshot } from "../../../offchain/core/snapshot.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { separatorOf } from "../../../offchain/node/protocol-options.ts";
import { connect } from "../../../scripts/lib/network.ts";
import { activateEpoch, registerOperator } from "../../../scripts/register-operator.ts";
import { requestOf, type Sealed, type TrackWriter as Track, TrackWriter, untaught } from "../core.ts";
import { announceSuccessor } from "../successor.ts";

const OPERATORS = 4;
const SIGNERS = 3;
/** Long enough for a slow machine to do something before it is over; there is `pass`. */
const OVERRIDES = { challengeWindowSeconds: 60 };
const GAS = "0x7a120";
const MODEL = `0x${"33".repeat(32)}`;

/** What a worker would hold of one committed checkpoint. */
export type Content = { number: number; hash: Bytes; checkpoint: Checkpoint; cut: Cut; segments: Sealed[] };

type GuardCall =
  | ["pause", [seconds: bigint]]
  | ["resume", []]
  | ["invalidate", [ledger: string, number: bigint, hash: string]];
type Member = { owner: Bytes; signer: Signer };

/** A track of this ledger's domain. */
class LocalTrack extends TrackWriter {
  readonly #separator: Bytes;

  constructor(keys: Track["keys"], separator: Bytes) {
    super(keys, randomBytes(8).toString("hex"));
    this.#separator = separator;
  }

  override seal(): Sealed {
    const snapshots = this.pending.map((snapshot) => ({
      salt: new Uint8Array(randomBytes(16)),
      body: encodeSnapshot(snapshot),
    }));
    const at = { sequence: this.sequence + 1, previous: this.head };
    const sealed = sealSegment(crypto, this.#separator, this.keys.signer, this.track, at, snapshots);
    this.pending = [];
    this.sequence += 1;
    this.head = sealed.hash;
    return sealed;
  }
}

/** A chain with operators whose keys are here, and checkpoints as they could have agreed on, without any worker. */
export class Scenery {
  readonly folder: string;
  readonly chain: Chain;
  readonly deployment: Deployment;
  readonly deploymentFile: string;
  readonly client: PublicClient;
  readonly contents: Content[] = [];
  #parent: { checkpoint: Checkpoint; hash: Bytes; cut: Cut };
  #tracks: LocalTrack[] = [];
  readonly #signers: readonly Member[];
  readonly #separator: Bytes;
  #registry: { position: number; hash: Bytes; set: bigint[] };
  #joined = OPERATORS;
  #account = "";

  private constructor(
    at: { folder: string; chain: Chain; deployment: Deployment; file: string; client: PublicClient },
    signers: Member[],
    registry: { position: number; hash: Bytes; set: bigint[]; genesis: Bytes },
    account: string,
  ) {
    this.folder = at.folder;
    this.chain = at.chain;
    this.deployment = at.deployment;
    this.deploymentFile = at.file;
    this.client = at.client;
    this.#signers = signers;
    this.#separator = separatorOf(crypto, at.deployment);
    this.#registry = registry;
    this.#account = account;
    const checkpoint = genesisCheckpoint(crypto, registry.genesis);
    const hash = checkpointHash(crypto, this.#separator, checkpoint);
    this.#parent = { checkpoint, hash, cut: Cut.empty(crypto) };
    this.contents.push({ number: 0, ...this.#parent, segments: [] });
  }

  static async open(): Promise<Scenery> {
    const folder = mkdtempSync(join(tmpdir(), "weft-scenery-"));
    const [port] = await freePorts(1);
    const chain = await startChain({ port, folder });
    try {
      return await Scenery.#on(chain, folder);
    } catch (error) {
      await chain.stop(); // else the test never ends, and says nothing
      throw error;
    }
  }

  static async #on(chain: Chain, folder: string): Promise<Scenery> {
    const { deployment, file } = await deployContracts({ rpcUrl: chain.rpcUrl, folder, overrides: OVERRIDES });
    const connection = await connect(chain.rpcUrl);
    const client = createPublicClient({ transport: http(chain.rpcUrl), cacheTime: 0 }) as PublicClient;
    const bank = await connection.account();
    const signers = [];
    for (let index = 1; index <= OPERATORS; index++) {
      const { owner, key } = keysOf(index);
      await registerOperator({
        deployment,
        owner: await connection.account(owner.privateKey),
        signer: { privateKey: toHex(key) },
        endpoint: `127.0.0.1:${9000 + index}`,
        stake: parseEther("1000"),
        minter: bank,
      });
      signers.push({ owner: fromHex(owner.address.toLowerCase(), 20), signer: signerFromKey(key) });
    }
    const { position, set } = await activateEpoch({ deployment, sender: bank });
    const registry = { address: deployment.contracts.operatorRegistry, abi: operatorRegistryAbi };
    const hashAt = async (at: bigint) =>
      fromHex(await client.readContract({ ...registry, functionName: "positionHash", args: [at] }), 32);
    const standing = { position: Number(position), hash: await hashAt(position), set, genesis: await hashAt(0n) };
    await connection.close();
    const account = new Wallet(accountKey(0)).address;
    return new Scenery({ folder, chain, deployment, file, client }, signers, standing, account);
  }

  async ask<R>(method: string, ...params: unknown[]): Promise<R> {
    const response = await fetch(this.chain.rpcUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const { result, error } = (await response.json()) as { result?: R; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result as R;
  }

  /** The next checkpoint: `segments` of them, each a whole turn of `snapshots` snapshots (at least 4). */
  async commit(segments = 2, snapshots = 5): Promise<Content> {
    while (this.#tracks.length < OPERATORS)
      this.#tracks.push(new LocalTrack(this.#keys(this.#tracks.length), this.#separator));
    const sealed: Sealed[] = [];
    for (let i = 0; i < segments; i++) sealed.push(writeTurn(this.#tracks[i % OPERATORS], snapshots));
    const parent = this.#parent;
    const moved = this.#tracks.filter(({ sequence }) => sequence > 0);
    const advances = moved.map(({ track, sequence, head }) => ({ ...track, sequence, head }));
    const cut = parent.cut.extend(crypto, advances, () => false);
    const bySequence = new Map(sealed.map((one) => [`${toHex(one.header.incarnation)}:${one.header.sequence}`, one]));
    const placeOf = ({ incarnation }: { incarnation: Bytes }, at: number) => `${toHex(incarnation)}:${at}`;
    const { checkpoint } = checkpointOf(
      crypto,
      { ...parent, memories: Memories.empty(crypto) },
      cut,
      this.#registry,
      untaught((track, at) => bySequence.get(placeOf(track, at))!.hash),
    );
    const ordered = [...cut.segmentsSince(parent.cut)].map((at) => bySequence.get(placeOf(at, at.sequence))!);
    const hash = checkpointHash(crypto, this.#separator, checkpoint);
    const signing = this.#signers
      .slice(0, SIGNERS)
      .map(({ signer }) => signer)
      .sort((a, b) => compare(a.address, b.address));
    const args = commitArgs(
      checkpoint,
      this.#registry.set,
      signing.map((signer) => signer.sign(hash)),
    );
    const data = encodeFunctionData({ abi: checkpointLedgerAbi, functionName: "commit", args });
    const to = this.deployment.contracts.checkpointLedger;
    await this.send(to, data);
    this.#parent = { checkpoint, hash, cut };
    const content = { number: checkpoint.number, hash, checkpoint, cut, segments: ordered };
    this.contents.push(content);
    return content;
  }

  /** Words of the set that signs checkpoints. */
  get set(): readonly bigint[] {
    return this.#registry.set;
  }

  #keys(index: number): Track["keys"] {
    const { owner, signer } = this.#signers[index];
    return { operator: owner, signer };
  }

  /** What an operator's worker says that it found in a turn. */
  reportBy(
    index: number,
    found: Pick<CheckReport, "turn" | "author" | "agrees" | "position" | "distance">,
  ): SignedReport {
    const { owner, signer } = this.#signers[index];
    const report = { reporter: owner, model: fromHex(MODEL, 32), ...found };
    return { report, signature: signer.sign(reportDigest(crypto, this.#separator, report)) };
  }

  /** One more operator joins, and waits for an epoch. */
  async join(): Promise<void> {
    const connection = await connect(this.chain.rpcUrl);
    const { owner, key } = keysOf(++this.#joined);
    await registerOperator({
      deployment: this.deployment,
      owner: await connection.account(owner.privateKey),
      signer: { privateKey: toHex(key) },
      endpoint: "127.0.0.1:9999",
      minter: await connection.account(),
    });
    await connection.close();
  }

  /** A ledger is announced to come next, its time comes, and the registry is left, in a block of time `at`. */
  async retire(): Promise<{ ledger: string; notBefore: number; at: bigint }> {
    const { operatorRegistry, checkpointLedger } = this.deployment.contracts;
    const successor = await announceSuccessor(this.chain.rpcUrl, this.deployment);
    const { timestamp } = await this.client.getBlock();
    await this.pass(successor.notBefore - Number(timestamp));
    const retire = { abi: operatorRegistryAbi, functionName: "retire", args: [checkpointLedger] } as const;
    const hash = await this.send(operatorRegistry, encodeFunctionData(retire));
    const { blockNumber } = await this.client.getTransactionReceipt({ hash });
    const { timestamp: at } = await this.client.getBlock({ blockNumber });
    return { ...successor, at };
  }

  /** By whoever deployed. */
  send(to: Hex, data: Hex): Promise<Hex> {
    return this.ask<Hex>("eth_sendTransaction", { from: this.#account, to, data, gas: GAS });
  }

  /** What only who guards may do; on a devnet that is the account that deployed. */
  async guard(...[functionName, args]: GuardCall): Promise<void> {
    const data = encodeFunctionData({ abi: guardianAbi, functionName, args } as Parameters<
      typeof encodeFunctionData
    >[0]);
    await this.send(this.deployment.contracts.guardian, data);
  }

  async pass(seconds: number): Promise<void> {
    await this.ask("evm_increaseTime", seconds);
    await this.mine(1);
  }

  async mine(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) await this.ask("evm_mine");
  }

  /** What returns takes the chain back to here; writers begin new tracks, for what they had said is gone. */
  async mark(): Promise<() => Promise<void>> {
    const snapshot = await this.ask<string>("evm_snapshot");
    const [count, parent] = [this.contents.length, this.#parent];
    return async () => {
      await this.ask("evm_revert", snapshot);
      this.contents.length = count;
      this.#parent = parent;
      this.#tracks = [];
    };
  }

  async close(): Promise<void> {
    await this.chain.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function keysOf(index: number) {
  const owner = new Wallet(accountKey(index));
  return { owner, key: crypto.keccak256(new TextEncoder().encode(`scenery ${index}`)) };
}

function writeTurn(track: LocalTrack, snapshots: number): Sealed {
  const request = requestOf([1, 2, 3], { nonce: new Uint8Array(randomBytes(32)), maxLength: 1_000 });
  const turn = track.open(request).tokens("given", [1, 2, 3]);
  for (let i = 3; i < snapshots; i++) turn.tokens("written", [100 + i, 200 + i]);
  turn.close();
  return track.seal();
}

/** The turn that a segment of ours opens. */
export function turnOf({ header }: Sealed): string {
  return toHex(turnId(crypto, trackId(crypto, header), { sequence: header.sequence, index: 0 }));
}

import assert from "node:assert/strict";
import { NonceManager, Wallet } from "ethers";
import { Chain, type ChainOptions } from "../../../offchain/chain/chain.ts";
import type { ConvictOutcome } from "../../../offchain/chain/conviction.ts";
import type { Deployment } from "../../../offchain/chain/deployment.ts";
import type { ChainUpdate } from "../../../offchain/chain/follower.ts";
import type { CondemnOutcome } from "../../../offchain/chain/prosecutor.ts";
import { Rpc } from "../../../offchain/chain/rpc.ts";
import { type Bytes, compare, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { ChainEvent, Hex } from "../../../offchain/core/chain.ts";
import { type Checkpoint, checkpointHash } from "../../../offchain/core/checkpoint.ts";
import type { WeftError } from "../../../offchain/core/errors.ts";
import type { Evidence } from "../../../offchain/core/evidence.ts";
import { domainSeparator } from "../../../offchain/core/hash.ts";
import type { Signer } from "../../../offchain/core/ports.ts";
import { Registry } from "../../../offchain/core/registry.ts";
import { sealSegment, trackId } from "../../../offchain/core/segment.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { deploy } from "../../../scripts/deploy.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { type EvmNode, startEvmNode } from "../../../scripts/lib/evm-node.ts";
import { type Connection, connect } from "../../../scripts/lib/network.ts";
import { registerOperator } from "../../../scripts/register-operator.ts";
import { hashOf } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import { MemoryLog } from "./fake-chain.ts";

export type Member = { operator: Bytes; signer: Signer; key: Hex };

/** A real node with the real contracts, behind HTTP. */
export class World {
  readonly node: EvmNode;
  readonly connection: Connection;
  readonly deployment: Deployment;
  readonly separator: Bytes;
  readonly rpc: Rpc;
  readonly members: Member[] = [];
  #views: View[] = [];

  private constructor(node: EvmNode, connection: Connection, deployment: Deployment) {
    this.node = node;
    this.connection = connection;
    this.deployment = deployment;
    const verifyingContract = fromHex(deployment.contracts.checkpointLedger);
    this.separator = domainSeparator(crypto, { ...deployment.domain, verifyingContract });
    this.rpc = new Rpc(node.url);
  }

  /** @param count how many operators have joined */
  static async open(count: number, overrides: Partial<Deployment["parameters"]> = {}): Promise<World> {
    const node = await startEvmNode({ port: 0 });
    try {
      const connection = await connect(node.url);
      const { deployment } = await deploy({ connection, overrides: { minOperators: 4, ...overrides } });
      const world = new World(node, connection, deployment);
      // Blocks come when a test says so.
      await world.rpc.request("evm_setIntervalMining", [0]);
      for (let i = 0; i < count; i++) world.members.push(await world.#join(i));
      return world;
    } catch (error) {
      await node.close(); // or the test would wait for it for ever, and not say why it failed
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.leave();
    this.rpc.stop();
    await this.connection.close();
    await this.node.close();
  }

  /** A worker's view, which is stopped with the world. */
  view(account: Hex, options: Partial<ChainOptions> = {}): View {
    const view = new View(this, account, options);
    this.#views.push(view);
    return view;
  }

  /** Stops every view. */
  async leave(): Promise<void> {
    await Promise.all(this.#views.map(({ chain }) => chain.stop()));
    this.#views = [];
  }

  /** Has the first epoch activated. */
  async found(): Promise<View> {
    const founder = this.view(this.members[0]!.key);
    await founder.chain.start();
    await until("everybody counts", () => founder.chain.set.length === this.members.length);
    return founder;
  }

  /** Commits a checkpoint that everybody attests to. @param change of what comes next */
  async commit(view: View, change: Partial<Checkpoint>): Promise<Checkpoint> {
    const checkpoint = this.next(view, change);
    const { type } = await view.chain.commit(checkpoint, view.chain.set, this.attest(checkpoint, this.members));
    assert.equal(type, "committed");
    return checkpoint;
  }

  /** An operator that has joined, with funds on both of its keys. */
  async #join(index: number): Promise<Member> {
    const minter = await this.connection.account();
    const owner = new Wallet(toHex(hashOf(`owner ${index}`)));
    const key = toHex(hashOf(`hot key ${index}`));
    const signer = signerFromKey(fromHex(key));
    await (await minter.sendTransaction({ to: toHex(signer.address), value: 10n ** 18n })).wait();
    await registerOperator({
      deployment: this.deployment,
      owner: new NonceManager(owner.connect(this.connection.provider)),
      signer: { privateKey: key },
      endpoint: `127.0.0.1:${9_000 + index}`,
      minter,
    });
    return { operator: fromHex(owner.address), signer, key };
  }

  hashOf(checkpoint: Checkpoint): Bytes {
    return checkpointHash(crypto, this.separator, checkpoint);
  }

  /** The checkpoint that a worker could propose, changed. */
  next({ latest, registry }: View, change: Partial<Checkpoint> = {}): Checkpoint {
    const { position: registryPosition, hash: registryHash } = registry;
    const parent = this.hashOf(latest);
    return { ...latest, number: latest.number + 1, parent, registryPosition, registryHash, ...change };
  }

  /** Signatures, as the ledger wants them. */
  attest(checkpoint: Checkpoint, signers: readonly Member[]): Bytes[] {
    return signers
      .map(({ signer }) => ({ address: signer.address, signature: signer.sign(this.hashOf(checkpoint)) }))
      .sort((x, y) => compare(x.address, y.address))
      .map(({ signature }) => signature);
  }

  /** Two segments of one place. */
  lies({ operator, signer }: Member): Evidence {
    const track = { operator, incarnation: new Uint8Array(16).fill(7) };
    const at = { sequence: 1, previous: trackId(crypto, track) };
    const seal = (text: string) =>
      sealSegment(crypto, this.separator, signer, track, at, [{ salt: new Uint8Array(16), body: hashOf(text) }]);
    const [one, other] = [seal("one story"), seal("another story")];
    return {
      a: { header: one.header, signature: one.signature },
      b: { header: other.header, signature: other.signature },
    };
  }

  async untilBurnt({ operator }: Member): Promise<void> {
    const registry = contractOf("OperatorRegistry", this.deployment, this.connection.provider);
    await until("the stake is burnt", async () => {
      const { status, stake } = await registry.getFunction("operatorOf")(toHex(operator));
      assert.deepEqual([status, stake], [6n, 0n]);
      return true;
    });
  }

  /** Mints stake tokens, in the smallest unit. */
  async give(account: string, amount: bigint): Promise<void> {
    const token = contractOf("StakeToken", this.deployment, await this.connection.account());
    await (await token.getFunction("mint")(account, amount)).wait();
  }

  tokensOf(account: string): Promise<bigint> {
    return contractOf("StakeToken", this.deployment, this.connection.provider).getFunction("balanceOf")(account);
  }

  async pass(seconds: number): Promise<void> {
    await this.rpc.request("evm_increaseTime", [seconds]);
    await this.rpc.request("evm_mine");
  }
}

/** One worker's view of the world. */
export class View {
  readonly chain: Chain;
  readonly log: MemoryLog;
  readonly faults: WeftError[] = [];
  readonly convictions: ConvictOutcome[] = [];
  readonly condemnations: CondemnOutcome[] = [];
  events: ChainEvent[];

  constructor(world: World, account: Hex, options: Partial<ChainOptions> = {}) {
    const log = (options.log as MemoryLog | undefined) ?? new MemoryLog();
    this.log = log;
    this.events = log.events();
    this.chain = new Chain({
      rpcUrl: world.node.url,
      deployment: world.deployment,
      account,
      crypto,
      onUpdate: ({ type, events }: ChainUpdate) => {
        this.events = type === "reorg" ? events : [...this.events, ...events];
      },
      onFault: (fault) => this.faults.push(fault),
      onConvicted: (outcome) => this.convictions.push(outcome),
      onCondemned: (outcome) => this.condemnations.push(outcome),
      pollMs: 20,
      maxBackoffMs: 200,
      ...options,
      log,
    });
  }

  /** Kinds of what happened, in order. */
  get story(): string[] {
    return this.events.map((event) => (event.kind === "registry" ? event.event.kind : event.kind));
  }

  get registry(): Registry {
    let registry = Registry.genesis(this.genesis.registryHash);
    for (const event of this.events) if (event.kind === "registry") registry = registry.apply(event.event);
    return registry;
  }

  get genesis(): Checkpoint {
    return committedBy(this.events.find(({ kind }) => kind === "committed"));
  }

  get latest(): Checkpoint {
    return committedBy(this.events.findLast(({ kind }) => kind === "committed"));
  }
}

function committedBy(event: ChainEvent | undefined): Checkpoint {
  assert.ok(event?.kind === "committed");
  return event.checkpoint;
}

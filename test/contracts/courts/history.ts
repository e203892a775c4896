import { type Abi, type Address, type Hex, toHex as hexOf, keccak256, type RpcLog } from "viem";
import { checkpointStruct, toChainEvent } from "../../../offchain/chain/convert.ts";
import { type Bytes, fromHex } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { CutEntry } from "../../../offchain/core/cut.ts";
import { domainSeparator } from "../../../offchain/core/hash.ts";
import type { RegistryEvent } from "../../../offchain/core/registry.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { ROLE } from "../../../scripts/deploy/authority.ts";
import { deployContract } from "../../../scripts/deploy.ts";
import { loadArtifact } from "../../../scripts/lib/artifacts.ts";
import { type Keys, type Sealed, TrackWriter } from "../../helpers/core.ts";
import { Made, type Odd } from "../../helpers/made.ts";
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

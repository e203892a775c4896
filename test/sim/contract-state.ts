import { type Bytes, fromHex, toHex } from "../../offchain/core/bytes.ts";
import type { ChainEvent } from "../../offchain/core/chain.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import { type Domain, domainSeparator, word } from "../../offchain/core/hash.ts";
import type { Crypto } from "../../offchain/core/ports.ts";
import { type SetMember, setHash } from "../../offchain/core/registry.ts";

/** What the contracts remember, and what a call to them is. */

/** As RegistryParameters in Solidity: amounts in the token's smallest unit, times in seconds. */
export type Parameters = {
  minStake: bigint;
  bounty: bigint;
  minOperators: number;
  maxOperators: number;
  maxChangesPerEpoch: number;
  epochSeconds: number;
  unbondingSeconds: number;
  challengeWindowSeconds: number;
};

export type Status = "pending" | "active" | "exiting" | "left" | "withdrawn" | "convicted";

export type OperatorRecord = {
  readonly owner: Bytes;
  readonly signer: Bytes;
  readonly stake: bigint;
  /** The key that the set lists; none outside the set. */
  readonly listed?: Bytes;
  /** Active time. */
  readonly leftAt: number;
  readonly status: Status;
  /** Who brought the conviction. */
  readonly reporter?: Bytes;
};

export type Change = { readonly operator: string; readonly kind: "joined" | "rotated" | "exit" };

export type LedgerRecord = {
  readonly hash: Bytes;
  readonly checkpoint: Checkpoint;
  readonly committedAt: number;
  /** Active time. */
  readonly finalAt: number;
  /** Open ones, about itself. */
  readonly disputes: number;
  /** Active time at which its last dispute was closed, if that was after its window; else 0. */
  readonly clearedAt: number;
  readonly fallen: boolean;
  readonly signers: readonly Bytes[];
  /** The operator set that counted. */
  readonly set: readonly SetMember[];
};

/** Block time; `until` is where it ends, or ended. */
export type Pause = { readonly start: number; readonly until: number };

export type ContractState = {
  minted: bigint;
  burnt: bigint;
  /** By account; the registry's own is `REGISTRY`. */
  balances: Map<string, bigint>;
  operators: Map<string, OperatorRecord>;
  /** Which operator a key belongs to, for ever. */
  signers: Map<string, string>;
  /** Changes that wait for an epoch. */
  changes: Change[];
  seats: number;
  waiting: number;
  /** The running hash at each position. */
  positions: Bytes[];
  lastSetPosition: number;
  epoch: number;
  /** Active time. */
  activatedAt: number;
  pauses: Pause[];
  set: readonly SetMember[];
  setHash: Bytes;
  checkpoints: LedgerRecord[];
};

/** Who has the roles of guardian and of a court that is yet to be written. */
export type Guard = { account: Bytes; longestPauseSeconds: number };

/** What is fixed when the contracts are made. */
export type Deployment = {
  crypto: Crypto;
  /** Separator of the domain that headers and checkpoints are signed in. */
  separator: Bytes;
  /** Separator of the domain that keys consent in. */
  consentSeparator: Bytes;
  registryGenesis: Bytes;
  parameters: Parameters;
  /** Nobody, where it is left out. */
  guard?: Guard | undefined;
};

export type Call =
  | { type: "join"; signer: Bytes; endpoint: string; stake: bigint; consent: Bytes }
  | { type: "rotate"; signer: Bytes; consent: Bytes }
  | { type: "endpoint"; endpoint: string }
  | { type: "exit" }
  | { type: "withdraw" }
  | { type: "settle"; operator: Bytes }
  | { type: "pause"; duration: number }
  | { type: "resume" }
  | { type: "dispute" | "dismiss" | "invalidate"; number: number; hash: Bytes }
  | { type: "activate"; set: readonly SetMember[] }
  | { type: "commit"; checkpoint: Checkpoint; set: readonly SetMember[]; signatures: readonly Bytes[] }
  | { type: "convict"; evidence: Evidence; set: readonly SetMember[] };

export type Emitted = ChainEvent extends infer E ? (E extends unknown ? Omit<E, "block" | "logIndex"> : never) : never;

/** A call's surroundings, as a contract sees them. `time` is the block's, in seconds. */
export type Context = { deployment: Deployment; state: ContractState; from: Bytes; time: number; events: Emitted[] };

/** What a contract answers instead of doing it; `name` is that of the Solidity error. */
export class Revert extends Error {
  readonly args: readonly unknown[];

  constructor(name: string, ...args: unknown[]) {
    super(name);
    this.name = name;
    this.args = args;
  }
}

export const REGISTRY = "registry";

export function deploymentOf(
  crypto: Crypto,
  at: { chainId: number; registry: Bytes; ledger: Bytes },
  parameters: Parameters,
  guard?: Guard,
): Deployment {
  const domain = (verifyingContract: Bytes): Domain => ({
    name: "Weft",
    version: "1",
    chainId: at.chainId,
    verifyingContract,
  });
  const registryName = crypto.keccak256(new TextEncoder().encode("Weft registry"));
  return {
    crypto,
    separator: domainSeparator(crypto, domain(at.ledger)),
    consentSeparator: domainSeparator(crypto, domain(at.registry)),
    registryGenesis: crypto.keccak256(registryName, word.uint(at.chainId), word.address(at.registry)),
    parameters,
    guard,
  };
}

/** As the constructors leave it, with tokens minted to `funds`. */
export function genesisState(
  { crypto, separator, registryGenesis }: Deployment,
  funds: readonly (readonly [Bytes, bigint])[],
  time: number,
): ContractState {
  const checkpoint = genesisCheckpoint(crypto, registryGenesis);
  const hash = checkpointHash(crypto, separator, checkpoint);
  return {
    minted: funds.reduce((sum, [, amount]) => sum + amount, 0n),
    burnt: 0n,
    balances: new Map(funds.map(([owner, amount]) => [toHex(owner), amount])),
    operators: new Map(),
    signers: new Map(),
    changes: [],
    seats: 0,
    waiting: 0,
    positions: [registryGenesis],
    lastSetPosition: 0,
    epoch: 0,
    activatedAt: 0,
    pauses: [],
    set: [],
    setHash: setHash(crypto, []),
    checkpoints: [recordOf({ hash, checkpoint, committedAt: time, finalAt: time, signers: [], set: [] })],
  };
}

/** A checkpoint as it is committed. */
export function recordOf(committed: Omit<LedgerRecord, "disputes" | "clearedAt" | "fallen">): LedgerRecord {
  return { ...committed, disputes: 0, clearedAt: 0, fallen: false };
}

export function copyOf(state: ContractState): ContractState {
  return {
    ...state,
    balances: new Map(state.balances),
    operators: new Map(state.operators),
    signers: new Map(state.signers),
    changes: [...state.changes],
    positions: [...state.positions],
    pauses: [...state.pauses],
    checkpoints: [...state.checkpoints],
  };
}

/** Moves tokens. @throws Revert when the payer has too few */
export function transfer({ state }: Pick<Context, "state">, from: string, to: string, amount: bigint): void {
  const held = state.balances.get(from) ?? 0n;
  if (held < amount) throw new Revert("ERC20InsufficientBalance", from, held, amount);
  state.balances.set(from, held - amount);
  state.balances.set(to, (state.balances.get(to) ?? 0n) + amount);
}

/** Why the money does not add up (S12), or undefined. */
export function moneyFault(state: ContractState): string | undefined {
  const sum = (amounts: Iterable<bigint>) => [...amounts].reduce((total, amount) => total + amount, 0n);
  const balances = [...state.balances.values()];
  if (balances.some((amount) => amount < 0n)) return "a balance is negative";
  if (sum(balances) + state.burnt !== state.minted)
    return `balances ${sum(balances)} and burnt ${state.burnt} are not what was minted, ${state.minted}`;
  const owed = sum([...state.operators.values()].map(({ stake }) => stake));
  const held = state.balances.get(REGISTRY) ?? 0n;
  if (held !== owed) return `the registry holds ${held} and owes ${owed} in stakes`;
  const withdrawn = [...state.operators.values()].filter(({ status }) => status === "withdrawn");
  if (withdrawn.some(({ stake }) => stake !== 0n)) return "somebody who took its stake still has it";
  return undefined;
}

/** A uint of up to 256 bits as one word. */
export function wideWord(value: bigint): Bytes {
  return fromHex(`0x${value.toString(16).padStart(64, "0")}`);
}

import { type Bytes, compare, concat, equal, fromHex, toHex, utf8 } from "../../offchain/core/bytes.ts";
import { structHash, typedDigest, word } from "../../offchain/core/hash.ts";
import type { RegistryEvent, SetMember } from "../../offchain/core/registry.ts";
import { setHash } from "../../offchain/core/registry.ts";
import { activeTime, running } from "./clock-contract.ts";
import {
  type Change,
  type Context,
  type Deployment,
  type OperatorRecord,
  REGISTRY,
  Revert,
  type Status,
  transfer,
  wideWord,
} from "./contract-state.ts";

/** OperatorRegistry.sol, function by function. */

const KIND = { joined: 1, rotated: 2, exit: 3, epoch: 4, convicted: 5 } as const;
const MAX_ENDPOINT_BYTES = 255;

type EventBody = RegistryEvent extends infer E ? (E extends unknown ? Omit<E, "position" | "hash"> : never) : never;

/** What a key signs so that an operator may have it. */
export function consentDigest({ crypto, consentSeparator }: Deployment, operator: Bytes, signer: Bytes): Bytes {
  const words = [word.address(operator), word.address(signer)];
  const struct = structHash(crypto, "SignerConsent(address operator,address signer)", words);
  return typedDigest(crypto, consentSeparator, struct);
}

export function hasStake(status: Status | undefined): boolean {
  return status === "pending" || status === "active" || status === "exiting" || status === "left";
}

function put({ state }: Context, record: OperatorRecord, change: Partial<OperatorRecord>): void {
  state.operators.set(toHex(record.owner), { ...record, ...change });
}

function senderAs({ state, from }: Context, status: Status): OperatorRecord {
  const record = state.operators.get(toHex(from));
  if (record?.status !== status) throw new Revert("OperatorRegistryWrongStatus", from, record?.status);
  return record;
}

/** Appends a position. */
function advance({ deployment, state, events }: Context, kind: number, payload: readonly Bytes[], body: EventBody) {
  const { keccak256 } = deployment.crypto;
  const before = state.positions[state.positions.length - 1];
  const position = state.positions.length;
  const hash = keccak256(before, word.uint(position), word.uint(kind), keccak256(...payload));
  state.positions.push(hash);
  events.push({ kind: "registry", event: { ...body, position, hash } as RegistryEvent });
}

function enqueue({ state, from }: Context, kind: Change["kind"]): void {
  state.changes.push({ operator: toHex(from), kind });
}

function takeSigner({ deployment, state, from }: Context, signer: Bytes, consent: Bytes): void {
  if (state.signers.has(toHex(signer))) throw new Revert("OperatorRegistrySignerTaken", signer);
  const by = deployment.crypto.recover(consentDigest(deployment, from, signer), consent);
  if (!by) throw new Revert("ECDSAInvalidSignature");
  if (!equal(by, signer)) throw new Revert("OperatorRegistryNoConsent", signer);
  state.signers.set(toHex(signer), toHex(from));
}

function checkEndpoint(endpoint: string): void {
  const { length } = utf8(endpoint);
  if (length === 0 || length > MAX_ENDPOINT_BYTES) throw new Revert("OperatorRegistryInvalidEndpoint", length);
}

/** The list that the caller passed is the current set. */
function checkSet({ deployment, state }: Context, set: readonly SetMember[]): void {
  if (!equal(setHash(deployment.crypto, set), state.setHash)) throw new Revert("OperatorRegistrySetMismatch");
}

export function join(
  c: Context,
  { signer, endpoint, stake, consent }: { signer: Bytes; endpoint: string; stake: bigint; consent: Bytes },
): void {
  const { state, from, deployment } = c;
  const { minStake, maxOperators } = deployment.parameters;
  running(c);
  const known = state.operators.get(toHex(from));
  if (known) throw new Revert("OperatorRegistryWrongStatus", from, known.status);
  if (stake < minStake) throw new Revert("OperatorRegistryStakeTooSmall", stake, minStake);
  if (state.seats >= maxOperators) throw new Revert("OperatorRegistryFull", maxOperators);
  checkEndpoint(endpoint);
  takeSigner(c, signer, consent);
  state.seats += 1;
  state.waiting += 1;
  state.operators.set(toHex(from), { owner: from, signer, stake, leftAt: 0, status: "pending" });
  enqueue(c, "joined");
  const payload = [word.address(from), word.address(signer), wideWord(stake)];
  advance(c, KIND.joined, payload, { kind: "joined", operator: from, signer, stake, endpoint });
  transfer(c, toHex(from), REGISTRY, stake);
}

export function rotate(c: Context, { signer, consent }: { signer: Bytes; consent: Bytes }): void {
  running(c);
  const record = senderAs(c, "active");
  if (!record.listed || !equal(record.listed, record.signer))
    throw new Revert("OperatorRegistryRotationPending", c.from);
  takeSigner(c, signer, consent);
  put(c, record, { signer });
  enqueue(c, "rotated");
  const payload = [word.address(c.from), word.address(record.signer), word.address(signer)];
  const event = { kind: "rotated", operator: c.from, oldSigner: record.signer, newSigner: signer } as const;
  advance(c, KIND.rotated, payload, event);
}

export function setEndpoint({ state, from, events }: Context, endpoint: string): void {
  const status = state.operators.get(toHex(from))?.status;
  if (status !== "pending" && status !== "active" && status !== "exiting")
    throw new Revert("OperatorRegistryWrongStatus", from, status);
  checkEndpoint(endpoint);
  events.push({ kind: "endpoint", operator: from, endpoint });
}

export function requestExit(c: Context): void {
  const { state, from } = c;
  const waits = state.operators.get(toHex(from))?.status === "pending";
  const record = senderAs(c, waits ? "pending" : "active");
  if (waits) state.waiting -= 1;
  put(c, record, { status: "exiting" });
  enqueue(c, "exit");
  advance(c, KIND.exit, [word.address(from)], { kind: "exiting", operator: from });
}

export function withdraw(c: Context): void {
  const now = running(c);
  const record = senderAs(c, "left");
  const until = record.leftAt + c.deployment.parameters.unbondingSeconds;
  if (now < until) throw new Revert("OperatorRegistryUnbonding", until);
  put(c, record, { stake: 0n, status: "withdrawn" });
  transfer(c, REGISTRY, toHex(c.from), record.stake);
}

/** Burns a convicted operator's stake but for the bounty of who reported it. */
export function settle({ state, deployment }: Context, operator: Bytes): void {
  const record = state.operators.get(toHex(operator));
  if (record?.status !== "convicted") throw new Revert("OperatorRegistryWrongStatus", operator, record?.status);
  if (record.stake === 0n) throw new Revert("OperatorRegistrySettled", operator);
  const { bounty } = deployment.parameters;
  const burnt = record.stake - bounty;
  state.operators.set(toHex(operator), { ...record, stake: 0n });
  state.balances.set(REGISTRY, (state.balances.get(REGISTRY) ?? 0n) - burnt);
  state.burnt += burnt;
  transfer({ state }, REGISTRY, toHex(record.reporter as Bytes), bounty);
}

/** How many changes an activation at `time` would apply. @throws Revert where there would be none */
export function dueChanges(c: Pick<Context, "deployment" | "state" | "time">): number {
  const { deployment, state } = c;
  const { minOperators, epochSeconds, maxChangesPerEpoch } = deployment.parameters;
  const pending = state.changes.length;
  if (state.epoch === 0) {
    if (state.waiting < minOperators) throw new Revert("OperatorRegistryTooFewOperators", state.waiting, minOperators);
    return pending;
  }
  const opensAt = state.activatedAt + epochSeconds;
  if (activeTime(c) < opensAt) throw new Revert("OperatorRegistryEpochTooEarly", opensAt);
  if (pending === 0) throw new Revert("OperatorRegistryNothingPending");
  return Math.min(pending, maxChangesPerEpoch);
}

export function activateEpoch(c: Context, currentSet: readonly SetMember[]): void {
  const { state } = c;
  const now = running(c);
  checkSet(c, currentSet);
  let set = [...currentSet];
  for (const change of state.changes.splice(0, dueChanges(c))) set = apply(c, change, set);
  state.epoch += 1;
  state.activatedAt = now;
  recordSet(c, set, KIND.epoch, word.uint(state.epoch), { kind: "activated", epoch: state.epoch, set });
}

/** One waiting change. Those of operators that were convicted meanwhile, and joins of who already leaves, are void. */
function apply(c: Context, { operator, kind }: Change, set: SetMember[]): SetMember[] {
  const record = c.state.operators.get(operator) as OperatorRecord;
  const { status, listed, signer, stake } = record;
  const without = () => set.filter((member) => !listed || !equal(member.signer, listed));
  if (kind === "joined" && status === "pending") {
    put(c, record, { status: "active", listed: signer });
    c.state.waiting -= 1;
    return sorted([...set, { signer, stake }]);
  }
  if (kind === "rotated" && listed) {
    put(c, record, { listed: signer });
    return sorted([...without(), { signer, stake }]);
  }
  if (kind === "exit" && status === "exiting") {
    put(c, record, { status: "left", leftAt: activeTime(c), listed: undefined });
    c.state.seats -= 1;
    return without();
  }
  return set;
}

function sorted(set: readonly SetMember[]): SetMember[] {
  return [...set].sort((a, b) => compare(a.signer, b.signer));
}

function recordSet(c: Context, set: readonly SetMember[], kind: number, subject: Bytes, body: EventBody): void {
  const digest = setHash(c.deployment.crypto, set);
  advance(c, kind, [concat(subject, digest)], body);
  c.state.lastSetPosition = c.state.positions.length - 1;
  c.state.set = set;
  c.state.setHash = digest;
}

/** Convicts an operator, whose stake is lost; only courts get here. */
export function slash(c: Context, operator: Bytes, currentSet: readonly SetMember[]): void {
  const { state, from } = c;
  running(c);
  checkSet(c, currentSet);
  const record = state.operators.get(toHex(operator));
  if (!record || !hasStake(record.status)) throw new Revert("OperatorRegistryWrongStatus", operator, record?.status);
  const { listed, status } = record;
  const set = currentSet.filter((member) => !listed || !equal(member.signer, listed));
  if (status === "pending") state.waiting -= 1;
  if (status !== "left") state.seats -= 1;
  put(c, record, { status: "convicted", listed: undefined, reporter: from });
  recordSet(c, set, KIND.convicted, word.address(operator), { kind: "convicted", operator, set });
}

/** The operator that a key belongs to. */
export function operatorOf({ state }: Context, signer: Bytes): Bytes | undefined {
  const owner = state.signers.get(toHex(signer));
  return owner === undefined ? undefined : fromHex(owner);
}

import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Abi, Address } from "viem";
import { cutCall } from "../../../offchain/chain/cut-call.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { CutProof } from "../../../offchain/core/cut-proof.ts";
import { judgeCut } from "../../../offchain/core/false-cut.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Audited } from "../../helpers/audited.ts";
import { type Keys, type Sealed, type TrackWriter, writeSegments } from "../../helpers/core.ts";
import { extend, type Made } from "../../helpers/made.ts";
import { protocolOf } from "../../helpers/protocol.ts";
import type { World } from "../fixture.ts";
import type { Historian } from "./history.ts";
import { liars } from "./lies.ts";
import { accusationOf } from "./statement.ts";

export type Court = { address: Address; abi: Abi };

/** Draws integers below a bound; the same at every run. */
export function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return below === 0 ? 0 : Math.floor((state / 2 ** 32) * below);
  };
}

/** Some tracks that go on, one that does not and some new ones, beyond a parent that is committed; or only new ones. */
export async function tell(historian: Historian, seed: number): Promise<Made> {
  const pick = chance(seed);
  const tracks: TrackWriter[] = [];
  const advances: Sealed[][] = [];
  const write = (operator: number, label: string, count: number) => {
    const track = historian.track(operator, `${seed} ${label}`);
    tracks.push(track);
    advances.push(writeSegments(track, count, seed));
  };
  let parent = historian.genesis;
  if (seed % 2 > 0) {
    for (let i = 0; i < 3; i++) write(i, "old", 1 + pick(3));
    parent = historian.make(historian.genesis, extend(historian.genesis, advances));
    await historian.commit(parent);
  }
  const going = tracks.slice(0, 2);
  advances.length = 0;
  for (const track of going) advances.push(writeSegments(track, 1 + pick(3), seed + 100));
  for (let i = 0; i < 2 + pick(2); i++) write(i + 1, "new", 1 + pick(3));
  return historian.make(parent, extend(parent, advances));
}

/** What is found in a checkpoint by whoever holds these segments; fails where nothing is. */
export function proofOf(historian: Historian, made: Made, held: readonly Sealed[], what: string): CutProof {
  const verdict = judgeCut(crypto, accusationOf(historian, made, held));
  assert.ok("proof" in verdict, `${what}: nothing is found but ${inspect(verdict)}`);
  return verdict.proof;
}

/** Says whether the court would condemn. */
export async function condemns(world: World, court: Court, proof: CutProof): Promise<boolean> {
  const call = { account: world.accounts[0] as Address, ...court, ...cutCall(proof) };
  return world.chain.simulateContract(call as Parameters<typeof world.chain.simulateContract>[0]).then(
    () => true,
    () => false,
  );
}

/** Proves it, and that the checkpoint falls. @returns the gas of that */
export async function convict(world: World, court: Court, made: Made, proof: CutProof): Promise<bigint> {
  const { gas } = await world.send({ ...court, ...cutCall(proof) });
  const args = [BigInt(made.checkpoint.number)] as const;
  const record = await world.chain.readContract({ ...world.ledger, functionName: "checkpoint", args });
  assert.ok(record.fallen);
  const hash = [toHex(made.hash)];
  assert.equal(await world.chain.readContract({ ...court, functionName: "condemned", args: hash }), true);
  return gas;
}

/** What nobody is asked for: protocol.md says so below Q10. */
const BEYOND_COUNTS = ["a slot beyond the others", "a header counts fewer snapshots than there are"];

/** One worker among those who lie finds it by itself, or has it asked for on the chain where nobody can show it. */
async function isNoticed(historian: Historian, court: Court, made: Made, what: string): Promise<void> {
  const { world, separator, events, genesis, operators } = historian;
  const keys = operators.map((_, i) => historian.track(i, "alone").keys) as [Keys, Keys, Keys, ...Keys[]];
  const { registryHash: registryGenesis } = genesis.checkpoint;
  const protocol = protocolOf(keys[0], keys, { separator, registryGenesis, events });
  const worker = new Audited(protocol, keys[2].operator, { onChain: true });
  if (made.parent && made.parent !== genesis) worker.read(made.parent);
  const [noticed] = worker.read(made).condemned;
  if (!noticed)
    assert.equal(
      worker.unanswered.length > 0,
      !BEYOND_COUNTS.some((name) => what.startsWith(name)),
      `${what}: what nobody can show is asked for`,
    );
  else {
    assert.ok("functionName" in noticed.proof, `${what}: ${inspect(noticed.proof)}`);
    assert.ok(await condemns(world, court, noticed.proof), `${what}: the worker's proof is refused`);
  }
}

export type CutAsked = {
  corruptions: number;
  seed: number;
  /** The gas only where it was proven in a transaction. */
  onProven?(kind: string, gas: bigint | undefined): void;
};

/**
 * Tells at least so many lies, of each kind as many, about random histories. Each must be found in what its attesters serve, by
 * whoever holds the true segments, and be shown to the court: the first of each kind in a transaction, others where only
 * the verdict counts; the first of each kind also by a worker that nobody tells anything.
 * @returns how many were proven, by kind
 */
export async function tryLies(
  historian: Historian,
  court: Court,
  { corruptions, seed, onProven = () => {} }: CutAsked,
): Promise<Map<string, number>> {
  const { world } = historian;
  const kinds = Object.entries(liars);
  const each = Math.ceil(corruptions / kinds.length);
  const proven = new Map(kinds.map(([name]) => [name, 0]));
  const short = () => kinds.filter(([name]) => (proven.get(name) as number) < each);
  for (let story = seed; short().length > 0; story++) {
    const back = await world.remember();
    const honest = await tell(historian, story);
    for (const [i, [name, lie]] of short().entries()) {
      const made = lie(historian, honest, chance(story * 1000 + i));
      if (!made) continue;
      const times = proven.get(name) as number;
      const what = `${name} (story ${story}, lie ${i})`;
      const proof = proofOf(historian, made, honest.segments, what);
      const again = await world.remember();
      await historian.commit(made);
      if (times === 0) await isNoticed(historian, court, made, what);
      const gas = times === 0 ? await convict(world, court, made, proof) : undefined;
      if (times > 0) assert.ok(await condemns(world, court, proof), `${what} is not proven`);
      await again();
      onProven(name, gas);
      proven.set(name, times + 1);
    }
    await back();
  }
  return proven;
}

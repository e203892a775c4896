import { type Bytes, compare, equal, fromHex, toHex, utf8 } from "../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../offchain/core/checkpoint.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import type { Signer } from "../../offchain/core/ports.ts";
import type { SetMember } from "../../offchain/core/registry.ts";
import { type Header, headerHash, trackId } from "../../offchain/core/segment.ts";
import type { Call, ContractState, Deployment } from "./contract-state.ts";
import { standing } from "./fate-contract.ts";
import type { Random } from "./random.ts";
import { consentDigest } from "./registry-contract.ts";

/** Calls to the contracts that are right most of the time and wrong in every way the rest of it. */
export class RandomCalls {
  readonly #random: Random;
  readonly #deployment: Deployment;
  readonly #owners: readonly Bytes[];
  readonly #signer: (label: string) => Signer;
  readonly #keys = new Map<string, Signer>();
  #count = 0;

  constructor(random: Random, deployment: Deployment, owners: readonly Bytes[], signer: (label: string) => Signer) {
    this.#random = random;
    this.#deployment = deployment;
    this.#owners = owners;
    this.#signer = signer;
  }

  /** A key that somebody has already. */
  know(key: Signer): void {
    this.#keys.set(toHex(key.address), key);
  }

  next(state: ContractState): { from: Bytes; call: Call } {
    const random = this.#random;
    const kinds = ["join", "rotate", "endpoint", "exit", "withdraw", "settle", "activate", "convict"] as const;
    const guarded = ["pause", "resume", "dispute", "dismiss", "invalidate"] as const;
    const { guard } = this.#deployment;
    if (guard && random.chance(0.25)) {
      const from = random.chance(0.95) ? guard.account : random.pick(this.#owners);
      return { from, call: this.#call(random.pick(guarded), state, from) };
    }
    const from = random.pick(this.#owners);
    const kind =
      state.epoch === 0 && random.chance(0.7) ? "join" : random.pick([...kinds, "commit", "commit"] as const);
    return { from, call: this.#call(kind, state, from) };
  }

  #call(type: Call["type"], state: ContractState, from: Bytes): Call {
    const random = this.#random;
    const set = random.chance(0.9) ? state.set : state.set.slice(1);
    switch (type) {
      case "join": {
        const { minStake } = this.#deployment.parameters;
        const stake = random.chance(0.9) ? minStake * BigInt(random.int(1, 3)) : minStake - 1n;
        const endpoint = random.chance(0.95) ? "127.0.0.1:9000" : random.pick(["", "x".repeat(256)]);
        return { type, ...this.#consent(from), endpoint, stake };
      }
      case "rotate":
        return { type, ...this.#consent(from) };
      case "endpoint":
        return { type, endpoint: random.chance(0.9) ? `127.0.0.1:${random.int(1, 9999)}` : "" };
      case "exit":
      case "withdraw":
      case "resume":
        return { type };
      case "settle":
        return { type, operator: random.pick(this.#owners) };
      case "pause":
        return { type, duration: random.int(0, (this.#deployment.guard?.longestPauseSeconds ?? 0) + 1) };
      case "dispute":
      case "dismiss":
      case "invalidate": {
        const { checkpoints } = state;
        const disputed = checkpoints.flatMap(({ disputes }, at) => (disputes > 0 ? [at] : []));
        const recent = Math.max(0, checkpoints.length - random.pick([0, 1, 1, 1, 2, 3, 4]));
        const number = type === "dismiss" && disputed.length > 0 && random.chance(0.9) ? random.pick(disputed) : recent;
        const { hash } = checkpoints[random.chance(0.95) && number < checkpoints.length ? number : 0];
        return { type, number, hash };
      }
      case "activate":
        return { type, set };
      case "commit":
        return this.#commit(state, set);
      case "convict":
        return { type, evidence: this.#evidence(), set };
    }
  }

  /** A new key, or one that was used; its consent, or somebody else's. */
  #consent(from: Bytes): { signer: Bytes; consent: Bytes } {
    const random = this.#random;
    const used = [...this.#keys.values()];
    const key = used.length > 0 && random.chance(0.1) ? random.pick(used) : this.#signer(`key ${this.#count++}`);
    const by = used.length > 0 && random.chance(0.05) ? random.pick(used) : key;
    this.#keys.set(toHex(key.address), key);
    return { signer: key.address, consent: by.sign(consentDigest(this.#deployment, from, key.address)) };
  }

  #commit(state: ContractState, set: readonly SetMember[]): Call {
    const random = this.#random;
    const { crypto, separator } = this.#deployment;
    const head = random.chance(0.97) ? standing(state) : state.checkpoints[state.checkpoints.length - 1];
    const last = state.positions.length - 1;
    const registryPosition = random.chance(0.8) ? last : random.int(0, last);
    const root = () => (random.chance(0.99) ? crypto.sha256(random.bytes(8)) : new Uint8Array(32));
    const checkpoint: Checkpoint = {
      number: state.checkpoints.length + (random.chance(0.9) ? 0 : random.int(-1, 1)),
      parent: random.chance(0.95) ? head.hash : root(),
      registryPosition,
      registryHash: random.chance(0.95) ? state.positions[registryPosition] : root(),
      cutRoot: root(),
      entryCount: random.int(0, 9),
      segmentsRoot: root(),
      segmentCount: random.chance(0.97) ? random.int(0, 9) : 65_537,
      memoryRoot: root(),
      memoryTraceRoot: root(),
    };
    const hash = checkpointHash(crypto, separator, checkpoint);
    const chosen = state.set.filter(() => random.chance(0.85));
    const signers = random.chance(0.95) ? chosen : random.shuffle([...chosen, ...chosen.slice(0, 1)]);
    const signatures = signers.map(({ signer }) => (this.#keys.get(toHex(signer)) as Signer).sign(hash));
    return { type: "commit", checkpoint, set, signatures };
  }

  #evidence(): Evidence {
    const random = this.#random;
    const { crypto, separator } = this.#deployment;
    const operator = random.pick(this.#owners);
    const track = { operator, incarnation: random.bytes(16) };
    const header = (changes: Partial<Header> = {}): Header => ({
      ...track,
      sequence: 1,
      previous: trackId(crypto, track),
      snapshotsRoot: crypto.sha256(random.bytes(8)),
      snapshotCount: 1,
      ...changes,
    });
    const a = header();
    const b = random.chance(0.85) ? header() : random.pick([a, header({ sequence: 2 })]);
    const keys = [...this.#keys.values()].sort((x, y) => compare(x.address, y.address));
    const mine = keys.filter((key) => equal(this.#ownerOf(key), operator));
    const sign = (of: Header) => {
      const key = random.pick(mine.length > 0 && random.chance(0.9) ? mine : [...keys, this.#signer("stranger")]);
      return { header: of, signature: key.sign(headerHash(crypto, separator, of)) };
    };
    return { a: sign(a), b: sign(b) };
  }

  readonly #taken = new Map<string, Bytes>();

  /** Tells which keys were taken by whom, so that most evidence is of the accused. */
  learn(state: ContractState): void {
    for (const [signer, owner] of state.signers) if (!this.#taken.has(signer)) this.#taken.set(signer, fromHex(owner));
  }

  #ownerOf(key: Signer): Bytes {
    return this.#taken.get(toHex(key.address)) ?? utf8("");
  }
}

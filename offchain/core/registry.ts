import { type Bytes, compare, concat, fromHex, toHex, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Hashing } from "./ports.ts";

export type SetMember = { signer: Bytes; stake: bigint };

/** What the registry contract reported, one position each; endpoints have none, nothing is derived from them. */
export type RegistryEvent = { position: number; hash: Bytes } & (
  | { kind: "joined"; operator: Bytes; signer: Bytes; stake: bigint; endpoint: string }
  | { kind: "rotated"; operator: Bytes; oldSigner: Bytes; newSigner: Bytes }
  | { kind: "exiting"; operator: Bytes }
  | { kind: "activated"; epoch: number; set: readonly SetMember[] }
  | { kind: "convicted"; operator: Bytes; set: readonly SetMember[] }
);

export type Standing = "joined" | "exiting" | "gone" | "convicted";

export type Operator = { operator: Bytes; signer: Bytes; standing: Standing };

/** The registry as it stood at one position. Immutable: the next position is a new value. */
export class Registry {
  readonly position: number;
  readonly hash: Bytes;
  /** The position of the latest activation or conviction: a checkpoint names none older. */
  readonly lastSetPosition: number;
  readonly set: readonly SetMember[];
  /** What was reported at this position. */
  readonly event?: RegistryEvent;
  readonly #operators: ReadonlyMap<string, Operator>;
  /** Every key that ever signed for an operator; retired ones stay attributable. */
  readonly #signers: ReadonlyMap<string, Bytes>;

  private constructor(
    position: number,
    hash: Bytes,
    lastSetPosition: number,
    set: readonly SetMember[],
    operators: ReadonlyMap<string, Operator>,
    signers: ReadonlyMap<string, Bytes>,
    event?: RegistryEvent,
  ) {
    this.position = position;
    this.hash = hash;
    this.lastSetPosition = lastSetPosition;
    this.set = set;
    this.#operators = operators;
    this.#signers = signers;
    this.event = event;
  }

  static genesis(hash: Bytes): Registry {
    return new Registry(0, hash, 0, [], new Map(), new Map());
  }

  /** @throws WeftError `registry_gap` unless the event is the next one. */
  apply(event: RegistryEvent): Registry {
    if (event.position !== this.position + 1)
      throw new WeftError("registry_gap", `position ${event.position} does not follow ${this.position}`);
    const operators = new Map(this.#operators);
    const signers = new Map(this.#signers);
    const stand = (operator: Bytes, change: Partial<Operator>) => {
      const known = operators.get(toHex(operator));
      if (!known) throw new WeftError("registry_gap", "an event about an operator that never joined");
      operators.set(toHex(operator), { ...known, ...change });
    };
    let { set, lastSetPosition } = this;
    switch (event.kind) {
      case "joined":
        operators.set(toHex(event.operator), { operator: event.operator, signer: event.signer, standing: "joined" });
        signers.set(toHex(event.signer), event.operator);
        break;
      case "rotated":
        stand(event.operator, { signer: event.newSigner });
        signers.set(toHex(event.newSigner), event.operator);
        break;
      case "exiting":
        stand(event.operator, { standing: "exiting" });
        break;
      case "activated":
      case "convicted": {
        ({ set } = event);
        lastSetPosition = event.position;
        if (event.kind === "convicted") {
          stand(event.operator, { standing: "convicted" });
          break;
        }
        // By owner: after a rotation the set lists the old key until an epoch takes the new one in.
        const owners = set.flatMap((member) => signers.get(toHex(member.signer)) ?? []);
        const active = new Set<string>(owners.map(toHex));
        for (const operator of operators.values())
          if (operator.standing === "exiting" && !active.has(toHex(operator.operator)))
            stand(operator.operator, { standing: "gone" });
      }
    }
    return new Registry(event.position, event.hash, lastSetPosition, set, operators, signers, event);
  }

  operator(operator: Bytes): Operator | undefined {
    return this.#operators.get(toHex(operator));
  }

  get operators(): Operator[] {
    return [...this.#operators.values()];
  }

  operatorOf(signer: Bytes): Bytes | undefined {
    return this.#signers.get(toHex(signer));
  }

  /** Convicted or gone: the operator's tracks are over. */
  isEnded(operator: Bytes): boolean {
    const standing = this.operator(operator)?.standing;
    return standing === "convicted" || standing === "gone";
  }

  /**
   * May `signer` write for `operator` here? Retired keys too, as long as the operator takes part: who holds what a key has
   * signed must not depend on whether its segments came before or after the rotation (S1).
   */
  entitles(operator: Bytes, signer: Bytes): boolean {
    const owner = this.operatorOf(signer);
    return owner !== undefined && compare(owner, operator) === 0 && !this.isEnded(operator);
  }

  stakeOf(signer: Bytes): bigint {
    return this.set.find((member) => compare(member.signer, signer) === 0)?.stake ?? 0n;
  }

  #stakes?: ReadonlyMap<string, bigint>;
  #total?: bigint;

  /**
   * The key with which an operator attests and is met: the one in the set, which after a rotation is the old one until an
   * epoch takes the new one in; the newest for whoever is in no set yet.
   */
  votingKey(operator: Bytes): Bytes | undefined {
    const listed = this.set.find(({ signer }) => {
      const owner = this.operatorOf(signer);
      return owner !== undefined && compare(owner, operator) === 0;
    });
    return listed?.signer ?? this.operator(operator)?.signer;
  }

  /** Stake that counts for an operator, by the key that is in the set. */
  stakeOfOperator(operator: Bytes): bigint {
    return this.stakeOfNamed(toHex(operator));
  }

  /** @param operator in hexadecimal */
  stakeOfNamed(operator: string): bigint {
    if (!this.#stakes) {
      const stakes = new Map<string, bigint>();
      for (const { signer, stake } of this.set) {
        const owner = this.operatorOf(signer);
        if (owner) stakes.set(toHex(owner), (stakes.get(toHex(owner)) ?? 0n) + stake);
      }
      this.#stakes = stakes;
    }
    return this.#stakes.get(operator) ?? 0n;
  }

  get totalStake(): bigint {
    this.#total ??= this.set.reduce((sum, member) => sum + member.stake, 0n);
    return this.#total;
  }

  /** More than two thirds of the stake that counts here. */
  isQuorum(stake: bigint): boolean {
    return stake * 3n > this.totalStake * 2n;
  }
}

/** One word a member, (signer ‖ stake as uint96), strictly ascending by signer; the hash is over the words. */
export function encodeSet(set: readonly SetMember[]): bigint[] {
  return set.map(({ signer, stake }) => (BigInt(toHex(signer)) << 96n) | stake);
}

export function decodeSet(words: readonly bigint[]): SetMember[] {
  return words.map((value) => ({
    signer: fromHex(`0x${(value >> 96n).toString(16).padStart(40, "0")}`),
    stake: value & ((1n << 96n) - 1n),
  }));
}

export function setHash(h: Hashing, set: readonly SetMember[]): Bytes {
  const words = set.map(({ signer, stake }) =>
    new Writer()
      .fixed(signer, 20)
      .u32(Number(stake >> 64n))
      .raw(new Uint8Array(new BigUint64Array([stake & ((1n << 64n) - 1n)]).buffer).reverse())
      .done(),
  );
  return h.keccak256(concat(...words));
}

import { type AccusedCut, type Finding, found } from "./accused-cut.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import type { QuietPosition } from "./cut-proof.ts";
import { word } from "./hash.ts";
import type { Hashing } from "./ports.ts";
import { Registry, type RegistryEvent, type SetMember, setHash } from "./registry.ts";

const KIND = { joined: 1, rotated: 2, exiting: 3, activated: 4, convicted: 5 } as const;

type SetEvent = RegistryEvent & { kind: "activated" | "convicted" };

const hasSet = (event: RegistryEvent): event is SetEvent => event.kind === "activated" || event.kind === "convicted";

/** Entries are ended exactly for operators that were convicted or gone at the named position. */
export function* falseStandings(h: Hashing, accused: AccusedCut): Generator<Finding> {
  const { of, both } = accused;
  const history = new StandingHistory(h, of.registry, both.checkpoint.registryPosition);
  for (const [slot, entry] of accused.entries.entries()) {
    const isEnded = history.isEnded(entry.operator);
    // One that had ended stays so: whoever took it up again was found with the entries.
    if (entry.ended === isEnded || (entry.ended && accused.before(slot).ended)) continue;
    const here = accused.entryAt(slot);
    const why = isEnded ? history.ending(entry.operator) : history.membership(entry.operator);
    if (why) yield found({ ...why, checkpoint: both.checkpoint, here });
    else yield { type: "unjudged", rule: "an operator that is in no operator set yet has not ended" };
  }
}

/** What the registry's running hash shows of operators, up to one position. */
class StandingHistory {
  readonly #h: Hashing;
  readonly #events: readonly RegistryEvent[];
  readonly #position: number;
  readonly #then: Registry;
  /** Every key by its owner, also those that came later: the contract knows them all. */
  readonly #owners = new Map<string, Bytes>();

  constructor(h: Hashing, events: readonly RegistryEvent[], position: number) {
    this.#h = h;
    this.#events = events;
    this.#position = position;
    let registry = Registry.genesis(new Uint8Array(32));
    for (const event of events.slice(0, position)) registry = registry.apply(event);
    this.#then = registry;
    for (const event of events) {
      if (event.kind === "joined") this.#owners.set(toHex(event.signer), event.operator);
      if (event.kind === "rotated") this.#owners.set(toHex(event.newSigner), event.operator);
    }
  }

  isEnded(operator: Bytes): boolean {
    return this.#then.isEnded(operator);
  }

  #lists(set: readonly SetMember[], operator: Bytes): boolean {
    return set.some(({ signer }) => {
      const owner = this.#owners.get(toHex(signer));
      return owner !== undefined && equal(owner, operator);
    });
  }

  /** Shows that one who has ended has. */
  ending(operator: Bytes) {
    const past = this.#events.slice(0, this.#position);
    const convicted = past.find(
      (event): event is SetEvent => event.kind === "convicted" && equal(event.operator, operator),
    );
    if (convicted)
      return {
        functionName: "proveConvicted",
        conviction: convicted.position,
        setHash: setHash(this.#h, convicted.set),
      } as const;
    const exit = past.findIndex((event) => event.kind === "exiting" && equal(event.operator, operator));
    for (const event of past.slice(exit + 1))
      if (event.kind === "activated" && !this.#lists(event.set, operator))
        return {
          functionName: "proveGone",
          exit: past[exit].position,
          activation: event.position,
          epoch: event.epoch,
          set: event.set,
        } as const;
    return undefined;
  }

  /** Shows that somebody took part at the position: by the set that counted there, or by any later one. */
  membership(operator: Bytes) {
    const counted = this.#events.slice(0, this.#position).findLastIndex(hasSet);
    const from = counted < 0 ? this.#position : counted;
    for (const event of this.#events.slice(from)) {
      if (!hasSet(event) || !this.#lists(event.set, operator)) continue;
      const subject = event.kind === "activated" ? word.uint(event.epoch) : word.address(event.operator);
      const quiet = this.#events.slice(event.position, this.#position).map((other) => quietPosition(this.#h, other));
      const { position: recorded, set } = event;
      return { functionName: "proveMember", recorded, kind: KIND[event.kind], subject, set, quiet } as const;
    }
    return undefined;
  }
}

function quietPosition(h: Hashing, event: RegistryEvent): QuietPosition {
  return { kind: KIND[event.kind], payload: h.keccak256(...wordsOf(event)) };
}

/** What the registry hashes of an event that leaves the set alone. */
function wordsOf(event: RegistryEvent): Bytes[] {
  switch (event.kind) {
    case "joined":
      return [word.address(event.operator), word.address(event.signer), word.uint(event.stake)];
    case "rotated":
      return [word.address(event.operator), word.address(event.oldSigner), word.address(event.newSigner)];
    default:
      return event.kind === "exiting" ? [word.address(event.operator)] : [];
  }
}

import { type Bytes, equal, toHex } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Replica } from "./replica.ts";

export type AdmissionOptions = {
  replica: Replica;
  /** Address of the key that this worker signs with. */
  signer: Bytes;
  /** Turns that are written at the same time. */
  concurrentTurns: number;
  /** How many of them another worker's gateway may have ordered. */
  turnsPerGateway: number;
  /** New turns are refused when less disk is free. */
  minimumFreeBytes: number;
  /** Bytes that are free on the disk now. */
  freeBytes(): number;
};

/** Whether this worker takes another turn. Whatever it has begun to write it goes on with. */
export class Admission {
  readonly #o: AdmissionOptions;
  /** Turns being written, by the operator whose gateway ordered them. */
  readonly #turns = new Map<string, number>();

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  /** Turns being written. */
  get load(): number {
    return [...this.#turns.values()].reduce((sum, turns) => sum + turns, 0);
  }

  /**
   * Takes a place for a turn that this operator's gateway orders; the function returned gives it back. The worker's own
   * gateway may take all of them.
   * @throws WeftError `busy`, `not_registered`, `disk_full`
   */
  enter(gateway: Bytes): () => void {
    const { replica, signer, concurrentTurns, turnsPerGateway, minimumFreeBytes, freeBytes } = this.#o;
    const name = toHex(gateway);
    const ordered = this.#turns.get(name) ?? 0;
    if (this.load >= concurrentTurns)
      throw new WeftError("busy", "this worker writes as many turns as it can", { field: "load" });
    if (ordered >= turnsPerGateway && !equal(gateway, replica.self))
      throw new WeftError("busy", "this worker writes as many turns as it does for one gateway", { field: "load" });
    if (!replica.registry.entitles(replica.self, signer))
      throw new WeftError("not_registered", "the registry does not know this worker's operator with its key", {
        remedy: "register the operator with this signer (docs/deploy.md), or wait until the chain was read",
      });
    if (freeBytes() < minimumFreeBytes)
      throw new WeftError("disk_full", "this worker takes no new turns: its disk is nearly full");
    this.#turns.set(name, ordered + 1);
    return () => {
      const turns = (this.#turns.get(name) ?? 0) - 1;
      if (turns > 0) this.#turns.set(name, turns);
      else this.#turns.delete(name);
    };
  }
}

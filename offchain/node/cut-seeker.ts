import { WeftError } from "../core/errors.ts";
import type { Mesh } from "../mesh/mesh.ts";
import type { Knowledge } from "./knowledge.ts";

/** Asks peers for the cuts of committed checkpoints that this worker had no part in. */
export class CutSeeker {
  readonly #knowledge: Knowledge;
  readonly #mesh: Mesh;
  readonly #onFault: (kind: string, operator: undefined, error: unknown) => void;
  #seeking = false;

  constructor(knowledge: Knowledge, mesh: Mesh, onFault: (kind: string, operator: undefined, error: unknown) => void) {
    this.#knowledge = knowledge;
    this.#mesh = mesh;
    this.#onFault = onFault;
  }

  tick(): void {
    if (this.#seeking) return;
    this.#seeking = true;
    this.#seek()
      .catch((error) => this.#onFault("cut", undefined, error))
      .finally(() => {
        this.#seeking = false;
      });
  }

  async #seek(): Promise<void> {
    for (const number of this.#knowledge.unknownCuts())
      for (const { operator, up } of this.#mesh.peers()) {
        if (!up || this.#knowledge.consensus.committed(number)?.cut) continue;
        try {
          const cut = await this.#mesh.cut(operator, number);
          if (cut && !this.#knowledge.consensus.committed(number)?.cut) this.#knowledge.learnCut(number, cut.entries);
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
          this.#onFault("cut", undefined, error); // the next peer may know better
        }
      }
  }
}

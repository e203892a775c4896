import type { Chain } from "../chain/chain.ts";
import type { DisputeOptions } from "../chain/courts.ts";
import type { Conversations } from "../core/conversations.ts";
import { codeOf } from "../core/errors.ts";
import type { Protocol } from "../core/protocol.ts";
import type { Engine } from "../inference/engine.ts";
import { toStruct } from "../sdk/receipt.ts";
import type { Archive } from "./archive.ts";
import type { Config } from "./config.ts";
import type { Observer } from "./observer.ts";
import { ComputedPasses } from "./passes.ts";
import type { Receipts } from "./receipts.ts";
import { SpotChecks } from "./spot-checks.ts";

export type DisputeDeskOptions = {
  config: Config;
  protocol: Protocol;
  archive: Archive;
  conversations: Conversations;
  engine: Engine;
  observer: Observer;
};

/** What a worker has to do with wrong tokens: looks for those of others, and answers for its own. */
export class DisputeDesk {
  readonly #o: DisputeDeskOptions;
  readonly #passes: ComputedPasses;
  #chain?: Pick<Chain, "disputes">;
  #checks?: SpotChecks;

  constructor(options: DisputeDeskOptions) {
    this.#o = options;
    this.#passes = new ComputedPasses(options);
  }

  /** What the chain is told of them. */
  get options(): DisputeOptions {
    const { config, protocol, observer } = this.#o;
    return {
      operator: protocol.replica.self,
      passes: this.#passes,
      openAccusations: config.openAccusations,
      answersForOthers: config.answersForOthers,
      onMove: (outcome) => observer.moved(outcome),
    };
  }

  /** From here on the answers of others are looked at. The function returned ends that. */
  watch(
    chain: Pick<Chain, "accuse" | "disputes">,
    receipts: Receipts,
    { copier, referenceSpan, isIdle }: { copier: Engine; referenceSpan: number; isIdle(): boolean },
  ): () => void {
    const { config, engine, observer } = this.#o;
    const checks = new SpotChecks({
      ...this.#o,
      engines: [engine, copier],
      passes: this.#passes,
      referenceSpan,
      share: config.watchShare,
      random: Math.random,
      isIdle,
      prove(turn, place) {
        try {
          const proof = receipts.prove(turn, place);
          return proof && { proof: toStruct(proof), signature: proof.signature };
        } catch (error) {
          observer.fault(codeOf(error), turn.track.operator, error);
          return undefined;
        }
      },
      accuse: (wrong) => chain.accuse(wrong),
      onChecked: (wrong) => observer.checked(wrong),
      onAccused: (wrong, outcome) => observer.accused(wrong, outcome),
      onFault: observer.fault,
    });
    this.#chain = chain;
    this.#checks = checks;
    return () => checks.stop();
  }

  /** To be called several times a second. */
  tick(): void {
    this.#checks?.tick();
    if (this.#chain) this.#o.observer.disputes(this.#chain.disputes);
  }
}

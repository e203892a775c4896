import type { ReportPage } from "../api/ports.ts";
import { reportJson } from "../api/reports.ts";
import type { Chain } from "../chain/chain.ts";
import type { DisputeOptions } from "../chain/courts.ts";
import { type CheckReport, reportDigest } from "../core/check-report.ts";
import type { Conversations } from "../core/conversations.ts";
import { codeOf } from "../core/errors.ts";
import type { Signer } from "../core/ports.ts";
import type { Protocol } from "../core/protocol.ts";
import type { Engine } from "../inference/engine.ts";
import { toStruct } from "../sdk/receipt.ts";
import type { Store } from "../store/store.ts";
import type { Archive } from "./archive.ts";
import type { Config } from "./config.ts";
import type { Observer } from "./observer.ts";
import { ComputedPasses } from "./passes.ts";
import { driftOf } from "./protocol-options.ts";
import type { Receipts } from "./receipts.ts";
import { type CheckedTurn, SpotChecks } from "./spot-checks.ts";
import { TurnCheck } from "./turn-check.ts";
import { lotteryOf } from "./watch-share.ts";
import { Watching } from "./watching.ts";

export type DisputeDeskOptions = {
  config: Config;
  protocol: Protocol;
  archive: Archive;
  conversations: Conversations;
  engine: Engine;
  observer: Observer;
  store: Pick<Store, "checks">;
  signer: Signer;
};

/** What is served at once. */
const REPORTS_PER_PAGE = 256;

/** What a worker has to do with wrong tokens: looks for those of others, says what it found, and answers for its own. */
export class DisputeDesk {
  readonly #o: DisputeDeskOptions;
  readonly #passes: ComputedPasses;
  readonly #watching: Watching;
  #chain?: Pick<Chain, "disputes">;
  #checks?: SpotChecks;

  constructor(options: DisputeDeskOptions) {
    this.#o = options;
    this.#passes = new ComputedPasses(options);
    const { watchShare: least, watchShareMost: most, driftDegrees } = options.config;
    const shares = { least, most, drift: driftOf(driftDegrees) };
    this.#watching = new Watching(options.protocol, shares, options.observer.drifted);
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
    options: { copier: Engine; referenceSpan: number; retentionSeconds: number; isIdle(): boolean; now(): number },
  ): () => void {
    const { engine, observer, protocol, signer, store } = this.#o;
    const { crypto, separator } = protocol.replica;
    const passes = this.#passes;
    const checks = new SpotChecks({
      protocol,
      check: new TurnCheck({ ...this.#o, ...options, engines: [engine, options.copier], passes }),
      passes,
      lot: lotteryOf(crypto, separator, signer),
      share: (operator) => this.#watching.share(operator),
      isDecided: (turn) => store.checks.isSettled(turn),
      isIdle: options.isIdle,
      now: options.now,
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
      onChecked: (checked, isDecided) => this.#report(checked, isDecided),
      onAccused: (wrong, outcome) => observer.accused(wrong, outcome),
      onDecided: (turn) => store.checks.settle(turn),
      onFault: observer.fault,
    });
    this.#chain = chain;
    this.#checks = checks;
    return () => checks.stop();
  }

  /** Signed, kept and counted: once for each turn. */
  #report(checked: CheckedTurn, isDecided: boolean): void {
    const { protocol, signer, store, observer } = this.#o;
    const { crypto, separator, self } = protocol.replica;
    const { turn, model, wrong } = checked;
    const report: CheckReport = {
      reporter: self,
      model: model.id,
      turn: turn.id,
      author: turn.track.operator,
      agrees: !wrong,
      position: wrong?.position ?? 0,
      distance: wrong?.distance ?? 0,
    };
    const signature = signer.sign(reportDigest(crypto, separator, report));
    if (store.checks.put({ report, signature }, isDecided)) observer.checked(checked);
  }

  /** What this worker found, from after an id on. */
  reports(after: number): ReportPage {
    const { items, last } = this.#o.store.checks.page(after, REPORTS_PER_PAGE);
    return { items: items.map(({ id, ...signed }) => ({ id, ...reportJson(signed) })), last };
  }

  /** To be called several times a second. */
  tick(): void {
    const { observer } = this.#o;
    this.#watching.tick();
    observer.metrics.watchShare.set(this.#watching.share());
    this.#checks?.tick();
    if (this.#chain) observer.disputes(this.#chain.disputes);
  }
}

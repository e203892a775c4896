import { Conversations } from "../../../offchain/core/conversations.ts";
import { traceOf } from "../../../offchain/core/model-trace-tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Engine } from "../../../offchain/inference/engine.ts";
import type { ExactModel } from "../../../offchain/inference/exact/compile.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { inSteps } from "../../../offchain/node/in-steps.ts";
import { ComputedPasses } from "../../../offchain/node/passes.ts";
import { SpotChecks } from "../../../offchain/node/spot-checks.ts";
import { TurnCheck } from "../../../offchain/node/turn-check.ts";
import { hashOf, requestOf, TrackWriter } from "../../helpers/core.ts";
import { members, StoredWorker } from "../../unit/node/stored.ts";

/** Foreign turns that wait to be re-executed while the worker writes. */
const TURNS = 64;
const GIVEN = [1, 2, 3];
/** A worker's. */
const TICK_MS = 200;
const LOOKS = 10_000;

/** What watches over others' answers, in a worker that writes: it has plenty to do, and lets writing go first. */
export class Watcher {
  readonly #worker = new StoredWorker();
  readonly #checks: SpotChecks;
  readonly looksASecond = 1_000 / TICK_MS;
  #timer?: NodeJS.Timeout;

  constructor(engine: Engine) {
    const { protocol, store } = this.#worker;
    const archive = new Archive(crypto, protocol.consensus, store);
    const conversations = new Conversations(crypto, protocol.replica);
    const held = { protocol, archive, conversations };
    const passes = new ComputedPasses({ ...held, engine });
    const nothing = () => {
      throw new Error("nothing is checked while the worker writes");
    };
    this.#checks = new SpotChecks({
      protocol,
      check: new TurnCheck({ ...held, engines: [engine], passes, referenceSpan: 64, retentionSeconds: 60 }),
      passes,
      lot: () => 0,
      share: () => 1,
      isDecided: () => false,
      isIdle: () => false,
      now: () => performance.now(),
      prove: nothing,
      accuse: nothing,
      onChecked: nothing,
      onAccused: nothing,
      onDecided: nothing,
      onFault: nothing,
    });
    this.#commitTurns(engine.model.id);
  }

  #commitTurns(model: Uint8Array): void {
    const writer = new TrackWriter(members[1]!, "watched");
    for (let i = 0; i < TURNS; i++) {
      const request = requestOf(GIVEN, { model, nonce: hashOf(`watched ${i}`), maxLength: 4 });
      writer.open(request).tokens("given", GIVEN).tokens("written", [4, 5, 6, 7]).close("length");
      this.#worker.hold(writer.seal());
    }
    this.#worker.commit(this.#worker.propose());
  }

  arm(): void {
    this.#timer = setInterval(() => this.#checks.tick(), TICK_MS);
  }

  /** Of one core. */
  secondsOfALook(): number {
    const before = process.cpuUsage();
    for (let i = 0; i < LOOKS; i++) this.#checks.tick();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6 / LOOKS;
  }

  disarm(): void {
    clearInterval(this.#timer);
  }

  end(): void {
    this.disarm();
    this.#checks.stop();
    this.#worker.end();
  }
}

/** Begins a trace in steps, over and over, as a worker does that has to answer; the function returned ends it. */
export function tracing({ manifest, constants }: ExactModel, tokens: readonly number[]): () => Promise<void> {
  let isOn = true;
  function* whileOn() {
    for (const steps = traceOf(crypto, manifest.program, constants, tokens); isOn && !steps.next().done; ) yield;
  }
  const done = (async () => {
    while (isOn) await inSteps(whileOn());
  })();
  return async () => {
    isOn = false;
    await done;
  };
}

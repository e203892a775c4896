import { type Logger, pino } from "pino";
import type { AccuseOutcome } from "../chain/accuser.ts";
import type { ChallengeOutcome } from "../chain/answerer.ts";
import type { ConvictOutcome } from "../chain/conviction.ts";
import type { MoveOutcome } from "../chain/disputer.ts";
import type { CondemnOutcome } from "../chain/prosecutor.ts";
import { type Bytes, toHex } from "../core/bytes.ts";
import { codeOf } from "../core/errors.ts";
import type { Store } from "../store/store.ts";
import { Alarms } from "./alarms.ts";
import type { Config } from "./config.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { Piece } from "./row-book.ts";
import type { CheckedTurn, WrongTurn } from "./spot-checks.ts";
import { DISTANCE_ONE } from "./tolerance.ts";

/** Faults that somebody has to look after: a challenge that is not answered in time costs the stake of who attested. */
const LOUD: ReadonlySet<string> = new Set(["drift", "challenge_delayed", "dispute_delayed", "dispute_lost"]);

/** What happens in a worker, told to its operator: in the log, as metrics, and what is somebody's fault also as a report. */
export class Observer {
  readonly log: Logger;
  readonly metrics: Metrics = createMetrics();
  /** Who was seen to derive another state than we do, lately. */
  readonly drifted = new Alarms(() => performance.now());

  constructor({ logLevel, operator }: Config) {
    this.log = pino({ level: logLevel, base: { operator } });
  }

  /** Refused input, failed attempts. */
  readonly fault = (kind: string, operator: Bytes | undefined, error: unknown): void => {
    this.metrics.faults.inc({ kind });
    if (kind === "drift" && operator) this.drifted.raise(operator);
    const peer = operator && toHex(operator);
    const level = LOUD.has(kind) ? "error" : "debug";
    this.log[level](
      { kind, peer, code: codeOf(error), reason: error instanceof Error ? error.message : error },
      "fault",
    );
  };

  /** What is in memory may not be on disk: nothing may be said any more. */
  readonly fatal = (error: unknown): never => {
    this.log.fatal({ error }, "a segment could not be stored: stopping before anything is said of it");
    process.exit(70);
  };

  #registered?: boolean;

  /** Whether the registry knows this operator with this key: said when it changes, since nothing works before it does. */
  registered(registered: boolean, signer: Bytes): void {
    if (this.#registered === registered) return;
    this.#registered = registered;
    if (registered) this.log.info("registered: this worker may write");
    else
      this.log.warn(
        {
          code: "not_registered",
          signer: toHex(signer),
          remedy: "register the operator with this signer (docs/deploy.md)",
        },
        "the registry does not know this operator with this key: nobody takes what it writes",
      );
  }

  /** The ledger that takes the next checkpoints, once ours takes none any more. */
  successor?: string;

  /** What is written here from now on no checkpoint covers: said when it is found out, since only the operator can help. */
  retired(successor: string): void {
    this.metrics.ledgerRetired.set(1);
    if (this.successor === successor) return;
    this.successor = successor;
    this.log.error(
      {
        code: "ledger_retired",
        successor,
        remedy: "start with the successor's deployment file; with a new registry, join there first (docs/successor.md)",
      },
      "the ledger is retired: it takes no checkpoints any more",
    );
  }

  /** The ledger takes checkpoints: also again, after a reorganisation. */
  takes(): void {
    this.successor = undefined;
    this.metrics.ledgerRetired.set(0);
  }

  rowsRefused(from: Bytes, reason: string): void {
    this.metrics.rowsRefused.inc({ reason });
    this.log.warn({ from: toHex(from), reason }, "rows refused");
  }

  /** The author's signature stands under rows that are false: its segment is the proof. */
  falseRows(store: Store, { turn, run }: Piece): void {
    const author = toHex(turn.track.operator);
    const details = { turn: toHex(turn.id), incarnation: toHex(turn.track.incarnation), ...run.place };
    const segment = store.segment(turn.track, run.place.sequence);
    store.putReport({
      kind: "false_rows",
      author: turn.track.operator,
      details: { ...details, segment: segment ? toHex(segment.bytes) : "" },
    });
    this.metrics.falseRows.inc({ author });
    this.log.error({ author, ...details }, "signed rows are false");
  }

  turnOpened(attached: number, prefilled: number): void {
    this.metrics.turnsOpened.inc();
    this.metrics.attached.inc(attached);
    this.metrics.prefilled.inc(prefilled);
  }

  takeover(from: Bytes, reason: string): void {
    this.metrics.takeovers.inc({ reason });
    this.log.warn({ from: toHex(from), reason }, "another author takes over");
  }

  committed(number: number, segments: number, gas: bigint): void {
    this.metrics.checkpointsCommitted.inc();
    this.metrics.commitGas.set(Number(gas));
    this.log.info({ number, segments, gas: Number(gas) }, "checkpoint committed");
  }

  /** What this worker did about a challenge. */
  challenged({ type, challenge, gas }: ChallengeOutcome): void {
    const { id, number, asked } = challenge;
    this.log[type === "unanswered" ? "error" : "info"]({ type, id, number, ...asked, gas: Number(gas) }, "challenge");
    this.metrics.challenges.inc({ outcome: type });
    this.metrics.challengeGas.set(Number(gas));
  }

  convicted(outcome: ConvictOutcome): void {
    const { type, operator } = outcome;
    const gas = "gas" in outcome ? Number(outcome.gas) : undefined;
    this.log.warn(
      { type, convict: toHex(operator), gas, reason: "reason" in outcome ? outcome.reason : undefined },
      "conviction",
    );
    if (gas === undefined) return;
    this.metrics.convictions.inc();
    this.metrics.convictionGas.set(gas);
  }

  condemned(outcome: CondemnOutcome): void {
    const { type, number, hash } = outcome;
    const gas = "gas" in outcome ? Number(outcome.gas) : undefined;
    this.log.warn(
      { type, number, hash: toHex(hash), gas, reason: "reason" in outcome ? outcome.reason : undefined },
      "condemnation",
    );
    if (gas === undefined) return;
    this.metrics.condemnations.inc();
    this.metrics.condemnationGas.set(gas);
  }

  /** A turn of another worker was re-executed, and what it is worth was signed. */
  checked({ turn, model, wrong }: CheckedTurn): void {
    this.metrics.turnsChecked.inc();
    this.metrics.reports.inc({ class: model.class, verdict: wrong ? "differs" : "agrees" });
    if (!wrong) return;
    const { position } = wrong;
    const author = toHex(turn.track.operator);
    const nats = model.class === "tolerant" ? wrong.distance / DISTANCE_ONE : undefined;
    this.metrics.wrongTurns.inc({ author });
    this.log[model.class === "exact" ? "error" : "warn"](
      { author, turn: toHex(turn.id), position, nats },
      "a committed token is not what the model says",
    );
  }

  /** What became of an accusation of such a token. */
  accused({ turn, wrong: { position } }: WrongTurn, outcome: AccuseOutcome): void {
    const author = toHex(turn.track.operator);
    const { type, reason } = { reason: undefined, ...outcome };
    this.metrics.accusations.inc({ outcome: type });
    this.log.warn({ type, author, turn: toHex(turn.id), position, reason }, "accusation");
  }

  /** What this worker said in a dispute about a token. */
  moved({ type, id, operator, gas }: MoveOutcome): void {
    this.metrics.disputeMoves.inc({ move: type });
    this.metrics.disputeGas.set(Number(gas));
    this.log.info({ type, id, author: toHex(operator), gas: Number(gas) }, "dispute");
  }

  /** Open disputes, and the bonds of this worker's own. */
  disputes({ accuses, accused, bonds }: { accuses: number; accused: number; bonds: bigint }): void {
    this.metrics.disputes.set({ role: "accuser" }, accuses);
    this.metrics.disputes.set({ role: "accused" }, accused);
    this.metrics.accusationBonds.set(Number(bonds));
  }
}

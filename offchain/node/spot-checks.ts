import type { AccuseOutcome, SignedSnapshot, WrongToken } from "../chain/accuser.ts";
import { type Bytes, equal, toHex } from "../core/bytes.ts";
import { Context } from "../core/context.ts";
import { codeOf, WeftError } from "../core/errors.ts";
import type { Protocol } from "../core/protocol.ts";
import type { Place } from "../core/snapshot.ts";
import type { Turn } from "../core/turn.ts";
import type { ModelInfo } from "../inference/model.ts";
import type { Difference } from "./comparing.ts";
import type { ComputedPasses } from "./passes.ts";
import { Patience } from "./patience.ts";
import type { Judgement, TurnCheck } from "./turn-check.ts";

/** A committed turn as this worker's model has it: right, or wrong from some position on. */
export type CheckedTurn = { turn: Turn; model: ModelInfo; wrong: Difference | undefined };
export type WrongTurn = CheckedTurn & { wrong: Difference };

export type SpotChecksOptions = {
  protocol: Protocol;
  check: TurnCheck;
  passes: Pick<ComputedPasses, "of">;
  /** 0 to 1, below 1: the same for a turn at all times. */
  lot(turn: Bytes): number;
  /** Of the turns of an operator, the part that is re-executed. */
  share(operator: Bytes): number;
  /** Whether that was said of a turn, also in an earlier life. */
  isDecided(turn: Bytes): boolean;
  isIdle(): boolean;
  now(): number;
  /** Where a snapshot of a turn stands in a checkpoint. */
  prove(turn: Turn, place: Place): SignedSnapshot | undefined;
  accuse(wrong: WrongToken): Promise<AccuseOutcome>;
  /** @param isDecided whether nothing is left to be done about it; else that is said later */
  onChecked(checked: CheckedTurn, isDecided: boolean): void;
  onAccused(wrong: WrongTurn, outcome: AccuseOutcome): void;
  onDecided(turn: Bytes): void;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
};

/** Turns that wait to be re-executed; while there are so many, no more are drawn. */
const LIMIT_WAITING = 256;
/** What becomes of an accusation that may be made another time. */
const PASSING: ReadonlySet<AccuseOutcome["type"]> = new Set(["unpaid", "stopped"]);

/**
 * Re-executes some of what others answered, once it is closed and committed, while the engine has nothing else to do. Of a
 * token that does not follow, its author is accused where the model is exact. What waits follows from the lots, from what
 * is committed, and from what was decided: a process that starts finds it again.
 */
export class SpotChecks {
  readonly #o: SpotChecksOptions;
  /** How far each track was looked through. */
  readonly #seen = new Map<string, number>();
  /** Ids: a turn that its author's track has another way by then is another. */
  readonly #waiting = new Patience<Bytes>();
  #running: Promise<void> | undefined;
  #abort = new AbortController();
  #isStopped = false;

  constructor(options: SpotChecksOptions) {
    this.#o = options;
  }

  /** To be called now and then: draws from what was committed since, and goes on, or stops for something better. */
  tick(): void {
    if (this.#isStopped) return;
    this.#draw();
    if (!this.#o.isIdle()) this.#abort.abort();
    else this.#running ??= this.#next();
  }

  /** Nothing is begun any more, nor anybody accused. */
  stop(): void {
    this.#isStopped = true;
    this.#abort.abort();
  }

  #draw(): void {
    const { protocol, lot, share, isDecided } = this.#o;
    const { replica, consensus } = protocol;
    const { cut } = consensus.latest;
    for (const [name, entry] of cut?.byName() ?? []) {
      if (this.#waiting.size >= LIMIT_WAITING) return;
      const track = replica.tracks.get(name);
      const from = this.#seen.get(name) ?? 0;
      const to = Math.min(entry.sequence, track?.sequence ?? 0);
      if (!track || to === from || !cut?.agrees(track)) continue;
      // Less than before: a checkpoint fell, and what it had comes again.
      this.#seen.set(name, to);
      if (equal(entry.operator, replica.self)) continue;
      const part = share(entry.operator);
      for (const { id, close, latest } of track.turns.values())
        if (close && latest.sequence > from && latest.sequence <= to && lot(id) < part && !isDecided(id))
          this.#waiting.add(id);
    }
  }

  /** One of them, if its time has come. */
  #next(): Promise<void> | undefined {
    const { protocol, now, isDecided, onFault } = this.#o;
    const next = this.#waiting.take(now());
    // What fell, and was committed again, was drawn again.
    if (!next || isDecided(next.what)) return undefined;
    this.#abort = new AbortController();
    const turn = protocol.replica.turn(next.what);
    const done = turn ? this.#check(turn, this.#abort.signal) : Promise.resolve("its segments");
    return done
      .then((lacks) => {
        if (lacks === undefined || this.#waiting.defer(next, now())) return;
        throw new WeftError("not_held", `turn ${toHex(next.what)} cannot be checked: ${lacks} is not held here`);
      })
      .catch((error) => {
        if (codeOf(error) === "aborted") this.#waiting.putBack(next);
        else onFault("spot_check", turn?.track.operator, error);
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** What it lacks. */
  async #check(turn: Turn, signal: AbortSignal): Promise<string | undefined> {
    const judged = await this.#o.check.judge(turn, signal);
    if (judged.type === "lacking") return judged.what;
    if (judged.type === "passed") return undefined;
    const { engine, wrong } = judged;
    const checked = { turn, model: engine.model, wrong };
    if (wrong && engine.exact) return this.#accuse({ ...checked, wrong }, judged);
    this.#o.onChecked(checked, true);
    return undefined;
  }

  /** What it takes and is not here. */
  async #accuse(
    checked: WrongTurn,
    { tokens, engine }: Extract<Judgement, { type: "judged" }>,
  ): Promise<string | undefined> {
    const { protocol, check, passes, prove, accuse, onChecked, onAccused, onDecided } = this.#o;
    const { turn } = checked;
    const { position } = checked.wrong;
    const { operator } = turn.track;
    const run = turn.runs.find(({ first, ids }) => first <= position && position < first + ids.length);
    if (!run) return "its snapshot";
    // Nobody is accused by the engine's word alone: the same is computed another way.
    const contextRoot = Context.of(protocol.replica.crypto, tokens.slice(0, run.first + run.ids.length)).root;
    const pass = await passes.of({ turn: turn.id, requestId: turn.open.requestId, position, contextRoot });
    if (pass && !("none" in pass) && pass.token === tokens[position])
      throw new WeftError("engine_differs", `engine and trace of the model differ at position ${position}`, {
        field: "model",
        remedy: "check the model's files and the processor of this machine",
      });
    if (!pass) return "its forward pass";
    if (this.#isStopped) return undefined;
    const [open, shown] = [prove(turn, turn.opened), prove(turn, run.place)];
    if (!open || !shown || check.standing(turn) !== "held") return "the proof that it is committed";
    onChecked(checked, false);
    const model = engine.model.id;
    const outcome = await accuse({ operator, turn: turn.id, model, position, open, tokens: shown });
    onAccused(checked, outcome);
    if (PASSING.has(outcome.type)) return "the bond";
    onDecided(turn.id);
    return undefined;
  }
}

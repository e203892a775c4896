import type { Disputer } from "../../../offchain/chain/disputer.ts";
import { type Bytes, equal, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { Stage as ReplyStage } from "../../../offchain/core/dispute.ts";
import type { Memories } from "../../../offchain/core/memories.ts";
import { type Pass, TracedPass } from "../../../offchain/core/pass.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { inSteps } from "../../../offchain/node/in-steps.ts";
import { TrackWriter } from "../../helpers/core.ts";
import { shownIn } from "../../helpers/e2e/tokens.ts";
import type { Random } from "../../sim/random.ts";
import { NOWHERE, type Party, partyOf, type Tried } from "./bench.ts";
import { LIES, type LieKind, leadingTo, type Proof } from "./lies.ts";
import type { Planned } from "./plan.ts";
import { ask, type Pool, type Question, tokenOf } from "./question.ts";
import { SHAMS, type ShamKind } from "./shams.ts";
import type { Stage, Watched } from "./stage.ts";
import { remembered } from "./teacher.ts";

/** One accusation that there has to be, and how it has to end. */
export type Case = {
  watched: Watched;
  positions: number;
  readsMemory: boolean;
  turn: Bytes;
  author: Bytes;
  /** Account of who has to accuse. */
  accuser: Bytes;
  /** Whose move it is when nothing more is said, if it comes to that. */
  waitsAt: ReplyStage | undefined;
  hands: Disputer[];
} & ({ lie: LieKind; proof: Proof } | { sham: ShamKind });

/** What a court says to a proof of what is right. */
const SOUND = "InferenceCourtSound";
/** Of one snapshot. */
const LIMIT_IDS = 1_024;
/** How many of a model's answers read a memory, where they need not. */
const REMEMBERING = 0.3;

/** An author whom nobody can convict, and what it has to say of each of its turns. */
type Honest = { party: Party; writer: TrackWriter; passes: Map<string, Pass> };

/** Where cases come from. */
export class Author {
  readonly #stage: Stage;
  readonly #memories: Memories;
  readonly #honest = new Map<Watched, Promise<Honest>>();
  #told = 0;

  constructor(stage: Stage, memories: Memories) {
    this.#stage = stage;
    this.#memories = memories;
  }

  /** Has it committed, and shown on the mesh. Resolves when whoever is to accuse can, or has. */
  begin(watched: Watched, pool: Pool, planned: Planned, random: Random): Promise<Case> {
    return "lie" in planned
      ? this.#lie(watched, pool, planned.lie, random)
      : this.#defend(watched, pool, planned.sham, random);
  }

  async #ask(pool: Pool, remembers: boolean, random: Random): Promise<Question> {
    const traced = await pool.pick(random);
    // As of now: what is named must not be long ago when it is committed.
    const known = remembers ? remembered(this.#stage, this.#memories) : undefined;
    return ask(pool.model, traced, random, known);
  }

  async #lie(watched: Watched, pool: Pool, kind: LieKind, random: Random): Promise<Case> {
    const { bench, separator } = this.#stage;
    const party = partyOf(`liar ${this.#told++}`);
    await bench.enlist(party, NOWHERE);
    for (;;) {
      const remembers = kind === "another row of the memory" || random.chance(REMEMBERING);
      const question = await this.#ask(pool, remembers, random);
      const told = await LIES[kind](question, random);
      if (!told) continue;
      await this.#stage.known();
      const hands = [bench.seat(party, { of: async () => told.pass })];
      const turn = this.#write(new TrackWriter(party, "lies", separator), question, told.token);
      const accuser = fromHex(watched.operator.signer);
      const waitsAt = told.proof.type === "silence" ? told.proof.at : undefined;
      const of = { watched, ...about(question), turn, author: party.operator, accuser };
      return { ...of, waitsAt, hands, lie: kind, proof: told.proof };
    }
  }

  async #defend(watched: Watched, pool: Pool, kind: ShamKind, random: Random): Promise<Case> {
    const { bench } = this.#stage;
    const { party, writer, passes } = await this.#honestAuthor(watched);
    const question = await this.#ask(pool, random.chance(REMEMBERING), random);
    const { context, pass } = question.traced;
    const token = tokenOf(question);
    const turn = this.#write(writer, question, token);
    passes.set(toHex(turn), leadingTo(pass, token));
    const sham = partyOf(`sham ${this.#told++}`);
    await bench.endow(sham);
    let sample: ReturnType<typeof sampleOf> | undefined;
    const sampled = () => {
      sample ??= sampleOf(question, token);
      return sample;
    };
    const said = SHAMS[kind](question, [...context, token], sampled, random);
    const hands = [bench.seat({ ...sham, operator: sham.signer.address }, said)];
    const shown = await shownIn(watched.operator.apiUrl, toHex(question.drawn.id));
    await bench.accuse(sham, {
      operator: party.operator,
      turn,
      model: question.model.root,
      position: context.length,
      open: shown.open,
      tokens: shown.tokens,
    });
    const waitsAt = kind === "disputes an element" ? "group" : "answered";
    const of = { watched, ...about(question), turn, author: party.operator, accuser: sham.signer.address };
    return { ...of, waitsAt, hands, sham: kind };
  }

  #honestAuthor(watched: Watched): Promise<Honest> {
    const known = this.#honest.get(watched) ?? this.#enlistHonest(watched);
    this.#honest.set(watched, known);
    return known;
  }

  async #enlistHonest({ operator }: Watched): Promise<Honest> {
    const { bench, separator } = this.#stage;
    const party = partyOf(`an honest author beside ${operator.name}`);
    await bench.enlist(party, NOWHERE);
    const passes = new Map<string, Pass>();
    bench.seat(party, { of: async ({ turn }) => passes.get(toHex(turn)) });
    await this.#stage.known();
    return { party, writer: new TrackWriter(party, "truth", separator), passes };
  }

  /** A whole turn in a segment of its own. @returns its id */
  #write(writer: TrackWriter, { traced, request }: Question, token: number): Bytes {
    const turn = writer.open(request);
    for (let at = 0; at < traced.context.length; at += LIMIT_IDS)
      turn.tokens("given", traced.context.slice(at, at + LIMIT_IDS));
    turn.tokens("written", [token]).close();
    this.#stage.courier.publish(writer.seal());
    return turn.id;
  }
}

function about({ traced, request }: Question) {
  return { positions: traced.context.length, readsMemory: request.memory !== undefined };
}

/** What shows a court the draw. */
async function sampleOf({ model, traced, memory }: Question, token: number) {
  const { context } = traced;
  const of = { hashing: crypto, model: model.opener, tokens: [...context, token], position: context.length, memory };
  return (await TracedPass.of({ ...of, draw: () => token, run: inSteps })).sample();
}

/** What the court has said of a case, if it was brought. */
export function triedOf({ bench }: Stage, { turn, accuser }: Case): Tried | undefined {
  return bench.of(turn).find(({ accused }) => equal(accused.accuser, accuser));
}

/** Whether there is nothing left to say: the court has judged, or only time has to pass. */
export function isSaid(stage: Stage, one: Case): boolean {
  const tried = triedOf(stage, one);
  if (!tried || tried.judgement) return tried !== undefined;
  const reached = stage.bench.disputes.of(tried.id)?.replies.get(0)?.stage;
  if (!reached || reached !== one.waitsAt) return false;
  // Of an accuser that goes on the court has to have heard the last word.
  if ("lie" in one || one.sham === "falls silent") return true;
  return (stage.bench.refusals.get(toHex(one.accuser)) ?? []).some((why) => why.includes(SOUND));
}

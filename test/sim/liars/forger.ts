import { equal } from "../../../offchain/core/bytes.ts";
import type { GenerateEvent, GenerateOrder } from "../../../offchain/core/generate.ts";
import { requestId } from "../../../offchain/core/request.ts";
import type { Parent } from "../../../offchain/core/snapshot.ts";
import { type Turn, turnTokens } from "../../../offchain/core/turn.ts";
import { answerTo, MODEL_ID, VOCAB } from "../model.ts";
import type { Generate } from "./liar.ts";
import { Liar } from "./liar.ts";

type Ref = Parent["checkpoint"];

const STREAMS = [
  "honest",
  "other tokens",
  "no tokens",
  "stalls",
  "closes early",
  "disorder",
  "lies about its length",
] as const;
/** More would be a flood. */
const MOST_TURNS = 40;

/**
 * As a gateway orders answers that go on from tokens that the model never said; as an author streams such tokens, too few, or in
 * disorder, and stalls; and writes turns under requests that others got, whose parents are in checkpoints that the chain took
 * back. Attacks what others sign (S9) and what clients are shown: honest authors refuse, gateways notice what can be noticed
 * and ask another author, and nobody goes on from what no checkpoint has.
 */
export class Forger extends Liar {
  readonly #checkpoints = new Map<string, Ref>();
  #turns = 0;

  override start(): void {
    this.often(1_500, () => this.#order());
    this.often(2_500, () => this.#forge());
    this.life.process.every(500, () => this.#remember(), "lie");
  }

  /** Every checkpoint that it ever saw committed: some of them are not, later. */
  #remember(): void {
    const { checkpoint, hash } = this.life.protocol.consensus.latest;
    this.#checkpoints.set(`${checkpoint.number} ${hash.join()}`, { number: checkpoint.number, hash });
  }

  /** A turn of somebody, with all that it says itself. */
  #someTurn(): Turn | undefined {
    const tracks = [...this.life.protocol.replica.tracks.values()];
    const turns = tracks
      .filter(({ key }) => !equal(key.operator, this.self))
      .flatMap((track) => [...track.turns.values()])
      .filter(({ open, context }) => open.start.length === 0 && context.length >= open.request.after.length);
    return turns.length > 0 ? this.random.pick(turns) : undefined;
  }

  #order(): void {
    const author = this.peers().length > 0 ? this.random.pick(this.peers()) : undefined;
    const order = author && this.#forgedOrder();
    if (!author || !order) return;
    const cancel = this.life.order(author, order, (event) => {
      if (event === "lost" || event.type === "failed") this.note("order refused or lost");
    });
    if (this.random.chance(0.5)) this.life.process.after(this.random.int(0, 2_000), cancel, "lie");
  }

  /** What the client is said to have seen is not what the model says, at one place at least. */
  #forgedOrder(): GenerateOrder | undefined {
    const { random } = this;
    const { crypto } = this.life.spec.options;
    const turn = this.#someTurn();
    const scribe = this.scribe();
    const copies = turn && random.chance(0.7);
    const given = scribe.tokens(random.int(1, 5));
    const request = copies ? turn.open.request : scribe.request(given, { maxLength: random.int(2, 30) });
    const prompt = copies ? turnTokens(turn).slice(0, request.after.length) : given;
    const said = answerTo(crypto, requestId(crypto, request), prompt.length, Math.max(1, request.maxLength - 1));
    const answered = said.slice(0, random.int(1, said.length));
    const at = random.int(0, answered.length - 1);
    answered[at] = (answered[at] + random.int(1, VOCAB - 1)) % VOCAB;
    if (random.chance(0.3)) return this.#unbound({ request, prompt, answered: [] });
    this.note(copies ? "forged answer to a copied request" : "forged answer");
    return { request, prompt, answered, parent: turn?.id, continues: turn?.id };
  }

  /** Whoever writes what does not follow from the request that it names signs an invalid segment. */
  #unbound(order: GenerateOrder): GenerateOrder {
    const { request, prompt } = order;
    this.note("order that its request does not bind");
    switch (this.random.int(0, 4)) {
      case 0:
        return { ...order, prompt: prompt.map((id, i) => (i === 0 ? (id + 1) % VOCAB : id)) };
      case 1:
        return { ...order, prompt: prompt.slice(1) };
      case 2:
        return { ...order, prompt: [...prompt, 1] };
      case 3:
        return { ...order, request: { ...request, maxLength: 0 } };
      default:
        return { ...order, request: { ...request, model: this.random.bytes(32) } };
    }
  }

  /** A turn that keeps the rules of its track, under somebody else's request or with parents that are gone. */
  #forge(): void {
    if (this.#turns++ >= MOST_TURNS) return;
    const scribe = this.scribe();
    const turn = this.#someTurn();
    const { random } = this;
    if (turn && random.chance(0.5)) {
      const { request } = turn.open;
      const prompt = turnTokens(turn).slice(0, request.after.length);
      const history = prompt.slice(0, request.before.length);
      const forged = scribe.open(request, { continues: turn.id });
      if (history.length > 0) forged.tokens("carried", history);
      if (prompt.length > history.length) forged.tokens("given", prompt.slice(history.length));
      const ids = scribe.tokens(random.int(1, request.maxLength));
      forged.tokens(random.pick(["written", "carried"] as const), ids);
      if (random.chance(0.7)) forged.close("end");
      this.note("another answer to somebody's request");
    } else {
      const { context, id } = turn ?? { context: undefined, id: random.bytes(32) };
      const checkpoint = this.#orphaned();
      const length = context?.length ?? 0;
      if (!context || length === 0) return;
      const start = { length, peaks: [...context.peaks] };
      const before = { root: context.root, length };
      const after = context.clone().append([5, 6]);
      const request = scribe.request([], {
        requester: turn?.open.request.requester ?? random.bytes(32),
        model: MODEL_ID,
        before,
        after: { root: after.root, length: after.length },
      });
      const forged = scribe.open(request, { start, parent: { checkpoint, turn: id, position: length } });
      forged.tokens("given", [5, 6]).tokens("written", scribe.tokens(3)).close();
      this.note("a parent that the chain took back");
    }
    this.own(scribe.seal());
  }

  /** A checkpoint that was committed once, if there is one, or that never was. */
  #orphaned(): Ref {
    const { consensus } = this.life.protocol;
    const gone = [...this.#checkpoints.values()].filter(({ number, hash }) => {
      const now = consensus.committed(number);
      return !now || !equal(now.hash, hash);
    });
    if (gone.length > 0) return this.random.pick(gone);
    return { number: this.random.int(1, 50), hash: this.random.bytes(32) };
  }

  override generate(honest: Generate): Generate {
    return (order, emit) => {
      const how = this.hushed ? "honest" : this.random.pick(STREAMS);
      if (how === "honest") return honest(order, emit);
      this.note(how);
      return honest(order, this.#stream(how, emit));
    };
  }

  /** What its client is shown of an answer that is written honestly, or seems to be. */
  #stream(how: (typeof STREAMS)[number], emit: (event: GenerateEvent) => void): (event: GenerateEvent) => void {
    const { random } = this;
    let left = random.int(0, 5);
    let over = false;
    return (event) => {
      if (over || event.type === "opened" || event.type === "failed") {
        if (!over) emit(event);
        return;
      }
      if (left-- > 0) return emit(event);
      switch (how) {
        case "other tokens":
          emit(event.type === "tokens" ? { ...event, ids: event.ids.map((id) => (id + 1) % VOCAB) } : event);
          break;
        case "no tokens":
          emit(event.type === "tokens" ? { ...event, ids: [VOCAB + random.int(0, 9)] } : event);
          break;
        case "stalls":
          over = true;
          break;
        case "closes early":
          over = true;
          emit({ type: "closed", reason: "end", length: event.type === "tokens" ? event.first : event.length });
          break;
        case "disorder":
          emit(event.type === "tokens" ? { ...event, first: event.first + random.int(1, 3) } : event);
          break;
        case "lies about its length":
          emit(event.type === "closed" ? { ...event, length: event.length + 1 } : event);
          break;
        default:
          emit(event);
      }
    };
  }
}

import { type Bytes, equal } from "../../../offchain/core/bytes.ts";
import { checkpointHash } from "../../../offchain/core/checkpoint.ts";
import type { Lesson } from "../../../offchain/core/fold.ts";
import type { MemoryDefinition } from "../../../offchain/core/memory-definition.ts";
import type { AttestReply, Proposal } from "../../../offchain/core/proposal.ts";
import { mostLearnt, type Turn } from "../../../offchain/core/turn.ts";
import type { PeerHandlers } from "../../../offchain/mesh/types.ts";
import { ALIKE, definitionsOf } from "../memory-plan.ts";
import { Canvass, proposalOf } from "./canvass.ts";
import { Liar } from "./liar.ts";
import { type Borrowed, FALSE_LESSONS } from "./rules.ts";

/** More of them would be a flood. */
const MOST_TRACKS = 40;
/** Positions that its turns are given before they write. */
const GIVEN = 2;

/** What becomes of a checkpoint's first lesson. */
const FALSE_MEMORIES: Readonly<Record<string, (lesson: Lesson) => Lesson | undefined>> = {
  "a lesson left out": () => undefined,
  "a lesson shortened": (lesson) => ({ ...lesson, ids: lesson.ids.slice(0, -1) }),
  "a lesson of other tokens": (lesson) => ({ ...lesson, ids: lesson.ids.map((id) => id + 1) }),
  "a lesson to another memory": (lesson) => ({ ...lesson, memory: { ...lesson.memory, writers: [], orders: [1] } }),
};

/**
 * Teaches what may not be taught, in segments that break a rule; teaches, by the rules, memories that are not its own to teach
 * or whose ids begin alike, which adds nothing; proposes checkpoints whose memory does not follow from their segments, and
 * attests to any. Attacks S1 and S2: such segments stop their track everywhere, what adds nothing adds nothing everywhere,
 * and nobody honest attests to a memory that it has not computed.
 */
export class FalseTeacher extends Liar {
  readonly #canvass = new Canvass(
    this.life,
    () => this.wire,
    () => this.hand,
  );
  #tracks = 0;

  override start(): void {
    this.often(1_200, () => this.#breach());
    this.often(1_500, () => this.#teach());
    this.often(700, () => this.#propose());
  }

  #breach(): void {
    if (this.#tracks++ >= MOST_TRACKS) return;
    const scribe = this.scribe();
    scribe.turn().close();
    scribe.seal();
    const name = this.random.pick(Object.keys(FALSE_LESSONS));
    FALSE_LESSONS[name](scribe, this.#borrowed());
    scribe.seal();
    // It goes on as if nothing had been wrong: also with tokens that were to come.
    scribe.again().tokens("written", [8, 9]);
    scribe.seal();
    this.note(name);
    for (const segment of scribe.written) for (const peer of this.peers()) this.say(peer, segment);
  }

  /** The latest words of somebody else, as their author would teach them. */
  #borrowed(): Borrowed {
    const isFresh = ({ runs, latest, close, track }: Turn) => {
      const run = runs.at(-1);
      const isLatest = run?.place.sequence === latest.sequence && run.place.index === latest.index;
      return !equal(track.operator, this.self) && !close && run?.kind === "written" && isLatest;
    };
    const tracks = [...this.life.protocol.replica.tracks.values()];
    const fresh = tracks.flatMap((track) => [...track.turns.values()].filter(isFresh));
    if (fresh.length === 0) return { turn: this.random.bytes(32), first: 1, count: 1 };
    const { id, runs, latest, open, context } = this.random.pick(fresh);
    const { first } = runs[runs.length - 1];
    const { length, root } = context;
    return { turn: id, previous: latest, start: open.start.length, first, count: 1, length, root };
  }

  /** By every rule, though of some of it nothing may come. */
  #teach(): void {
    if (this.#tracks++ >= MOST_TRACKS) return;
    const [name, memory] = this.random.pick(this.#memories());
    const scribe = this.scribe();
    const count = this.random.pick([1, mostLearnt(memory)]);
    const turn = scribe.turn(count).learn(GIVEN, count, { memory });
    this.own(scribe.seal());
    turn.close();
    this.own(scribe.seal());
    this.note(name);
  }

  #memories(): [name: string, memory: MemoryDefinition][] {
    const { replica, following } = this.life.protocol;
    const [one, other] = definitionsOf({ memories: ALIKE, teaching: 0, reading: 0 }, []);
    const turns = [...replica.tracks.values()].flatMap((track) => [...track.turns.values()]);
    const taught = turns.flatMap(({ learns }) => learns.slice(0, 1).map(({ learn }) => learn.memory));
    const others = following.reachable().filter(({ operator }) => !equal(operator, this.self));
    const writers = others.slice(0, 1).map(({ operator }) => operator);
    return [
      ["a memory whose id begins like another's", one],
      ["a memory whose id begins like another's", other],
      ["a memory that it may not teach", { ...one, writers }],
      ...taught.slice(-3).map((memory): [string, MemoryDefinition] => ["a memory that others teach", memory]),
    ];
  }

  override handlers(honest: PeerHandlers): PeerHandlers {
    const seen = super.handlers(honest);
    return {
      ...seen,
      answered: (id, answer) => {
        if (!this.#canvass.take(id, answer)) seen.answered(id, answer);
      },
      attest: (from, ticket, proposal) => {
        if (this.hushed || this.random.chance(0.3)) return honest.attest(from, ticket, proposal);
        this.wire.reply(ticket, this.#attested(proposal));
        this.note("attested to whatever");
      },
    };
  }

  #hashOf({ checkpoint }: Proposal): Bytes {
    const { crypto, separator } = this.life.spec.options;
    return checkpointHash(crypto, separator, checkpoint);
  }

  #attested(proposal: Proposal): AttestReply {
    return { type: "attested", signature: this.life.spec.signer.sign(this.#hashOf(proposal)) };
  }

  #propose(): void {
    const { consensus } = this.life.protocol;
    const { proposal: base, built } = consensus.propose() ?? {};
    if (!base || !built) return;
    const name = this.random.pick(Object.keys(FALSE_MEMORIES));
    let left = 1;
    const twist = (lesson: Lesson) => (left-- > 0 ? FALSE_MEMORIES[name](lesson) : lesson);
    const proposal = proposalOf(this.life, base.advances, () => this.random.bytes(32), twist);
    if (!proposal || equal(proposal.checkpoint.memoryTraceRoot, base.checkpoint.memoryTraceRoot)) return;
    this.note(name);
    // Whoever asks is to be shown the cut, once the chain has it.
    consensus.remember(proposal.checkpoint.number, this.#hashOf(proposal), built.cut);
    this.#canvass.ask(proposal, this.peers());
  }
}

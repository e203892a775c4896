import type { Contract, Signer } from "ethers";
import type { WrongToken } from "../../../offchain/chain/accuser.ts";
import { registerModel } from "../../../offchain/chain/model-registration.ts";
import { equal, toHex } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { Passes } from "../../../offchain/core/dispute-moves.ts";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { modelTree } from "../../../offchain/core/model-manifest.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { noPassOver, type Pass, TracedPass } from "../../../offchain/core/pass.ts";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { tokenAfter } from "../../../offchain/node/next-token.ts";
import { proofJson, toStruct } from "../../../offchain/sdk/receipt.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { hashOf, MEMORY, requestOf, TrackWriter } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import { falsePass } from "../../helpers/false-pass.ts";
import { openerOf, toEnd } from "../../helpers/trace.ts";
import { numbers, randomModel } from "../inference/exact/random-model.ts";
import { PATIENT } from "./patient.ts";
import { type Member, type View, World } from "./world.ts";

/** The first token of an answer: every turn here has `POSITION` given ones. */
export const POSITION = 10;
export const PURSE = 10n ** 24n;

const { sizes, program, valuesOf } = randomModel(7);
const model = openerOf(program, valuesOf);
const tree = modelTree(crypto, model.manifest);
const draw = numbers(5);
const given = Array.from({ length: POSITION }, () => draw(sizes.vocab));
const layout = new TraceLayout(program, POSITION);
const lesson = Array.from({ length: 30 }, (_, i) => given[i % POSITION] as number);
/** As of checkpoint 1. */
const memories = Memories.empty(crypto).add(MEMORY, incrementsOf({ memory: MEMORY, first: 0, from: 0, ids: lesson }));
const MEMORY_ID = memoryId(crypto, MEMORY);
const NOBODYS_ID = hashOf("a memory that nobody taught");

/** A committed turn, whose token at `POSITION` is the model's or another. */
export type Answered = {
  wrong: WrongToken;
  /** What the model says; of a context that has none, that. */
  known: Pass | { none: NonNullable<ReturnType<typeof noPassOver>> };
  /** The committed token. */
  token: number;
  /** Tokens up to the end of its snapshot. */
  tokens: readonly number[];
};

/** A world in which member 0 has answered, with an exact model that is registered. */
export class TokenWorld {
  readonly world: World;
  readonly court: Contract;
  readonly stranger: Signer;
  readonly answered = new Map<string, Answered>();

  private constructor(world: World, stranger: Signer) {
    this.world = world;
    this.stranger = stranger;
    this.court = contractOf("InferenceCourt", world.deployment, stranger);
  }

  get author(): Member {
    return this.world.members[0] as Member;
  }

  static async open(): Promise<TokenWorld> {
    const world = await World.open(4, { ...PATIENT, accusationWindowSeconds: 100, moveWindowSeconds: 100 });
    try {
      const made = new TokenWorld(world, await world.connection.account());
      await made.#prepare();
      return made;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const { world, stranger, court } = this;
    const founder = await world.found();
    const named = await world.commit(founder, { memoryRoot: memories.root });
    await until("it is read", () => founder.latest.number === named.number);
    await this.#answer(founder, named);
    await world.leave();
    await this.register();
    const token = contractOf("StakeToken", world.deployment, stranger);
    for (const to of [await stranger.getAddress(), ...world.members.map(({ signer }) => toHex(signer.address))])
      await world.give(to, PURSE);
    await (await token.getFunction("approve")(court.target, PURSE)).wait();
  }

  register() {
    const { node, deployment, members } = this.world;
    const account = (members[3] as Member).key;
    return registerModel(
      crypto,
      { rpcUrl: node.url, deployment, account },
      model.manifest,
      "https://example.org/drawn",
    );
  }

  /** Each turn in a segment of checkpoint 2. */
  async #answer(view: View, named: Checkpoint): Promise<void> {
    const { world, author } = this;
    const writer = new TrackWriter(author, "track", world.separator);
    const checkpoint = { number: named.number, hash: world.hashOf(named) };
    const base = { model: tree.root, maxLength: 4, parameters: { temperature: 100, stop: [] } };
    const memory = { id: MEMORY_ID, checkpoint, gate: "strong" } as const;
    const strange = given.with(4, sizes.vocab);
    const wanted: [name: string, start: readonly number[], changes: Partial<Request>, by: number][] = [
      ["right", given, {}, 0],
      ["wrong", given, {}, 1],
      ["remembered", given, { memory }, 0],
      ["forgotten", given, { memory }, 1],
      ["untaught", given, { memory: { ...memory, id: NOBODYS_ID } }, 1],
      ["strange", strange, {}, 0],
    ];
    const said = [];
    for (const [name, start, changes, by] of wanted) {
      const request = requestOf(start, { ...base, nonce: hashOf(name), ...changes });
      const plain = await knownOf(request, named, start);
      const token = "none" in plain ? 1 : (plain.token + by) % sizes.vocab;
      const tokens = [...start, token, 0];
      const turn = writer.open(request).tokens("given", start).tokens("written", [token, 0]).close();
      const known = await knownOf(request, named, tokens);
      said.push({ name, turn: turn.id, token, tokens, known, segment: writer.seal() });
    }
    const leaves = said.map(({ segment }) => leafHash(crypto, TREE.segments, segment.hash));
    const segments = new ListTree(crypto, TREE.segments, leaves);
    await world.commit(view, { segmentsRoot: segments.root, segmentCount: said.length });
    for (const [segmentIndex, { name, turn, segment, ...one }] of said.entries()) {
      const proof = (at: number) => {
        const shown = proofJson(crypto, { number: 2, segments, segmentIndex }, segment, at);
        return { proof: toStruct(shown), signature: shown.signature };
      };
      const { operator } = author;
      const wrong = { operator, turn, model: tree.root, position: POSITION, open: proof(0), tokens: proof(2) };
      this.answered.set(name, { wrong, ...one });
    }
  }

  of(name: string): Answered {
    return this.answered.get(name) as Answered;
  }

  /** What an honest worker computes of these turns. */
  get honest(): Passes {
    return { of: async ({ turn }) => [...this.answered.values()].find(({ wrong }) => equal(wrong.turn, turn))?.known };
  }

  /** What the author of a wrong token says: a tensor of this operation is another, and leads to it. */
  lying(name: string, op = program.logits): Passes {
    const { known, token } = this.of(name);
    const tensor = layout.of(op).firstTensor;
    const change = (values: Int32Array) => {
      values[values.length - 1] += 3;
    };
    const pass = falsePass({ pass: known as Pass, model, context: given, tensor, change, token });
    return { of: async () => pass };
  }

  /** Says what is right, and that it leads to the wrong token. */
  insisting(name: string): Passes {
    const { known, token } = this.of(name);
    return { of: async () => ({ ...(known as Pass), roots: (known as Pass).roots, token }) };
  }
}

function knownOf(request: Request, named: Checkpoint, tokens: readonly number[]): Promise<Answered["known"]> {
  const none = noPassOver(crypto, model, tokens, POSITION);
  if (none) return Promise.resolve({ none });
  const context = tokens.slice(0, POSITION);
  const { memory } = request;
  const there = memory && memories.of(memory.id);
  const reading = there && { memory: there as Memory, gate: memory.gate };
  const drawn = { request, id: requestId(crypto, request), samplerK: model.manifest.samplerK, reading };
  return TracedPass.of({
    hashing: crypto,
    model,
    tokens,
    position: POSITION,
    memory: memory && { id: memory.id, checkpoint: named, memories },
    draw: (logits) => tokenAfter(crypto, drawn, logits, context),
    run: async (steps) => toEnd(steps),
  });
}

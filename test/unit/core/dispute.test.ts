import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Context, contextLeaf } from "../../../offchain/core/context.ts";
import {
  type Case,
  type Dispute,
  Disputes,
  dueAt,
  type Judgement,
  type Party,
} from "../../../offchain/core/dispute.ts";
import { type Move, moveOf, type Task, tasksOf } from "../../../offchain/core/dispute-moves.ts";
import { modelRoot } from "../../../offchain/core/model-manifest.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { tensorsOf, traceTree } from "../../../offchain/core/model-trace-tree.ts";
import { noPassOver, type Pass, TracedPass } from "../../../offchain/core/pass.ts";
import { rootOf, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf } from "../../helpers/core.ts";
import { falsePass } from "../../helpers/false-pass.ts";
import { ACCUSATION, MiniCourt } from "../../helpers/mini-court.ts";
import { judge, openerOf, toEnd } from "../../helpers/trace.ts";
import { numbers, randomModel } from "../inference/exact/random-model.ts";

const POSITION = 20;
const account = (name: string) => hashOf(name).slice(12);
const ACCUSED: Party = { operator: account("author"), account: account("author") };
const ACCUSER: Party = { operator: account("watcher"), account: account("watcher's key") };
const THIRD: Party = { operator: account("third"), account: account("third") };

const { sizes, program, valuesOf } = randomModel(7);
const model = openerOf(program, valuesOf);
const draw = numbers(11);
const tokens = Array.from({ length: POSITION + 4 }, () => draw(sizes.vocab));
const context = tokens.slice(0, POSITION);
const layout = new TraceLayout(program, POSITION);

/** The likeliest token. */
const likeliest = (logits: Int32Array) => logits.indexOf(Math.max(...logits));
const passOver = (ids: readonly number[]): Promise<TracedPass> =>
  TracedPass.of({
    hashing: crypto,
    model,
    tokens: ids,
    position: POSITION,
    memory: undefined,
    draw: likeliest,
    run: async (steps) => toEnd(steps),
  });
const right = await passOver(tokens);
const other = (right.token + 1) % sizes.vocab;

function caseOf(token: number): Case {
  return {
    turn: hashOf("turn"),
    position: POSITION,
    token,
    operator: ACCUSED.operator,
    contextRoot: Context.of(crypto, tokens).root,
    model: modelRoot(crypto, model.manifest),
    constants: program.constants.length,
    tensors: layout.tensors,
    requestId: hashOf("request"),
    temperature: 0,
    gate: 0,
    memoryId: new Uint8Array(32),
    memoryCheckpoint: 0,
    memoryCheckpointHash: new Uint8Array(32),
    opened: 1,
    written: 2,
    accuser: ACCUSER.account,
    bond: 20n * 10n ** 18n,
  };
}

/** A pass with one wrong value in a tensor of this operation, that is said to lead to the other token. */
function wrongIn(name: string): Pass {
  const tensor = layout.of(name).firstTensor;
  const change = (values: Int32Array) => {
    values[values.length - 1] += 3;
  };
  return falsePass({ pass: right, model, context, tensor, change, token: other });
}

type Knows = Pass | { none: NonNullable<ReturnType<typeof noPassOver>> };

async function movesOf(dispute: Dispute, party: Party, pass: Knows, helps = false): Promise<Move[]> {
  const moves = await Promise.all(tasksOf(dispute, party, helps).map((task: Task) => moveOf(dispute, task, pass)));
  return moves.filter((move) => move !== undefined);
}

/** Both say what they have to say until nobody has anything left. Each time everything is read anew. */
async function play(court: MiniCourt, parties: [Party, Knows, boolean?][]): Promise<Move[]> {
  const said: Move[] = [];
  for (;;) {
    const before = said.length;
    for (const [party, pass, helps] of parties) {
      const dispute = court.read().of(ACCUSATION);
      if (!dispute) return said;
      for (const move of await movesOf(dispute, party, pass, helps)) {
        court.say(move, party.account);
        said.push(move);
      }
    }
    if (said.length === before) return said;
  }
}

const typesOf = (moves: readonly Move[]) => moves.map(({ type }) => type);
const WHOLE = ["answer", "demandTensor", "postGroups", "demandGroup", "postGroup", "proveElement"];

describe("a dispute about a token", () => {
  for (const { op, number } of layout.ops.filter((_, i) => i % 5 === 0))
    test(`leads to the one wrong value, in ${op.kind} ${number}`, async () => {
      const court = new MiniCourt(caseOf(other));
      const theirs = wrongIn(op.name);
      const said = await play(court, [
        [ACCUSED, theirs],
        [ACCUSER, right],
      ]);
      assert.deepEqual(typesOf(said), WHOLE);
      const proof = said.at(-1);
      assert.ok(proof?.type === "proveElement");
      const tensors = toEnd(
        tensorsOf(program, valuesOf, context, new Set(Array.from({ length: layout.tensors }, (_, i) => i))),
      );
      const roots = {
        modelRoot: modelRoot(crypto, model.manifest),
        traceRoot: traceTree(crypto, theirs.roots).root,
      };
      const { stated, expected } = judge(
        { manifest: model.manifest, ...roots, positions: POSITION, tensors },
        { ...proof.proof, token: proof.proof.token },
      );
      assert.equal(stated, expected + 3n);
      assert.equal(court.read().open.length, 0);
    });

  test("is over at once where the answer's own logits lead to another token", async () => {
    const court = new MiniCourt(caseOf(other));
    const said = await play(court, [
      [ACCUSED, { ...right, roots: right.roots, token: other } as Pass],
      [ACCUSER, right],
    ]);
    assert.deepEqual(typesOf(said), ["answer", "proveSample"]);
  });

  test("about the right token has an answer that nobody says anything against", async () => {
    const court = new MiniCourt(caseOf(right.token));
    const said = await play(court, [
      [ACCUSED, right],
      [ACCUSER, right],
    ]);
    assert.deepEqual(typesOf(said), ["answer"]);
    const dispute = court.read().of(ACCUSATION) as Dispute;
    assert.equal(dueAt(dispute), dispute.replies.get(0)?.deadline, "then the accuser's time is over");
    court.stand(0);
    assert.equal(dueAt(court.read().of(ACCUSATION) as Dispute), dispute.deadline);
  });

  test("has no answer by whose own logits say so", async () => {
    const court = new MiniCourt(caseOf(other));
    assert.deepEqual(await play(court, [[ACCUSED, right]]), []);
    assert.deepEqual(await play(court, [[THIRD, right, true]]), []);
  });

  test("X4: goes on from every one of its events as if nothing had been interrupted, and as often as a fork takes it back", async () => {
    const court = new MiniCourt(caseOf(other));
    const theirs = wrongIn(layout.ops[2].op.name);
    const sides: [Party, Pass][] = [
      [ACCUSED, theirs],
      [ACCUSER, right],
    ];
    const said = await play(court, sides);
    for (const [i, move] of said.entries()) {
      // After so many events, each of which is one move, whoever knows nothing else makes the next one.
      const dispute = court.read(1 + i).of(ACCUSATION) as Dispute;
      const next = await Promise.all(sides.map(([party, pass]) => movesOf(dispute, party, pass)));
      assert.deepEqual(next.flat(), [move]);
    }
    const disputes = court.read();
    disputes.clear();
    for (const event of court.events.slice(0, 3)) disputes.take(event);
    assert.deepEqual(typesOf(await movesOf(disputes.of(ACCUSATION) as Dispute, ACCUSED, theirs)), ["postGroups"]);
  });

  test("over a context that the model has no forward pass over is proven before anybody answers", async () => {
    const strange = tokens.with(4, sizes.vocab);
    const none = noPassOver(crypto, model, strange, POSITION);
    assert.ok(none);
    assert.deepEqual([none.position, none.token], [4, sizes.vocab]);
    const leaf = contextLeaf(crypto, sizes.vocab);
    assert.deepEqual(rootOf(crypto, TREE.context, leaf, 4, none.tokenProof), Context.of(crypto, strange).root);
    assert.equal(noPassOver(crypto, model, strange, 4), undefined, "up to that token there is one");
    const long = Array.from({ length: sizes.maxPositions + 2 }, () => 0);
    assert.equal(noPassOver(crypto, model, long, sizes.maxPositions), undefined);
    assert.ok(noPassOver(crypto, model, long, sizes.maxPositions + 1));
    const court = new MiniCourt(caseOf(other));
    const said = await play(court, [
      [ACCUSED, { none }],
      [ACCUSER, { none }],
    ]);
    assert.deepEqual(typesOf(said), ["proveNoPass"]);
  });

  test("is answered for another by whoever is asked to, once, and only until the accused does", async () => {
    const court = new MiniCourt(caseOf(right.token));
    const [dispute] = court.read().open;
    assert.ok(dispute);
    assert.deepEqual(await movesOf(dispute, THIRD, right), [], "unless it is asked to");
    assert.deepEqual(typesOf(await play(court, [[THIRD, right, true]])), ["answer"]);
    const late = new MiniCourt(caseOf(right.token));
    await play(late, [[ACCUSED, right]]);
    assert.deepEqual(await play(late, [[THIRD, right, true]]), []);
  });

  test("has a game about each answer, and each shows what is its own", async () => {
    const court = new MiniCourt(caseOf(other));
    const [first, second] = [wrongIn(layout.ops[1].op.name), wrongIn(program.logits)];
    const said = await play(court, [
      [THIRD, first, true],
      [ACCUSED, second],
      [ACCUSER, right],
    ]);
    assert.deepEqual(typesOf(said).sort(), [...WHOLE, ...WHOLE].sort());
    const places = said.flatMap((move) => (move.type === "proveElement" ? [move.at.place] : []));
    assert.deepEqual(places.sort(), [0, 1]);
  });

  test("shows nothing of roots that are not one's own", async () => {
    const court = new MiniCourt(caseOf(right.token));
    court.say({ type: "answer", roots: wrongIn(program.logits).roots }, ACCUSED.account);
    const [dispute] = court.read().open;
    assert.ok(dispute);
    const [demand] = await movesOf(dispute, ACCUSER, right);
    assert.ok(demand?.type === "demandTensor");
    court.say(demand, ACCUSER.account);
    assert.deepEqual(await movesOf(court.read().of(ACCUSATION) as Dispute, ACCUSED, right), []);
  });
});

describe("what the court says of a turn", () => {
  const accused = caseOf(right.token);
  const at = { block: 1, logIndex: 0 };
  /** What is said after an accusation that ended like this. */
  function after(judgement: Judgement): Disputes {
    const disputes = new Disputes();
    disputes.take({ ...at, kind: "accused", id: ACCUSATION, accused, deadline: 10 });
    assert.equal(disputes.says(accused.turn), "accused");
    assert.equal(disputes.says(hashOf("another turn")), "silent");
    disputes.take({ ...at, kind: "judged", id: ACCUSATION, judgement });
    return disputes;
  }

  test("is void from a conviction on, and silent after every other end", () => {
    assert.equal(after("convicted").says(accused.turn), "void");
    assert.equal(after("convicted").says(hashOf("another turn")), "silent");
    assert.equal(after("dismissed").says(accused.turn), "silent");
    assert.equal(after("dropped").says(accused.turn), "silent");
  });

  test("is forgotten where the chain is read again: a fork may have taken the conviction back", () => {
    const disputes = after("convicted");
    disputes.clear();
    assert.equal(disputes.says(accused.turn), "silent");
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { stated, writeStatedHeader } from "../../../offchain/core/accused-cut.ts";
import { CutWitness } from "../../../offchain/core/cut-witness.ts";
import { Errands } from "../../../offchain/core/errands.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import type { Following } from "../../../offchain/core/following.ts";
import { RefusedSegments } from "../../../offchain/core/refused.ts";
import { events, genesis, make, members } from "../../helpers/audited-world.ts";
import { begin, later } from "../../helpers/breaches.ts";
import { feed, type Sealed, TrackWriter, writeSegments } from "../../helpers/core.ts";
import type { Made } from "../../helpers/made.ts";
import { nodeOf } from "../../helpers/mesh.ts";

const [, liar] = members;
const held = (...sealed: Sealed[]) => sealed.map((segment) => ({ segment, hash: segment.hash }));

/** A worker that knows what was begun in a first checkpoint, and of the second only what it refused. */
function worker(parent: Made, made: Made, refused: RefusedSegments) {
  const { replica, consensus } = nodeOf(members[0], events);
  feed(replica, parent.segments);
  for (const one of [parent, made]) {
    consensus.commit(one.checkpoint, one.hash);
    consensus.learnCut(one.checkpoint.number, one.entries);
  }
  let ids = 0;
  const errands = new Errands(replica, () => ++ids);
  errands.peer(members[2].operator, true);
  const witness = new CutWitness(replica, consensus, { final: 0 } as Following, errands, refused);
  const headers = made.segments.map(({ header }) => writeStatedHeader(stated(header)));
  const questions: number[] = [];
  /** What it does while the peer serves the headers. */
  const run = (from: number, until: number): Effect[] => {
    const out: Effect[] = [];
    for (let now = from; now < until; now += 200)
      for (const effect of witness.tick(now)) {
        const errand = effect.type === "ask" ? errands.get(effect.id) : undefined;
        if (errand?.kind !== "tree") out.push(effect);
        else {
          questions.push(now);
          errands.done(errand);
          out.push(...witness.take(errand, { leaves: headers, more: false }, now));
        }
      }
    return out;
  };
  return { run, questions };
}

/** A turn that is begun in a first checkpoint, and closed for another request in the second. */
function story() {
  const { writer, turn } = begin(new TrackWriter(liar));
  const begun = [writer.seal()];
  const [, act] = later.find(([message]) => message === "the close is of another request")!;
  act({ writer, turn });
  const parent = make(genesis, begun);
  return { parent, made: make(parent, [writer.seal()]) };
}

/** Room for the snapshots of no more tracks. */
function full(): RefusedSegments {
  const refused = new RefusedSegments();
  for (let i = 0; i < 16; i++) refused.keep(held(...writeSegments(new TrackWriter(liar, `other ${i}`), 1)));
  return refused;
}

test("a false cut of which nothing is known yet that shows it is not given up", () => {
  const { parent, made } = story();
  const refused = full();
  refused.keep(held(...made.segments));
  const { run, questions } = worker(parent, made, refused);
  const said = run(0, 20_000);
  assert.ok(said.every((effect) => effect.type === "fault" && effect.error.code === "unproven"));
  assert.ok(questions.length > 2 && questions.length < 8, `asked at ${questions}`);
  refused.retain([]);
  refused.keep(held(...made.segments));
  const [effect, ...more] = run(20_000, 80_000);
  assert.ok(effect?.type === "condemn" && effect.lie.type === "segments", "the beginning is on disk");
  assert.deepEqual(more, []);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { trackName } from "../../../offchain/core/cut.ts";
import { Errands } from "../../../offchain/core/errands.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import type { Following } from "../../../offchain/core/following.ts";
import { RefusedSegments } from "../../../offchain/core/refused.ts";
import { Repairing } from "../../../offchain/core/repairing.ts";
import type { Retention } from "../../../offchain/core/retention.ts";
import { events, genesis, make, members } from "../../helpers/audited-world.ts";
import { GIVEN, HISTORY, prompts } from "../../helpers/breaches.ts";
import { beatOf, requestOf, TrackWriter } from "../../helpers/core.ts";
import type { Made } from "../../helpers/made.ts";
import { nodeOf } from "../../helpers/mesh.ts";

/** What was refused, and of which there was no room to keep the snapshots, is fetched once more when there is. */

const [self, liar, , peer] = members;
/** Of so many tracks the snapshots are kept. */
const ROOM = 16;

/** A track that begins with a segment which breaks a rule. */
function wrong(label: string) {
  const writer = new TrackWriter(liar, label);
  prompts[0]![1](writer.open(requestOf(GIVEN, {}, HISTORY)));
  return { writer, name: trackName(writer.track), segments: [writer.seal()] };
}

/** A worker that repairs what it lacks of the latest checkpoint, and whose peer serves all of it. */
function worker() {
  const { replica, consensus } = nodeOf(self, events);
  let ids = 0;
  const errands = new Errands(replica, () => ++ids);
  errands.peer(peer.operator, true);
  const refused = new RefusedSegments();
  const repairing = new Repairing({
    ...{ replica, consensus, following: { final: 0 } as Following, retention: {} as Retention, errands, refused },
    step: (event) => replica.step(event).filter((effect) => effect.type === "fault") as Effect[],
  });
  let now = 0;
  let latest: Made;
  const segmentsOf = (name: string) => latest.segments.filter(({ header }) => trackName(header) === name);
  /** The tracks that are asked for while some time goes by. */
  const pass = () => {
    const fetched: string[] = [];
    for (const until = now + 2_000; now < until; now += 200)
      for (const effect of repairing.tick(now)) {
        const errand = effect.type === "ask" ? errands.get(effect.id) : undefined;
        if (errand?.kind !== "committed") continue;
        fetched.push(trackName(errand.entry));
        errands.done(errand);
        const got = segmentsOf(trackName(errand.entry)).slice(errand.from - 1, errand.to);
        repairing.take({ ...errand, got: got.map((segment) => ({ segment, hash: segment.hash })) }, now);
      }
    return fetched;
  };
  /** The chain is read, perhaps anew: this is its latest checkpoint. */
  const read = (made: Made) => {
    latest = made;
    consensus.reset();
    consensus.commit(made.checkpoint, made.hash);
    consensus.learnCut(made.checkpoint.number, made.entries);
    const heads = made.entries.map((entry) => ({ ...entry }));
    replica.step({ type: "beat", from: peer.operator, beat: beatOf(replica, { heads }), now });
    return pass();
  };
  return { read, pass, refused };
}

test("a refused segment of which there was no room is fetched again, once, when there is", () => {
  const tracks = Array.from({ length: ROOM + 2 }, (_, i) => wrong(`track ${i}`));
  const names = tracks.map(({ name }) => name);
  const isKept = () => tracks.filter(({ writer }) => refused.explains(writer.track, 1)).length;
  const { read, pass, refused } = worker();
  const first = make(genesis, ...tracks.map(({ segments }) => segments));
  assert.deepEqual(read(first).sort(), names.sort(), "each once");
  assert.deepEqual([pass(), isKept()], [[], ROOM]);

  // The chain took that back, and another checkpoint that leaves one of the tracks out which are kept.
  const kept = tracks.find(({ writer }) => refused.explains(writer.track, 1));
  const rest = tracks.filter((one) => one !== kept);
  const [again, ...more] = read(make(genesis, ...rest.map(({ segments }) => segments)));
  assert.ok(again && names.includes(again) && again !== kept?.name);
  assert.deepEqual([more, pass(), isKept()], [[], [], ROOM], "there was room for one, and for no more");
});

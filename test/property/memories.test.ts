import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { equal, toHex } from "../../offchain/core/bytes.ts";
import type { Built } from "../../offchain/core/consensus.ts";
import { Errands } from "../../offchain/core/errands.ts";
import type { Effect } from "../../offchain/core/events.ts";
import { learn } from "../../offchain/core/fold.ts";
import { Memories } from "../../offchain/core/memories.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import { MemoryFetch } from "../../offchain/core/memory-fetch.ts";
import { decodePage, encodePage, pageOf } from "../../offchain/core/memory-page.ts";
import { Track } from "../../offchain/core/track.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { feed, hashOf, MEMORY, requestOf, type Sealed, TrackWriter } from "../helpers/core.ts";
import { commitAll, gossip, netsOf, nodeOf, offer, type Peer } from "../helpers/mesh.ts";
import { EVENTS, MEMBERS, runs } from "./world.ts";

const GIVEN = [1, 2];
const MEMORIES = [MEMORY, { ...MEMORY, orders: [2, 3], salt: hashOf("another") }];

type Turn = { member: number; memory: MemoryDefinition | undefined; ids: number[] };
const turn: fc.Arbitrary<Turn> = fc.record({
  member: fc.nat({ max: 2 }),
  /** None: it teaches nothing. */
  memory: fc.constantFrom(...MEMORIES, undefined),
  ids: fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 6 }),
});

/** Has a worker fetch the memories as of its latest checkpoint from this peer. @returns how many pages that took */
function fetchFrom(peer: Peer, { replica, consensus }: Peer, pageBytes: number): number {
  let ids = 0;
  const errands = new Errands(replica, () => ++ids);
  errands.peer(peer.keys.operator, true);
  const fetch = new MemoryFetch(crypto, consensus, errands, { owed: 0 });
  const take = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      assert.ok(effect.type === "ask" && effect.question.type === "memory", JSON.stringify(effect));
      const errand = errands.get(effect.id);
      const memories = peer.consensus.memoriesAt(effect.question.number);
      assert.ok(memories && errand?.kind === "memory");
      errands.done(errand);
      const bytes = encodePage(pageOf(memories, effect.question.from, pageBytes));
      take(fetch.take(errand, decodePage(bytes), bytes.length, 0));
    }
  };
  take(fetch.tick(0));
  return ids;
}

test("S8 a checkpoint's memories and what comes after it are what a full replay gives", () => {
  const paged: number[] = [];
  fc.assert(
    fc.property(
      fc.array(fc.array(turn, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 6 }),
      fc.nat(),
      fc.integer({ min: 720, max: 1500 }),
      (checkpoints, pick, pageBytes) => {
        const nodes = netsOf(MEMBERS, EVENTS).net();
        const writers = MEMBERS.map((keys) => new TrackWriter(keys));
        const built: Built[] = [];
        const segments: Sealed[] = [];
        let expected = Memories.empty(crypto);
        for (const turns of checkpoints) {
          for (const { member, memory, ids } of turns) {
            const writer = writers[member]!;
            const request = requestOf(GIVEN, { nonce: hashOf(`nonce ${segments.length}`) });
            const turn = writer.open(request).tokens("given", GIVEN);
            turn.tokens("written", ids);
            if (memory) turn.learn(2, ids.length, { memory });
            segments.push(writer.seal());
            const lesson = { author: MEMBERS[member]!.operator, first: 2, from: 0, ids: [...GIVEN, ...ids] };
            if (memory) expected = learn(expected, { ...lesson, memory });
          }
          for (const { replica } of nodes) feed(replica, segments);
          gossip(nodes, 0);
          const made = offer(nodes[0]!)!;
          commitAll(nodes, made);
          built.push(made);
        }

        // A worker that holds nothing of before one of them.
        const joiner = nodeOf(MEMBERS[3], EVENTS);
        const { replica, consensus } = joiner;
        const joined = built.slice(0, 1 + (pick % (built.length - 1)));
        for (const one of joined) commitAll([joiner], one);
        const { cut, memories } = joined.at(-1)!;
        for (const { sequence, head, ...key } of cut.entries)
          replica.replace(new Track(crypto, key, { sequence, head }));
        if (memories.isEmpty)
          assert.ok(consensus.memoriesAt(joined.length), "that nothing was learnt need not be told");
        else {
          assert.equal(consensus.memoriesAt(joined.length), undefined);
          paged.push(fetchFrom(nodes[0]!, joiner, pageBytes));
        }

        feed(replica, segments);
        for (const one of built.slice(joined.length)) commitAll([joiner], one);
        assert.equal(toHex(consensus.memoriesAt(built.length)!.root), toHex(expected.root));
        assert.ok(equal(expected.root, consensus.latest.checkpoint.memoryRoot));
      },
    ),
    runs(60),
  );
  assert.ok(paged.some((count) => count === 1) && paged.some((count) => count > 2), `${paged}`);
});

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Consensus } from "../../../offchain/core/consensus.ts";
import type { Cut } from "../../../offchain/core/cut.ts";
import { Errands } from "../../../offchain/core/errands.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { LIMIT_MEMORIES_BYTES, MemoryFetch } from "../../../offchain/core/memory-fetch.ts";
import { encodePage, FIRST_CELL, type MemoryPage, pageOf } from "../../../offchain/core/memory-page.ts";
import type { Replica } from "../../../offchain/core/replica.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY, operatorAt } from "../../helpers/core.ts";

const PEERS = [1, 2, 3].map((i) => operatorAt(i).operator);
/** Cells of so many rows: several small pages. */
const cells = (count: number, by = 1) =>
  Array.from({ length: count }, (_, i) => ({ order: i % 2, row: i * 37, column: i % 256, count: by + (i % 5) }));
const TRUTH = Memories.empty(crypto)
  .add(MEMORY, cells(400))
  .add({ ...MEMORY, salt: hashOf("another") }, cells(30, 9));
const OTHER = TRUTH.add(MEMORY, [{ order: 0, row: 5, column: 5, count: 1 }]);
const PAGE_BYTES = 2000;

/** A worker of which the chain has a checkpoint whose memories cannot be worked out there. */
function worker(root = TRUTH.root) {
  const latest = { checkpoint: { number: 7, memoryRoot: root }, hash: hashOf("7"), cut: {} as Cut };
  const world = { latest, standing: [0, 7], isLost: true, learnt: undefined as Memories | undefined };
  const consensus = {
    get latest() {
      return world.latest;
    },
    get standing() {
      return world.standing;
    },
    committed: (number: number) => (number === world.latest.checkpoint.number ? world.latest : undefined),
    views: {
      of: () => world.learnt,
      isLost: () => world.isLost,
      learn: (_number: number, _cut: Cut, memories: Memories) => {
        world.learnt = memories;
      },
    },
  } as unknown as Consensus;
  let ids = 0;
  const errands = new Errands({ peers: new Map() } as unknown as Replica, () => ++ids);
  for (const peer of PEERS) errands.peer(peer, true);
  return { world, errands, fetch: new MemoryFetch(crypto, consensus, errands, { owed: 0 }) };
}

type Served = (peer: string, page: MemoryPage) => MemoryPage | undefined | "silence";
const honest: Served = (_peer, page) => page;

/** Lets it ask until it has the memories or this much time is over. */
function run(
  { world, errands, fetch }: ReturnType<typeof worker>,
  serve: Served,
  until = 60_000,
  sizeOf = (page: MemoryPage) => encodePage(page).length,
) {
  const asked: { peer: string; row: number }[] = [];
  const faults: string[] = [];
  const take = (effects: readonly Effect[], now: number): void => {
    for (const effect of effects) {
      if (effect.type === "fault") faults.push(`${effect.error.code} of ${toHex(effect.operator!)}`);
      if (effect.type !== "ask" || effect.question.type !== "memory") continue;
      const { from } = effect.question;
      const peer = toHex(effect.to);
      asked.push({ peer, row: from.row });
      const page = serve(peer, pageOf(TRUTH, from, PAGE_BYTES));
      const errand = errands.get(effect.id);
      if (page === "silence" || errand?.kind !== "memory") continue;
      errands.done(errand);
      take(fetch.take(errand, page, page ? sizeOf(page) : 0, now), now);
    }
  };
  for (let now = 0; now < until && !world.learnt; now += 200) {
    take(errands.tick(now), now);
    take(fetch.tick(now), now);
  }
  return {
    asked,
    faults: faults.filter((fault) => !fault.startsWith("deadline")),
    root: world.learnt && toHex(world.learnt.root),
  };
}

describe("memories that cannot be worked out are fetched", () => {
  let one: ReturnType<typeof worker>;
  const truth = toHex(TRUTH.root);
  beforeEach(() => {
    one = worker();
  });

  test("page after page of one peer, and believed with the committed root", () => {
    const { asked, faults, root } = run(one, honest);
    assert.equal(root, truth);
    assert.ok(asked.length > 3 && new Set(asked.map(({ peer }) => peer)).size === 1);
    assert.deepEqual(faults, []);
  });

  test("from another peer where one falls silent, or has it no more: on from where it was", () => {
    for (const end of ["silence", undefined] as const) {
      one = worker();
      let pages = 0;
      const { asked, root } = run(one, (_peer, page) => (++pages === 3 ? end : page));
      assert.equal(root, truth);
      assert.equal(new Set(asked.map(({ peer }) => peer)).size, 2);
      assert.equal(asked[3]?.row, asked[2]?.row);
    }
  });

  test("a liar's cells are not believed, and another peer is asked for all of it", () => {
    const liars = new Set<string>();
    const { asked, faults, root } = run(one, (peer, page) => {
      liars.add(peer);
      return peer === [...liars][0] ? { ...page, parts: pageOf(OTHER, FIRST_CELL, PAGE_BYTES).parts } : page;
    });
    assert.equal(root, truth);
    assert.deepEqual(faults, [`bad_root of ${[...liars][0]}`]);
    assert.deepEqual(
      asked.filter(({ row }) => row === 0).map(({ peer }) => peer),
      [...liars],
    );
  });

  test("a peer whose pages lead nowhere, or never end, is heard no longer", () => {
    for (const lie of [
      (page: MemoryPage) => ({ ...page, next: FIRST_CELL }),
      (page: MemoryPage) => ({ parts: [], next: page.next }),
    ]) {
      one = worker();
      const first: string[] = [];
      const { faults, root } = run(one, (peer, page) => {
        first.push(peer);
        return peer === first[0] ? lie(page) : page;
      });
      assert.equal(root, truth);
      assert.equal(faults.length, 1);
    }
  });

  test("L8 no more than a bound is taken before the root says anything", () => {
    const { asked, faults, root } = run(one, honest, 600, () => LIMIT_MEMORIES_BYTES / 4);
    assert.equal(root, undefined);
    assert.equal(asked.length, 5 * PEERS.length);
    assert.equal(faults.length, PEERS.length);
  });

  test("what nobody has is asked for ever more rarely, and of the latest checkpoint by then", () => {
    const { asked } = run(one, () => undefined, 20_000);
    assert.ok(asked.length >= 9 && asked.length <= 21, `${asked.length} questions`);
    one.world.latest = { ...one.world.latest, checkpoint: { number: 8, memoryRoot: TRUTH.root }, hash: hashOf("8") };
    one.world.standing = [0, 8];
    assert.equal(run(one, honest).root, truth);
  });

  test("patience lost with one thing is not missing for the next", () => {
    run(one, () => undefined, 20_000);
    one.world.learnt = TRUTH;
    one.fetch.tick(20_000);
    one.world.learnt = undefined;
    assert.equal(run(one, honest, 1_000).root, truth);
  });

  test("a newer checkpoint, also one whose cut is not known yet, does not begin it anew; one that is gone does", () => {
    let pages = 0;
    const { asked, root } = run(one, (_peer, page) => {
      if (++pages === 2) one.world.isLost = false;
      return page;
    });
    assert.equal(root, truth);
    assert.equal(asked.filter(({ row }) => row === 0).length, 1);
    one = worker();
    pages = 0;
    const again = run(one, (_peer, page) => {
      if (++pages !== 2) return page;
      one.world.latest = { ...one.world.latest, hash: hashOf("7 of another fork") };
      return undefined;
    });
    assert.equal(again.root, truth);
    assert.equal(again.asked.filter(({ row }) => row === 0).length, 2);
  });

  test("nothing is asked where segments or a cut still tell", () => {
    one.world.isLost = false;
    assert.deepEqual(run(one, honest, 5_000).asked, []);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { backlogCovered, converged } from "./invariants/settled.ts";
import { quietPlan } from "./liars/quiet.ts";
import type { Action } from "./plan.ts";
import { World } from "./world.ts";

const NODES = [0, 1, 2, 3];
const FROM_MS = 5_000;
const CUT_MS = 12_000;
const TURNS_AT_ONCE = 1;
const SETTLE_MS = 35_000;

/** No two of them hear one another, and nobody hears of the chain. */
const EVERYTHING_CUT: readonly Action[] = [
  ...NODES.slice(1).map((node): Action => {
    const to = NODES.filter((other) => other >= node);
    return { at: FROM_MS, kind: "partition", ms: CUT_MS, from: [node - 1], to, oneWay: false, abrupt: true };
  }),
  ...NODES.map((node): Action => ({ at: FROM_MS, kind: "blind", node, ms: CUT_MS })),
];

/** Every worker writes as fast as it can; how many tokens each did between the cut and the heal, and the world at its end. */
function tokensOf(actions: readonly Action[]): { tokens: number[]; world: World } {
  const plan = quietPlan(31, ["honest", "honest", "honest", "honest"]);
  const healAt = FROM_MS + CUT_MS;
  const load = { ...plan.load, requestsPerSecond: 0 };
  const world = new World({ ...plan, load, actions: [...actions], healAt, endAt: healAt + SETTLE_MS });
  const { scheduler, workers } = world;
  const before: number[] = [];
  const tokens: number[] = [];
  const write = (node: number, turn: number) => {
    const { life } = workers[node];
    if (!life || scheduler.now > healAt) return;
    const random = world.random.fork(`turn ${node} ${turn}`);
    const asked = { requester: random.bytes(32), nonce: random.bytes(32), maxLength: 40 };
    const order = life.gateway.request([1, 2, 3], asked);
    life.author.generate({ ...order, answered: [] }, ({ type }) => {
      if (type === "closed") life.process.after(0, () => write(node, turn + TURNS_AT_ONCE));
    });
  };
  scheduler.after(FROM_MS - 1_000, () => {
    for (const node of NODES) for (let turn = 0; turn < TURNS_AT_ONCE; turn++) write(node, turn);
  });
  scheduler.after(FROM_MS, () => before.push(...workers.map(({ life }) => life?.author.written ?? 0)));
  scheduler.after(healAt, () => tokens.push(...workers.map(({ life }, i) => (life?.author.written ?? 0) - before[i])));
  world.run();
  return { tokens, world };
}

test("L1 with all links cut and no word from the chain every writer is as fast as with them, and all of it is covered later", () => {
  const [connected, alone] = [tokensOf([]), tokensOf(EVERYTHING_CUT)];
  for (const node of NODES) {
    const [fast, cut] = [connected.tokens[node], alone.tokens[node]].map((count) => count / (CUT_MS / 1000));
    console.log(
      `w${node}: ${fast.toFixed(2)} tokens/s connected, ${cut.toFixed(2)} alone, ratio ${(cut / fast).toFixed(4)}`,
    );
    assert.ok(fast > 20, `w${node} writes only ${fast} tokens a second`);
    assert.equal(cut, fast);
  }
  const { world } = alone;
  assert.ok(world.workers.every(({ lives }) => lives === 1));
  assert.equal(world.members().length, NODES.length);
  converged(world.members());
  for (const worker of world.members()) {
    backlogCovered(worker, worker.clock.now());
    assert.equal(worker.protocol?.consensus.backlog, 0);
  }
});

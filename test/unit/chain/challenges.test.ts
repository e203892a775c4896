import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, afterEach, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Contract, Signer } from "ethers";
import { toFunctionSelector } from "viem";
import type { Challenge, ChallengeOutcome } from "../../../offchain/chain/answerer.ts";
import type { ChainOptions } from "../../../offchain/chain/chain.ts";
import { checkpointStruct } from "../../../offchain/chain/convert.ts";
import type { Opening, Unavailable } from "../../../offchain/core/availability.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { Cut, type CutEntry } from "../../../offchain/core/cut.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { hashOf, incarnationOf } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import { ANSWER_SECONDS, PATIENT } from "./patient.ts";
import { type Member, type View, World } from "./world.ts";

const GONE: Unavailable = { kind: "unavailable", reason: "it is gone" };

describe("challenges on a real node with the real contracts", () => {
  let world: World;
  let members: Member[];
  let asker: Signer;
  let court: Contract;
  let bond: bigint;
  let cut: Cut;
  let checkpoint: Checkpoint;
  const outcomes: ChallengeOutcome[] = [];

  /** A worker that can show what it holds, or nothing. */
  function worker(index: number, opening: Opening | Unavailable, options: Partial<ChainOptions> = {}): View {
    return world.view(members[index].key, {
      ...options,
      challenges: { open: async () => opening, attested: () => true },
      onChallenge: (outcome) => outcomes.push(outcome),
    });
  }
  const entry = (): Opening => ({ kind: "entry", entry: cut.entries[0] as CutEntry, proof: cut.proof(0) });
  const started = async (...workers: View[]) => {
    await Promise.all(workers.map(({ chain }) => chain.start()));
    await until("all follow", () => workers.every(({ latest }) => latest.number === 1));
  };
  const told = (...kinds: ChallengeOutcome["type"][]) =>
    until(`told of ${kinds}`, () => {
      assert.deepEqual(
        outcomes.map(({ type }) => type),
        kinds,
      );
      return true;
    });

  before(async () => {
    world = await World.open(4, PATIENT);
    members = world.members;
    const track = { operator: members[0].operator, incarnation: incarnationOf("asked") };
    cut = Cut.empty(crypto).extend(crypto, [{ ...track, sequence: 1, head: hashOf("head") }], () => false);
    checkpoint = await world.commit(await world.found(), { cutRoot: cut.root, entryCount: 1 });
    await world.leave();

    asker = await world.connection.account();
    court = contractOf("AvailabilityCourt", world.deployment, asker);
    bond = BigInt(world.deployment.parameters.challengeBond);
    await world.give(await asker.getAddress(), 100n * bond);
    const token = contractOf("StakeToken", world.deployment, asker);
    await (await token.getFunction("approve")(court.target, 100n * bond)).wait();
    snapshot = await world.rpc.request<string>("evm_snapshot");
  });
  let snapshot: string;
  afterEach(async () => {
    await world.leave();
    outcomes.length = 0;
    await world.rpc.request("evm_revert", [snapshot]);
    snapshot = await world.rpc.request<string>("evm_snapshot");
  });
  after(() => world?.close());

  const ask = async () => (await court.getFunction("challenge")(checkpointStruct(checkpoint), 0, 0, bond)).wait();
  const tokensOf = ({ signer }: Member) => world.tokensOf(toHex(signer.address));

  test("one worker answers and is paid, whoever it is; when the time for proofs is over one releases it", async () => {
    const [a, b] = [worker(0, entry()), worker(1, entry())];
    await started(a, b);
    await ask();
    await told("answered");
    const asked = outcomes[0]?.challenge as Challenge;
    assert.deepEqual([asked.number, asked.asked], [1, { kind: "entry", path: [0] }]);
    await until("it is paid", async () => {
      const paid = await Promise.all([tokensOf(members[0]), tokensOf(members[1])]);
      assert.deepEqual(paid.sort(), [0n, bond / 2n]);
      return true;
    });
    await world.leave();
    await world.pass(ANSWER_SECONDS);
    const again = [worker(0, entry(), { log: a.log }), worker(1, entry(), { log: b.log })];
    await started(...again);
    await told("answered", "released");
    await until("both know", () => again.every(({ story }) => story.at(-1) === "disputed"));
    for (const { story } of again) assert.ok(story.includes("released") && !story.includes("fell"));
  });

  test("S9: who cannot show it leaves it to who can; what it lacks it says", async () => {
    const [a, b] = [worker(0, GONE), worker(1, entry())];
    await started(a);
    await ask();
    await until("it says so", () => a.faults.length > 0);
    const [{ code, message }] = a.faults;
    assert.match(`${code} ${message}`, /^challenge_delayed .*it is gone/);
    await started(b);
    await told("answered");
    assert.deepEqual(b.faults, []);
  });

  test("a wrong answer is not sent", async () => {
    const { proof } = entry() as Extract<Opening, { kind: "entry" }>;
    const other = { ...(cut.entries[0] as CutEntry), sequence: 2 };
    const a = worker(0, { kind: "entry", entry: other, proof });
    await started(a);
    await ask();
    await until("it says so", () => a.faults.some(({ message }) => /WrongAnswer/.test(message)));
    assert.deepEqual(outcomes, []);
  });

  test("silence is concluded by whoever is there: the checkpoint falls, and whoever signed it is convicted", async () => {
    const a = worker(0, GONE);
    await started(a);
    await ask();
    await until("the challenge is known", () => a.story.includes("challenged"));
    await a.chain.stop();
    await world.pass(ANSWER_SECONDS);
    const later = worker(1, GONE, { log: a.log });
    await later.chain.start();
    await told("unanswered");
    await until("it fell", () => later.story.includes("fell"));
    const over = later.events.find(({ kind }) => kind === "unanswered");
    assert.ok(over?.kind === "unanswered" && over.condemned);
    await until(
      "all are convicted",
      () => later.story.filter((kind) => kind === "convicted").length === members.length,
    );
    assert.deepEqual(later.condemnations, [{ type: "already", number: 1, hash: world.hashOf(checkpoint) }]);
  });

  test("S11: what a reorganisation takes back is answered again, and released again", async (t) => {
    const takeBack = async (snapshot: string) => {
      await world.rpc.request("evm_revert", [snapshot]);
      const again = await world.rpc.request<string>("evm_snapshot");
      for (let i = 0; i < 4; i++) await world.rpc.request("evm_mine");
      return again;
    };
    // Slow enough that the reorganisation comes between what a worker asks and what it makes of the answer.
    const rpcUrl = await slowNode(t, world.node.url);
    const a = worker(0, entry(), { rpcUrl });
    await started(a);
    await ask();
    const asked = await world.rpc.request<string>("evm_snapshot");
    await told("answered");
    await until("it is known", () => a.story.includes("answered"));
    await takeBack(asked);
    await told("answered", "answered");
    await until("it is known again", () => a.story.includes("answered"));

    await a.chain.stop();
    await world.pass(ANSWER_SECONDS);
    let over = await world.rpc.request<string>("evm_snapshot");
    const restarted = worker(0, entry(), { rpcUrl, log: a.log });
    await restarted.chain.start();
    const all: ChallengeOutcome["type"][] = ["answered", "answered", "released"];
    // While it looks whether it is over, and when it has seen that it is.
    for (const sinceMs of [0, 1_500]) {
      await told(...all);
      await until("it is known", () => restarted.story.includes("released"));
      await sleep(sinceMs);
      over = await takeBack(over);
      all.push("released");
    }
    await told(...all);
  });
});

/** The same node, which takes a second to say what time it is. @returns its URL */
async function slowNode(t: TestContext, url: string): Promise<string> {
  const slow = toFunctionSelector("activeTime()").slice(2);
  const server = createServer(async (request, response) => {
    const asked = await text(request);
    const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: asked });
    const said = await answer.text();
    if (asked.includes(slow)) await sleep(1_000);
    response.end(said);
  });
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { Contract, Signer } from "ethers";
import type { Challenge, ChallengeOutcome } from "../../../offchain/chain/answerer.ts";
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
import { type Member, View, World } from "./world.ts";

const GONE: Unavailable = { kind: "unavailable", reason: "it is gone" };

describe("challenges on a real node with the real contracts", () => {
  let world: World;
  let members: Member[];
  let asker: Signer;
  let court: Contract;
  let bond: bigint;
  let cut: Cut;
  let checkpoint: Checkpoint;
  let views: View[] = [];
  const outcomes: ChallengeOutcome[] = [];

  /** A worker that can show what it holds, or nothing. */
  function worker(index: number, opening: Opening | Unavailable, options: { log?: View["log"] } = {}): View {
    const view = new View(world, members[index].key, {
      ...options,
      challenges: { open: async () => opening, attested: () => true },
      onChallenge: (outcome) => outcomes.push(outcome),
    });
    views.push(view);
    return view;
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
    world = await World.open(PATIENT);
    members = [];
    for (let i = 0; i < 4; i++) members.push(await world.join(i));
    const founder = new View(world, members[0].key);
    await founder.chain.start();
    await until("there is a set", () => founder.chain.set.length === 4);
    const track = { operator: members[0].operator, incarnation: incarnationOf("asked") };
    cut = Cut.empty(crypto).extend(crypto, [{ ...track, sequence: 1, head: hashOf("head") }], () => false);
    checkpoint = world.next(founder, { cutRoot: cut.root, entryCount: 1 });
    const { type } = await founder.chain.commit(checkpoint, founder.chain.set, world.attest(checkpoint, members));
    assert.equal(type, "committed");
    await founder.chain.stop();

    asker = await world.connection.account();
    court = contractOf("AvailabilityCourt", world.deployment, asker);
    bond = BigInt(world.deployment.parameters.challengeBond);
    const token = contractOf("StakeToken", world.deployment, asker);
    await (await token.getFunction("mint")(await asker.getAddress(), 100n * bond)).wait();
    await (await token.getFunction("approve")(court.target, 100n * bond)).wait();
    snapshot = await world.rpc.request<string>("evm_snapshot");
  });
  let snapshot: string;
  afterEach(async () => {
    await Promise.all(views.map(({ chain }) => chain.stop()));
    views = [];
    outcomes.length = 0;
    await world.rpc.request("evm_revert", [snapshot]);
    snapshot = await world.rpc.request<string>("evm_snapshot");
  });
  after(async () => {
    await world?.close();
  });

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
    await world.pass(ANSWER_SECONDS);
    await told("answered", "released");
    await until("both know", () => [a, b].every(({ story }) => story.at(-1) === "disputed"));
    assert.ok(a.story.includes("released") && !a.story.includes("fell"));
  });

  test("S9: who cannot show it leaves it to who can; what it lacks it says", async () => {
    const [a, b] = [worker(0, GONE), worker(1, entry())];
    await started(a, b);
    await ask();
    await told("answered");
    assert.deepEqual(
      b.faults.map(({ code }) => code),
      [],
    );
    for (const { code, message } of a.faults) assert.match(`${code} ${message}`, /^challenge_delayed .*it is gone/);
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

  test("S11: what a reorganisation takes back is answered again", async () => {
    const a = worker(0, entry());
    await started(a);
    await ask();
    const before = await world.rpc.request<string>("evm_snapshot");
    await told("answered");
    await until("it is known", () => a.story.includes("answered"));
    await world.rpc.request("evm_revert", [before]);
    for (let i = 0; i < 4; i++) await world.rpc.request("evm_mine");
    await told("answered", "answered");
    await until("it is known again", () => a.story.includes("answered"));
  });
});

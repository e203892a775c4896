import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Wallet } from "ethers";
import type { SignedSnapshot } from "../../../offchain/chain/accuser.ts";
import type { DisputeOptions } from "../../../offchain/chain/courts.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Passes } from "../../../offchain/core/dispute-moves.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { until } from "../../helpers/e2e/until.ts";
import type { MemoryLog } from "./fake-chain.ts";
import { PURSE, TokenWorld } from "./token-world.ts";
import type { View } from "./world.ts";

const [AUTHOR, ACCUSER, THIRD] = [0, 1, 2];
const signed = ({ proof, signature }: SignedSnapshot) => [proof, signature] as const;
const STATE = { open: 1n, convicted: 2n, dismissed: 3n };

describe("disputes about tokens on a real node with the real contracts", () => {
  let tokens: TokenWorld;
  let moves: string[];
  let snapshot: string;

  before(async () => {
    tokens = await TokenWorld.open();
    snapshot = await tokens.world.rpc.request<string>("evm_snapshot");
  });
  beforeEach(() => {
    moves = [];
  });
  afterEach(async () => {
    await tokens.world.leave();
    await tokens.world.rpc.request("evm_revert", [snapshot]);
    snapshot = await tokens.world.rpc.request<string>("evm_snapshot");
  });
  after(() => tokens?.world.close());

  /** A worker that has read everything. */
  async function worker(
    index: number,
    passes: Passes,
    { log, ...options }: Partial<DisputeOptions> & { log?: MemoryLog } = {},
  ): Promise<View> {
    const member = tokens.world.members[index];
    assert.ok(member);
    const disputes = {
      operator: member.operator,
      passes,
      openAccusations: 4,
      answersForOthers: 0,
      onMove: ({ type }: { type: string }) => moves.push(`${index} ${type}`),
      ...options,
    };
    const view = tokens.world.view(member.key, { disputes, ...(log && { log }) });
    await view.chain.start();
    await until("it follows", () => view.latest.number === 2);
    return view;
  }
  const windows = async () => (await tokens.court.getFunction("windows")()).map(Number) as [number, number];
  const stateOf = async (id: string) => (await tokens.court.getFunction("accusationOf")(id)).state as bigint;
  const isVoid = (name: string) => tokens.court.getFunction("isVoid")(toHex(tokens.of(name).wrong.turn));
  const tokensOf = (index: number) =>
    tokens.world.tokensOf(toHex(tokens.world.members[index]?.signer.address as Uint8Array));
  async function accuse(by: View, name: string): Promise<string> {
    const outcome = await by.chain.accuse(tokens.of(name).wrong);
    assert.equal(
      outcome.type,
      "accused",
      JSON.stringify(outcome, (_, v) => String(v)),
    );
    return outcome.type === "accused" ? outcome.id : "";
  }
  const untilConvicted = (view: View) =>
    until("its author is convicted", () => view.convictions.some(({ type }) => type === "convicted"));

  test("X3: the author of a wrong token answers for it, move by move, and is convicted; the accuser is paid back", async () => {
    await worker(AUTHOR, tokens.lying("wrong"));
    const watcher = await worker(ACCUSER, tokens.honest);
    const says = () => watcher.chain.says(tokens.of("wrong").wrong.turn);
    assert.equal(says(), "silent");
    await accuse(watcher, "wrong");
    await until("it is read that the turn is accused", () => says() === "accused");
    await untilConvicted(watcher);
    await until("and that it is void", () => says() === "void");
    assert.deepEqual(moves, [
      `${AUTHOR} answer`,
      `${ACCUSER} demandTensor`,
      `${AUTHOR} postGroups`,
      `${ACCUSER} demandGroup`,
      `${AUTHOR} postGroup`,
      `${ACCUSER} proveElement`,
    ]);
    assert.equal(await isVoid("wrong"), true);
    await tokens.world.untilBurnt(tokens.author);
    const answerBond = (await tokens.court.getFunction("answerBond")()) as bigint;
    await until("all is withdrawn", async () => {
      assert.ok((await tokensOf(ACCUSER)) >= PURSE + answerBond / 2n);
      return true;
    });
    assert.deepEqual(watcher.chain.disputes, { accuses: 0, accused: 0, bonds: 0n });
    assert.deepEqual(watcher.faults, []);
    assert.deepEqual((await watcher.chain.accuse(tokens.of("wrong").wrong)).type, "already");
  });

  test("a model is registered once, by whoever does it first", async () => {
    assert.equal((await tokens.register()).gas, undefined);
  });

  for (const name of ["wrong", "forgotten", "untaught"])
    test(`a token that does not follow from the answer's own logits is proven at once: ${name}`, async () => {
      await worker(AUTHOR, tokens.insisting(name));
      const watcher = await worker(ACCUSER, tokens.honest);
      await accuse(watcher, name);
      await untilConvicted(watcher);
      assert.deepEqual(moves, [`${AUTHOR} answer`, `${ACCUSER} proveSample`]);
      assert.deepEqual(watcher.faults, []);
    });

  test("an answer to a context that the model has no forward pass over convicts at once", async () => {
    const watcher = await worker(ACCUSER, tokens.honest);
    await accuse(watcher, "strange");
    await untilConvicted(watcher);
    assert.deepEqual(moves, [`${ACCUSER} proveNoPass`]);
  });

  test("X3: who is accused of a right token answers by itself, of whatever a memory said too; the accuser's silence dismisses it", async () => {
    const [answerSeconds, moveSeconds] = await windows();
    const bond = (await tokens.court.getFunction("bondOf")(toHex(tokens.author.operator))) as bigint;
    for (const name of ["right", "remembered"]) {
      const { open, tokens: shown, position } = tokens.of(name).wrong;
      await (await tokens.court.getFunction("accuse")(...signed(open), ...signed(shown), position, PURSE)).wait();
    }
    const first = await worker(AUTHOR, tokens.honest);
    await until("both are answered", () => moves.length === 2);
    assert.deepEqual(first.faults, [], "two bonds at once are two");
    assert.equal(first.chain.disputes.accused, 2);
    await tokens.world.leave();
    await tokens.world.pass(moveSeconds + answerSeconds);
    const author = await worker(AUTHOR, tokens.honest, { log: first.log });
    await until("both are dismissed", () => author.chain.disputes.accused === 0);
    assert.deepEqual(
      moves.filter((move) => !move.endsWith("conclude")),
      [`${AUTHOR} answer`, `${AUTHOR} answer`],
    );
    await until("it is paid", async () => {
      assert.ok((await tokensOf(AUTHOR)) >= PURSE + bond);
      return true;
    });
    assert.deepEqual([await isVoid("right"), author.convictions, author.faults], [false, [], []]);
  });

  test("an accuser of a right token has nothing to say against the answer", async () => {
    const [answerSeconds, moveSeconds] = await windows();
    const author = await worker(AUTHOR, tokens.honest);
    const mistaken = await worker(ACCUSER, tokens.honest);
    const id = await accuse(mistaken, "right");
    await until("it is answered", () => moves.length === 1);
    await tokens.world.leave();
    await tokens.world.pass(moveSeconds + answerSeconds);
    await worker(ACCUSER, tokens.honest, { log: mistaken.log });
    await until("it is over", async () => (await stateOf(id)) === STATE.dismissed);
    assert.deepEqual(author.convictions, []);
  });

  test("X4: what there is nothing to say to is not computed again with everything that happens", async () => {
    let computed = 0;
    const counted: Passes = {
      of(subject) {
        computed += 1;
        return tokens.honest.of(subject);
      },
    };
    const mistaken = await worker(ACCUSER, counted);
    const id = await accuse(mistaken, "right");
    await until("it is asked whether there is a forward pass", () => computed === 1);
    await worker(AUTHOR, tokens.honest);
    await until("the answer is looked at", () => computed === 2);
    const { open, tokens: shown, position } = tokens.of("remembered").wrong;
    await (await tokens.court.getFunction("accuse")(...signed(open), ...signed(shown), position, PURSE)).wait();
    await until("the other is answered, too", () => mistaken.story.filter((kind) => kind === "replied").length === 2);
    await until("everybody has heard of it", () => moves.length === 2);
    assert.deepEqual([computed, await stateOf(id)], [2, STATE.open]);
  });

  test("X3: who has no tokens for the bond of its answer says so, loudly, and answers when it has", async () => {
    const { world } = tokens;
    const key = world.members[AUTHOR]?.signer.address as Uint8Array;
    const poor = await worker(AUTHOR, tokens.honest);
    const purse = contractOf(
      "StakeToken",
      world.deployment,
      new Wallet(world.members[AUTHOR]?.key ?? "", world.connection.provider),
    );
    await (await purse.getFunction("transfer")(await tokens.stranger.getAddress(), await tokensOf(AUTHOR))).wait();
    await accuse(await worker(ACCUSER, tokens.honest), "right");
    await until("it says so", () => poor.faults.some(({ code }) => code === "dispute_delayed"));
    assert.match(String(poor.faults.at(-1)?.message), /has 0 stake tokens, and the bond of an answer is /);
    await world.give(toHex(key), PURSE);
    await until("it answers", () => moves.includes(`${AUTHOR} answer`));
  });

  test("X3: who would defeat itself does not answer, and its operator is told", async () => {
    const author = await worker(AUTHOR, tokens.honest);
    await accuse(await worker(ACCUSER, tokens.honest), "wrong");
    await until("it says so", () => author.faults.length > 0);
    assert.deepEqual([author.faults.map(({ code }) => code), moves], [["dispute_lost"], []]);
  });

  test("X3: silence convicts: whoever accused concludes", async () => {
    const [answerSeconds] = await windows();
    const watcher = await worker(ACCUSER, tokens.honest);
    const id = await accuse(watcher, "wrong");
    await tokens.world.pass(answerSeconds);
    await untilConvicted(watcher);
    assert.deepEqual(moves, [`${ACCUSER} conclude`]);
    assert.equal(await stateOf(id), STATE.convicted);
  });

  test("X4 S11: whoever starts again in mid-dispute, or is taken back by a reorganisation, makes the same moves", async () => {
    const author = await worker(AUTHOR, tokens.lying("wrong"));
    const first = await worker(ACCUSER, tokens.honest);
    await accuse(first, "wrong");
    await until("a tensor is demanded", () => moves.includes(`${ACCUSER} demandTensor`));
    await tokens.world.leave();
    const fork = await tokens.world.rpc.request<string>("evm_snapshot");
    moves.length = 0;
    const again = await worker(ACCUSER, tokens.honest, { log: first.log });
    await worker(AUTHOR, tokens.lying("wrong"), { log: author.log });
    await untilConvicted(again);
    // What was said on the way out is not said again.
    const all = [`${AUTHOR} postGroups`, `${ACCUSER} demandGroup`, `${AUTHOR} postGroup`, `${ACCUSER} proveElement`];
    assert.deepEqual(moves, all.slice(-moves.length));
    moves.length = 0;
    again.convictions.length = 0;
    await tokens.world.rpc.request("evm_revert", [fork]);
    for (let i = 0; i < 8; i++) await tokens.world.rpc.request("evm_mine");
    await untilConvicted(again);
    assert.equal(moves.at(-1), `${ACCUSER} proveElement`);
  });

  test("X5: others answer for the accused only when they are asked to", async () => {
    await worker(THIRD, tokens.honest);
    const author = await worker(ACCUSER, tokens.honest);
    await accuse(author, "right");
    await tokens.world.leave();
    assert.deepEqual(moves, []);
    await worker(THIRD, tokens.honest, { answersForOthers: 1 });
    await until("it is answered", () => moves.length > 0);
    assert.deepEqual(moves, [`${THIRD} answer`]);
  });

  test("X5: nobody is accused beyond what it may cost, nor of what no registered model says", async () => {
    const poor = await worker(ACCUSER, tokens.honest, { openAccusations: 0 });
    assert.equal((await poor.chain.accuse(tokens.of("wrong").wrong)).type, "unpaid");
    assert.deepEqual(
      poor.faults.map(({ code }) => code),
      ["accusation_unpaid"],
    );
    const { wrong } = tokens.of("wrong");
    const unknown = await worker(THIRD, tokens.honest);
    const outcome = await unknown.chain.accuse({ ...wrong, model: wrong.turn });
    assert.equal(outcome.type, "tolerant");
    const given = { ...wrong, position: 3 };
    const refused = await unknown.chain.accuse(given);
    assert.equal(refused.type, "refused", "what the client gave nobody answers for");
  });
});

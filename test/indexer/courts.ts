import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hex, keccak256, numberToHex, stringToHex, zeroHash } from "viem";
import {
  availabilityCourtAbi,
  cutCourtAbi,
  equivocationCourtAbi,
  foldCourtAbi,
  inferenceCourtAbi,
} from "../../offchain/chain/abi.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { type Act, logOf, play, slash } from "../helpers/indexer/court-script.ts";
import type { IndexerProcess } from "../helpers/indexer/indexer.ts";
import { turnOf } from "../helpers/indexer/scenery.ts";
import type { World } from "./world.ts";

const [CONVICTED, DISMISSED] = [2, 3];
const [ENTRY, TILE] = [0, 7];
const CHAIN = 7;
const nameOf = (name: string): Hex => keccak256(stringToHex(name));
const [one, two, asked, unanswered] = ["one", "two", "asked", "unanswered"].map(nameOf) as [Hex, Hex, Hex, Hex];
const ACCUSER: Hex = `0x${"ac".repeat(20)}`;
const said = (name: string, args: Record<string, unknown>) => logOf(inferenceCourtAbi, name, args);
const of = (id: Hex, more: Record<string, unknown> = {}) => ({ id, place: 0n, deadline: 9n, ...more });

const QUERY = `{
  accusations(orderBy: "status") { items { id turn position token operator accuser bond status writtenNumber } }
  accusationAnswers { items { accusation place answerer stage tensor group } }
  accusationMoves(orderBy: "id") { items { accusation place kind tensor group } }
  voidTurns { items { turn operator position accusation } }
  challenges(orderBy: "status") { items { id number kind path status answerer } }
  condemnations(orderBy: "fault") { items { hash number court fault place challenge } }
  falseAttestations { items { operator court hash } }
  equivocations { items { operator sequence } }
  convictions(orderBy: "position") { items { operator courtName evidence } }
}`;
type Said = Record<string, { items: Record<string, unknown>[] }>;

/** What the indexer says of courts. Nobody is tried here: that courts write this is seen to where they are tested. */
export function testCourts(world: World, running: () => IndexerProcess): void {
  test("courts: who is accused, what was not served, who lost its stake by what, until it is taken back", async () => {
    const { scenery } = world;
    const indexer = running();
    const content = scenery.contents.findLast(({ segments }) => segments.length > 0)!;
    const [segment] = content.segments;
    const [turn, hash, number] = [turnOf(segment), toHex(content.hash), BigInt(content.number)];
    const { operators } = await indexer.graphql<{ operators: { items: { owner: Hex; signer: Hex }[] } }>(
      `{ operators(where: { status: active }, orderBy: "owner") { items { owner signer } } }`,
    );
    const members = operators.items;
    const author = members.find(({ owner }) => owner === toHex(segment.header.operator))!;
    const [liar, silent] = members.filter((member) => member !== author) as [typeof author, typeof author];
    const read = async () => {
      await world.atHead(indexer);
      return indexer.graphql<Said>(QUERY);
    };
    const standing = async () => {
      const query = `{ turns(where: { turn: "${turn}" }) { items { void accusations } } }`;
      const { turns } = await indexer.graphql<{ turns: { items: object[] } }>(query);
      const { body } = await indexer.get(`/proofs/${turn}/3`);
      const { requestId, court } = body as { requestId: string; court: string };
      const byRequest = (await indexer.get(`/answers/${requestId}`)).body as { court: string };
      assert.equal(byRequest.court, court);
      return [...turns.items, court];
    };
    const convict = (who: typeof author, gone: readonly (typeof author)[] = []) =>
      slash(
        scenery,
        who.owner,
        gone.map(({ signer }) => signer),
      );
    const before = await read();
    const goBack = await scenery.mark();

    const accused = {
      ...{ turn, position: 3, token: 4_294_967_295, operator: author.owner, contextRoot: zeroHash, model: zeroHash },
      ...{ constants: 1, tensors: 2, requestId: zeroHash, temperature: 80, gate: 0, memoryId: zeroHash },
      ...{ memoryCheckpoint: 0n, memoryCheckpointHash: zeroHash, opened: number, written: number },
      ...{ accuser: ACCUSER, bond: 5n },
    };
    const accuses = (id: Hex) =>
      said("Accused", { id, operator: author.owner, accuser: ACCUSER, accused, deadline: 7n });
    await play(scenery, "inferenceCourt", [accuses(one), accuses(two)]);
    await play(scenery, "inferenceCourt", [
      said("AnswerGiven", of(one, { traceRoot: zeroHash, answerer: author.owner, tensorRoots: [zeroHash] })),
      said("TensorDemanded", of(one, { tensor: 2 })),
      said("GroupsPosted", of(one, { tensor: 2, groupRoots: [zeroHash] })),
      said("GroupDemanded", of(one, { tensor: 2, group: 1 })),
      said("GroupPosted", of(one, { tensor: 2, group: 1, values: "0x01" })),
    ]);
    const open = await read();
    assert.deepEqual(await standing(), [{ void: false, accusations: 2 }, "accused"]);
    const stated = { turn, position: 3, token: "4294967295", operator: author.owner, accuser: ACCUSER, bond: "5" };
    const [first] = open.accusations.items.filter(({ id }) => id === one);
    assert.deepEqual(first, { id: one, ...stated, status: "open", writtenNumber: content.number });
    const answer = { accusation: one, place: 0, answerer: author.owner, tensor: 2, group: 1 };
    assert.deepEqual(open.accusationAnswers.items, [{ ...answer, stage: "group_posted" }]);

    const element = { head: 0n, position: 0n, part: 0n, column: 0n };
    await play(scenery, "inferenceCourt", [
      said("WrongElement", of(one, { op: 1, element, expected: 1n, stated: 2n })),
      said("AnswerDefeated", of(one, { answerer: author.owner })),
      said("AccusationClosed", { id: one, state: CONVICTED }),
      said("TurnVoided", { turn, operator: author.owner, position: 3 }),
      convict(author),
    ]);
    await play(scenery, "inferenceCourt", [said("AccusationClosed", { id: two, state: DISMISSED })]);
    const ask = (name: string, args: Record<string, unknown>): Act => logOf(availabilityCourtAbi, name, args);
    const challenge = { number, hash, challenger: ACCUSER, bond: 3n, deadline: 8n };
    await play(scenery, "availabilityCourt", [
      ask("Challenged", { ...challenge, id: asked, kind: ENTRY, path: [1n] }),
      ask("Answered", { id: asked, answerer: silent.owner }),
      ask("Released", { id: asked }),
      ask("Challenged", { ...challenge, id: unanswered, kind: TILE, path: [1n, 2n, 3n, 4n] }),
      ask("Unanswered", { id: unanswered, hash, condemned: true }),
      ask("CheckpointCondemned", { number, hash }),
      ask("AttesterConvicted", { operator: silent.owner, hash, signer: silent.signer }),
      convict(silent, [author]),
    ]);
    const equivocated = { incarnation: numberToHex(1n, { size: 16 }), sequence: 6n, hashA: one, hashB: two };
    await play(scenery, "equivocationCourt", [
      logOf(equivocationCourtAbi, "EquivocationProven", { operator: liar.owner, ...equivocated }),
      convict(liar, [author, silent]),
    ]);
    const wrong = { hash, segments: 2n, expected: one, stated: two };
    await play(scenery, "foldCourt", [logOf(foldCourtAbi, "WrongMemory", wrong)]);
    await play(scenery, "cutCourt", [logOf(cutCourtAbi, "CutDisproven", { hash, lie: CHAIN, place: 4n })]);

    const all = await read();
    assert.deepEqual(await standing(), [{ void: true, accusations: 0 }, "void"]);
    assert.deepEqual(
      all.accusations.items.map(({ id, status }) => [id, status]),
      [
        [one, "convicted"],
        [two, "dismissed"],
      ],
    );
    assert.deepEqual(all.accusationAnswers.items, [{ ...answer, stage: "defeated" }]);
    const moves = ["answered", "tensor_demanded", "groups_posted", "group_demanded", "group_posted"];
    assert.deepEqual(
      all.accusationMoves.items.map(({ kind }) => kind),
      [...moves, "wrong_element", "defeated"],
    );
    assert.deepEqual(all.voidTurns.items, [{ turn, operator: author.owner, position: 3, accusation: one }]);
    const served = { number: content.number, kind: "entry", path: ["1"], answerer: silent.owner };
    const path = ["1", "2", "3", "4"];
    assert.deepEqual(all.challenges.items, [
      { id: asked, ...served, status: "answered" },
      { id: unanswered, ...served, kind: "tile", path, answerer: null, status: "condemned" },
    ]);
    const condemned = { hash, number: content.number, challenge: null };
    assert.deepEqual(all.condemnations.items, [
      { ...condemned, court: "cut", fault: "chain", place: "4" },
      { ...condemned, court: "fold", fault: "memory", place: "2" },
      { ...condemned, court: "availability", fault: "unanswered", place: null, challenge: unanswered },
    ]);
    assert.deepEqual(all.falseAttestations.items, [{ operator: silent.owner, court: "availability", hash }]);
    const evidence = all.convictions.items.map(({ evidence: by, ...rest }) => ({ ...rest, isKnown: by !== null }));
    assert.deepEqual(evidence, [
      { operator: author.owner, courtName: "inference", isKnown: true },
      { operator: silent.owner, courtName: "availability", isKnown: true },
      { operator: liar.owner, courtName: "equivocation", isKnown: true },
    ]);
    assert.deepEqual(
      all.convictions.items.slice(0, 2).map((row) => row["evidence"]),
      [one, hash],
    );
    assert.deepEqual(all.equivocations.items, [{ operator: liar.owner, sequence: "6" }]);

    await goBack();
    await scenery.mine(20);
    assert.deepEqual(await read(), before, "nothing of it is left");
    assert.deepEqual(await standing(), [{ void: false, accusations: 0 }, "silent"]);
  });
}

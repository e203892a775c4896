import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Address, Hex } from "viem";
import { toHex } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import { judgeCut } from "../../offchain/core/false-cut.ts";
import { sealSegment } from "../../offchain/core/segment.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../../offchain/core/snapshot.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { begin, GIVEN, HISTORY, later, openings, prompts } from "../helpers/breaches.ts";
import { requestOf, type Sealed, type TrackWriter } from "../helpers/core.ts";
import { extend, type Made } from "../helpers/made.ts";
import { type Court, convict, proofOf } from "./courts/cut-trial.ts";
import { Historian, openCourt, PATIENT } from "./courts/history.ts";
import { accusationOf } from "./courts/statement.ts";
import { type Call, found, openWorld, reverts, type World } from "./fixture.ts";

/** One snapshot of a history, and the context after it where only tokens came before. */
type Shown = { made: Made; at: [number, number]; snapshot: Snapshot };

describe("CutCourt: snapshots that break a rule", () => {
  let world: World;
  let court: Court;
  let historian: Historian;
  let restore: () => Promise<void>;
  let writer: TrackWriter;

  before(async () => {
    world = await openWorld(PATIENT);
    historian = await Historian.of(world, await found(world, 4));
    court = await openCourt(world, "CutCourt");
  });
  beforeEach(async () => {
    restore = await world.remember();
    writer = historian.track(1, "told");
  });
  afterEach(() => restore());
  after(() => world.close());

  async function commit(parent: Made, ...segments: Sealed[]): Promise<Made> {
    const made = historian.make(parent, extend(parent, [segments]));
    await historian.commit(made);
    return made;
  }

  const shownOf = (made: Made): Shown[] =>
    made.places.map(([segment, index]) => ({
      made,
      at: [segment, index],
      snapshot: decodeSnapshot(made.segments[segment]?.snapshots[index]?.body as Uint8Array),
    }));
  const shownAt = ({ made, at }: Shown) => made.snapshotAt(...at);
  /** Peaks of the context after a snapshot of a turn that was opened with history and given tokens. */
  const peaksAfter = ({ snapshot }: Shown, told: readonly Shown[]): Hex[] => {
    const ids: number[] = [];
    for (const { snapshot: s } of told) {
      if (s.type === "open") ids.splice(0, ids.length, ...HISTORY.slice(0, s.start.length));
      if (s.type === "tokens") ids.push(...s.ids);
      if (s === snapshot) break;
    }
    return Context.of(crypto, ids).peaks.map(toHex);
  };

  /** Every accusation that can be made of what a checkpoint says, with what was said before it. */
  function* accusations(accused: Made, told: readonly Shown[]): Generator<Call> {
    const hash = toHex(accused.hash);
    const call = (functionName: string, ...args: unknown[]): Call => ({
      ...court,
      functionName,
      args: [hash, ...args],
    });
    for (const one of told.filter(({ made }) => made === accused)) {
      yield call("proveSnapshot", shownAt(one));
      for (const other of told.filter((shown) => shown !== one)) {
        yield call("proveSuccession", shownAt(one), shownAt(other), []);
        yield call("proveSuccession", shownAt(one), shownAt(other), peaksAfter(other, told));
        yield call("proveRequest", shownAt(one), shownAt(other));
        yield call("proveTwins", shownAt(one), shownAt(other));
      }
    }
  }

  async function proves(call: Call): Promise<boolean> {
    const { chain, accounts } = world;
    return chain.simulateContract({ account: accounts[0] as Address, ...call }).then(
      () => true,
      () => false,
    );
  }

  for (const [index, [message, act]] of [...openings, ...later].entries())
    test(`${message} (${index})`, async () => {
      const story = begin(writer);
      const parent = await commit(historian.genesis, writer.seal());
      act(story);
      await isProven(await commit(parent, writer.seal()));
    });

  for (const [index, [message, act]] of prompts.entries())
    test(`${message} (prompt ${index})`, async () => {
      act(writer.open(requestOf(GIVEN, {}, HISTORY)));
      await isProven(await commit(historian.genesis, writer.seal()));
    });

  async function isProven(accused: Made): Promise<void> {
    await convict(world, court, accused, proofOf(historian, accused, [], "a snapshot"));
  }

  test("a stop sequence that is no text: the court does not judge it, and nothing else is found", async () => {
    writer.open(requestOf([1], { parameters: { temperature: 0, stop: ["?"] } }));
    const good = writer.pending[0] as Snapshot;
    const body = encodeSnapshot(good);
    const at = body.lastIndexOf("?".charCodeAt(0));
    const salted = { salt: new Uint8Array(16), body: body.with(at, 0xff) };
    const place = { sequence: 1, previous: writer.head };
    const sealed = sealSegment(crypto, historian.separator, writer.keys.signer, writer.track, place, [salted]);
    const accused = historian.make(historian.genesis, extend(historian.genesis, [[sealed]]));
    const doubts = [{ type: "unjudged", rule: "a stop sequence is not UTF-8" }];
    assert.deepEqual(judgeCut(crypto, accusationOf(historian, accused)), { doubts });
  });

  test("S9: of turns that keep the rules, nothing proves anything", async () => {
    const { turn } = begin(writer);
    const parent = await commit(historian.genesis, writer.seal());
    turn.tokens("carried", [31]).tokens("written", [32]);
    const first = writer.seal();
    turn.tokens("written", [33]).learn(8, 1);
    const second = writer.seal();
    const other = writer.open(requestOf(GIVEN, {}, HISTORY));
    other.tokens("carried", HISTORY).tokens("given", GIVEN).tokens("written", [5]).close("stop");
    turn.close("stop");
    const accused = await commit(parent, first, second, writer.seal());
    const told = [...shownOf(parent), ...shownOf(accused)];
    const calls = [...accusations(accused, told)];
    assert.ok(calls.length > 300);
    for (const call of calls) assert.equal(await proves(call), false, call.functionName);
    assert.deepEqual(judgeCut(crypto, accusationOf(historian, accused)), { doubts: [] });
    const sound = (functionName: string, ...args: unknown[]) =>
      reverts(world, { ...court, functionName, args: [toHex(accused.hash), ...args] }, "CutCourtSound");
    const [open, , given, carried] = told as [Shown, Shown, Shown, Shown];
    await sound("proveSnapshot", shownAt(carried));
    await sound("proveSuccession", shownAt(carried), shownAt(given), peaksAfter(given, told));
    await sound("proveRequest", shownAt(carried), shownAt(open));
    await sound("proveTwins", shownAt(carried), shownAt(given));
  });
});

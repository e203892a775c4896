import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ENDED_AT, readEntry, writeEntry } from "../../../offchain/core/accused-cut.ts";
import { type CutEntry, encodeEntry } from "../../../offchain/core/cut.ts";
import type { StatedEntry } from "../../../offchain/core/cut-proof.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { judgeCut } from "../../../offchain/core/false-cut.ts";
import { PATIENCE_MS } from "../../../offchain/core/overdue.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { accusationOf } from "../../contracts/courts/statement.ts";
import { type Served, wrongPaths } from "../../helpers/audited.ts";
import { audit, events, genesis, make, members, REGISTRY } from "../../helpers/audited-world.ts";
import { SEPARATOR, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { extend, Made, type Odd } from "../../helpers/made.ts";

const [going, fresh] = [members[1], members[2]].map((keys) => new TrackWriter(keys)) as [TrackWriter, TrackWriter];
const parent = make(genesis, writeSegments(going, 2));
const said = extend(parent, [writeSegments(going, 2, 1), writeSegments(fresh, 2)]);

/** The checkpoint after the parent, with what is changed of its cut. */
const stating = (entries: readonly CutEntry[], odd?: Odd) =>
  new Made(SEPARATOR, parent, { entries, segments: said.segments }, REGISTRY, odd);
const auditOf = (made: Made, served?: Served) => audit(served).read(parent).read(made);

/** Slots that are asked for on the chain, in this order. */
const slotsOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === "challenge" && effect.wanted === "entry" ? [effect.at.index] : []));

describe("a cut that nobody can show as such is asked for as what its leaves are", () => {
  const [known, added] = said.entries.map((entry) => encodeEntry(entry)) as [Uint8Array, Uint8Array];
  const counting = writeEntry({ ...(readEntry(known) as StatedEntry), sequence: 2n ** 60n });
  const lies: [string, Made][] = [
    ["a flag that is neither set nor not", stating(said.entries, { cut: new Map([[1, added.with(ENDED_AT, 2)]]) })],
    ["a counter beyond all that are counted", stating(said.entries, { cut: new Map([[0, counting]]) })],
    ["two slots of one track", stating([...said.entries, { ...said.entries[1]!, first: 4 }])],
  ];
  for (const [what, made] of lies)
    test(`${what} is brought to court, once`, () => {
      const verdict = judgeCut(crypto, accusationOf({ separator: SEPARATOR, events }, made));
      assert.ok("proof" in verdict);
      assert.deepEqual(auditOf(made).condemned, [{ number: 2, proof: verdict.proof }]);
    });

  test("one that is right is believed all the same, and looked at like any other", () => {
    const world = auditOf(stating(said.entries), { silent: ["cut"] });
    assert.deepEqual([world.condemned, world.others], [[], []]);
    assert.equal(world.cutOf(2)?.entries.length, 2);
    const [entry, more] = said.entries as [CutEntry, CutEntry];
    const ended = auditOf(stating([{ ...entry, ended: true }, more]), { silent: ["cut"] });
    assert.equal(ended.condemned.length, 1);
  });

  test("what is not as long as an entry is served by nobody, which is said", () => {
    const world = auditOf(stating(said.entries, { cut: new Map([[1, added.slice(1)]]) }));
    assert.deepEqual(world.condemned, []);
    assert.ok(world.others.some((effect) => effect.type === "unserved" && effect.tree === "entries"));
  });

  test("what nobody serves is asked for on the chain, slot by slot, and judged when all of it was shown", () => {
    for (const [, made] of lies.slice(1)) {
      const verdict = judgeCut(crypto, accusationOf({ separator: SEPARATOR, events }, made));
      assert.ok("proof" in verdict);
      const { condemned, others } = auditOf(made, { lacks: ["entries"], onChain: true });
      assert.deepEqual(condemned, [{ number: 2, proof: verdict.proof }]);
      assert.deepEqual(slotsOf(others), [...made.entries.keys()], "none twice");
    }
    const world = auditOf(stating(said.entries), { silent: ["cut"], lacks: ["entries"], onChain: true });
    assert.equal(world.cutOf(2)?.entries.length, 2);
    assert.deepEqual(world.condemned, []);
  });

  test("S9 nothing is asked for on the chain by who was cut off, before it has had patience with whom it meets", () => {
    const [, made] = lies[1]!;
    const world = audit({ lacks: ["entries"] })
      .read(parent)
      .take(made)
      .pass(8_000);
    const before = world.others.length;
    world
      .meet(false)
      .pass(2 * PATIENCE_MS, 10_000)
      .meet(true)
      .pass(PATIENCE_MS / 2);
    assert.equal(world.others.length, before);
    world.pass(PATIENCE_MS);
    assert.deepEqual([...new Set(slotsOf(world.others))], [0]);
  });

  test("what is no entry nobody can show: it is asked for until that has convicted", () => {
    const made = stating(said.entries, { cut: new Map([[1, added.slice(1)]]) });
    const { condemned, others, soon } = auditOf(made, { onChain: true });
    assert.deepEqual([condemned, soon], [[], []]);
    const [first, ...rest] = slotsOf(others);
    assert.equal(first, 0);
    assert.ok(rest.length > 0 && rest.every((slot) => slot === 1));
  });

  test("what is shown with another path, or none, is passed over", () => {
    const made = stating([...said.entries, { ...said.entries[1]!, first: 4 }]);
    for (const path of wrongPaths) {
      const { others } = auditOf(made, { lacks: ["entries"], onChain: true, path });
      assert.deepEqual([...new Set(slotsOf(others))], [0]);
    }
  });

  test("leaves that are not those of the cut are not believed", () => {
    const world = auditOf(stating(said.entries), { silent: ["cut"], entries: (leaves) => leaves.toReversed() });
    assert.equal(world.cutOf(2), undefined);
    assert.ok(world.others.length > 0);
  });
});

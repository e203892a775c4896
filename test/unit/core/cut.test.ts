import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { type Bytes, compare, equal } from "../../../offchain/core/bytes.ts";
import { checkpointHash, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import {
  type Advance,
  Cut,
  checkpointOf,
  decodeEntries,
  encodeEntries,
  trackName,
} from "../../../offchain/core/cut.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { snapshotTree } from "../../../offchain/core/segment.ts";
import { snapshotLeaf } from "../../../offchain/core/snapshot.ts";
import { leafHash, TREE, verifyProof } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  hashOf,
  incarnationOf,
  operatorAt,
  REGISTRY_GENESIS,
  SEPARATOR,
  TrackWriter,
  untaught,
  writeSegments,
} from "../../helpers/core.ts";

const none = () => false;
const advance = (operator: number, incarnation: number, sequence: number): Advance => ({
  operator: operatorAt(operator).operator,
  incarnation: incarnationOf(String(incarnation)),
  sequence,
  head: hashOf(`${operator}.${incarnation}.${sequence}`),
});

describe("cut", () => {
  test("new tracks take the next slots, ascending by operator and incarnation, in any order of arrival", () => {
    const advances = [advance(0, 1, 3), advance(1, 1, 2), advance(0, 2, 1), advance(2, 1, 5)];
    fc.assert(
      fc.property(fc.shuffledSubarray(advances, { minLength: 4 }), (shuffled) => {
        const cut = Cut.empty(crypto).extend(crypto, shuffled, none);
        const names = cut.entries.map(trackName);
        assert.deepEqual(names, [...names].sort());
        assert.deepEqual(cut.root, Cut.empty(crypto).extend(crypto, advances, none).root);
      }),
      { seed: 1, numRuns: 24 },
    );
    const first = Cut.empty(crypto).extend(crypto, [advance(0, 1, 3), advance(1, 1, 1)], none);
    const next = first.extend(crypto, [advance(2, 1, 1), advance(0, 0, 1)], none);
    assert.deepEqual(next.entries.slice(0, 2).map(trackName), first.entries.map(trackName));
    assert.ok(compare(next.entries[2]!.operator, next.entries[3]!.operator) < 0);
  });

  test("first indices chain: the next entry's is the one before plus what it advanced", () => {
    const lengths = fc.array(fc.nat({ max: 5 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(lengths, lengths, (before, more) => {
        const at = (sums: number[]) => sums.flatMap((n, i) => (n > 0 ? [advance(i, 1, n)] : []));
        const parent = Cut.empty(crypto).extend(crypto, at(before), none);
        const cut = parent.extend(crypto, at(before.map((n, i) => n + more[i]!)), none);
        let first = 0;
        for (const [slot, entry] of cut.entries.entries()) {
          assert.equal(entry.first, first);
          first += entry.sequence - (parent.entries[slot]?.sequence ?? 0);
        }
        const listed = [...cut.segmentsSince(parent)];
        assert.equal(listed.length, first);
        for (const [slot, entry] of cut.entries.entries()) {
          const from = parent.entries[slot]?.sequence ?? 0;
          for (let sequence = from + 1; sequence <= entry.sequence; sequence++) {
            const segment = listed[cut.segmentIndex(parent, entry, sequence)];
            assert.ok(segment && equal(segment.operator, entry.operator) && segment.sequence === sequence);
          }
        }
      }),
      { seed: 2, numRuns: 60 },
    );
  });

  test("ended entries freeze where the parent left them; ended operators get no new slot", () => {
    const parent = Cut.empty(crypto).extend(crypto, [advance(0, 1, 3), advance(1, 1, 2)], none);
    const ended = (operator: Bytes) => equal(operator, operatorAt(0).operator);
    const cut = parent.extend(crypto, [advance(0, 1, 9), advance(0, 2, 1), advance(1, 1, 4)], ended);
    assert.equal(cut.entries.length, 2);
    const of = (operator: number) => cut.entry(advance(operator, 1, 0));
    assert.equal(of(0)?.sequence, 3);
    assert.deepEqual(of(0)?.head, hashOf("0.1.3"));
    assert.ok(of(0)?.ended);
    assert.equal(of(1)?.sequence, 4);
    assert.ok(!of(1)?.ended);
    const after = cut.extend(crypto, [advance(0, 1, 9)], none);
    assert.equal(after.entry(advance(0, 1, 0))?.sequence, 3, "ended stays ended");
  });

  test("a track never goes back, and has one entry", () => {
    const cut = Cut.empty(crypto).extend(crypto, [advance(0, 1, 3)], none);
    assert.throws(() => cut.extend(crypto, [advance(0, 1, 2)], none), { code: "cut_goes_back" });
    assert.throws(() => Cut.of(crypto, [...cut.entries, ...cut.entries]), { code: "malformed" });
  });

  test("a cut is its entries: the parent is untouched, and each entry proves at its slot", () => {
    const parent = Cut.empty(crypto).extend(crypto, [advance(0, 1, 3)], none);
    const { root } = parent;
    const cut = parent.extend(crypto, [advance(0, 1, 4), advance(1, 1, 1)], none);
    assert.deepEqual(parent.root, root);
    assert.notDeepEqual(cut.root, root);
    const shown = Cut.of(crypto, decodeEntries(encodeEntries(cut.entries), 2));
    assert.deepEqual(shown.root, cut.root);
    for (const [slot, entry] of cut.entries.entries()) {
      const leaf = leafHash(crypto, TREE.cut, encodeEntries([entry]).slice(4));
      assert.equal(cut.slot(entry), slot);
      assert.ok(verifyProof(crypto, TREE.cut, cut.root, leaf, slot, cut.proof(slot)));
      assert.ok(!verifyProof(crypto, TREE.cut, cut.root, leaf, slot + 1, cut.proof(slot)));
      const altered = { ...entry, sequence: entry.sequence + 1 };
      assert.notDeepEqual(Cut.of(crypto, cut.entries.with(slot, altered)).root, cut.root);
    }
  });

  test("a cut is the same whichever other it is told like, and keeps what both have only once", () => {
    const tracks = fc.uniqueArray(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 }), fc.integer({ min: 1, max: 4 })), {
      selector: ([operator, incarnation]) => `${operator}.${incarnation}`,
    });
    fc.assert(
      fc.property(fc.array(tracks, { minLength: 2, maxLength: 4 }), (rounds) => {
        // Each goes on from one of those before: forks, and later ones told before earlier ones.
        const cuts = [Cut.empty(crypto)];
        for (const [i, round] of rounds.entries()) {
          const parent = cuts[Math.floor((i + 1) / 2)] as Cut;
          const ours = (one: Advance) => parent.entry(one)?.sequence ?? 0;
          const moves = round.map(([operator, incarnation, by]) => {
            const from = ours(advance(operator, incarnation, 0));
            return advance(operator, incarnation, from + by);
          });
          cuts.push(parent.extend(crypto, moves, none));
        }
        for (const cut of cuts)
          for (const like of cuts) {
            const told = Cut.of(crypto, decodeEntries(encodeEntries(cut.entries), 100), like);
            assert.deepEqual(told.entries, cut.entries);
            assert.deepEqual(told.root, cut.root);
            for (const [slot, entry] of cut.entries.entries()) {
              assert.equal(told.slot(entry), slot);
              assert.deepEqual(told.proof(slot), cut.proof(slot));
              const other = like.entries[slot];
              if (other && isDeepStrictEqual(other, entry)) assert.equal(told.entries[slot], other);
            }
            assert.deepEqual([...told.byName()], [...cut.byName()]);
          }
      }),
      { seed: 1, numRuns: 24 },
    );
  });

  test("a snapshot proves into a checkpoint in two steps, in every checkpoint of a chain", () => {
    const writers = [0, 1].map((i) => new TrackWriter(operatorAt(i)));
    const segments = writers.flatMap((writer, i) => writeSegments(writer, 5, i));
    const find = (track: { operator: Bytes }, sequence: number) =>
      segments.find((s) => equal(s.header.operator, track.operator) && s.header.sequence === sequence)!;
    const checkpoint = genesisCheckpoint(crypto, REGISTRY_GENESIS);
    const memories = Memories.empty(crypto);
    let parent = { checkpoint, hash: checkpointHash(crypto, SEPARATOR, checkpoint), cut: Cut.empty(crypto), memories };
    for (const upTo of [
      [2, 0],
      [3, 4],
      [5, 5],
    ] as const) {
      const advances = writers.flatMap(({ track }, i) =>
        upTo[i] === 0 ? [] : [{ ...track, sequence: upTo[i]!, head: find(track, upTo[i]!).hash }],
      );
      const cut = parent.cut.extend(crypto, advances, none);
      const registry = { position: 0, hash: REGISTRY_GENESIS };
      const made = checkpointOf(
        crypto,
        parent,
        cut,
        registry,
        untaught((track, sequence) => find(track, sequence).hash),
      );
      const listed = [...cut.segmentsSince(parent.cut)];
      assert.equal(made.checkpoint.segmentCount, listed.length);
      assert.equal(made.checkpoint.number, parent.checkpoint.number + 1);
      assert.deepEqual(made.checkpoint.parent, parent.hash);
      for (const [index, at] of listed.entries()) {
        const { header, snapshots, hash } = find(at, at.sequence);
        const leaf = leafHash(crypto, TREE.segments, hash);
        const { segmentsRoot } = made.checkpoint;
        assert.ok(verifyProof(crypto, TREE.segments, segmentsRoot, leaf, index, made.segments.proof(index)));
        for (const [i, snapshot] of snapshots.entries()) {
          const proof = snapshotTree(crypto, snapshots).proof(i);
          const salted = snapshotLeaf(crypto, snapshot);
          assert.ok(verifyProof(crypto, TREE.snapshots, header.snapshotsRoot, salted, i, proof));
        }
      }
      const unchanged = leafHash(crypto, TREE.memoryTrace, parent.checkpoint.memoryRoot);
      const trace = new ListTree(
        crypto,
        TREE.memoryTrace,
        listed.map(() => unchanged),
      );
      assert.deepEqual(made.checkpoint.memoryTraceRoot, trace.root);
      parent = { checkpoint: made.checkpoint, hash: checkpointHash(crypto, SEPARATOR, made.checkpoint), cut, memories };
    }
  });
});

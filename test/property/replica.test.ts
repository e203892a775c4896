import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { equal } from "../../offchain/core/bytes.ts";
import { decodeSegment, encodeSegment, headerHash } from "../../offchain/core/segment.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { beatOf, feed, hashOf, operatorAt, replicaOf, SEPARATOR } from "../helpers/core.ts";
import { deliver, EVENTS, honestHeads, isOf, LIAR, MEMBERS, runs, SEED, type World, world } from "./world.ts";

const fresh = (self = 0) => replicaOf(MEMBERS[self]!, EVENTS);

/** An order of a world's segments with repetitions, by random keys. */
const orderOf = ({ segments }: World, keys: readonly number[]) => {
  const repeated = [...segments, ...segments.filter((_, i) => (keys[i % keys.length] as number) % 3 === 0)];
  const key = (i: number) => hashOf(`${keys[i % keys.length]} ${i}`).join();
  return repeated
    .map((segment, i) => ({ segment, key: key(i) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ segment }) => segment);
};
const keys = fc.array(fc.nat(), { minLength: 3, maxLength: 8 });

describe(`replica, seed ${SEED}`, () => {
  test("S1 same segments, evidence and chain: same state, whatever the order, duplication or batching", () => {
    fc.assert(
      fc.property(world, keys, keys, fc.integer({ min: 1, max: 5 }), (w, one, two, batch) => {
        const [a, b] = [fresh(0), fresh(1)];
        deliver(a, orderOf(w, one));
        deliver(b, orderOf(w, two), batch);
        assert.deepEqual(a.evidence.size, w.evidence ? 1 : 0);
        assert.deepEqual(honestHeads(a), honestHeads(b));
        assert.deepEqual(a.digest(), b.digest());
        const c = fresh(2);
        if (w.evidence) c.step({ type: "evidence", evidence: w.evidence });
        deliver(c, w.segments.toReversed());
        assert.deepEqual(c.digest(), a.digest());
      }),
      runs(30),
    );
  });

  test("S2 every segment contributes exactly once", () => {
    fc.assert(
      fc.property(world, keys, (w, order) => {
        const replica = fresh();
        deliver(replica, orderOf(w, order));
        const digest = replica.digest();
        const persisted = fresh();
        const effects = feed(persisted, [...w.tracks.flat(), ...w.tracks.flat()]);
        assert.equal(effects.filter(({ type }) => type === "persist").length, w.tracks.flat().length);
        for (const segment of orderOf(w, order))
          for (const effect of replica.step({ type: "segment", segment })) assert.notEqual(effect.type, "persist");
        assert.deepEqual(replica.digest(), digest);
        const tokens = (held: typeof replica) =>
          [...held.tracks.values()]
            .filter(({ key }) => !isOf(LIAR, key.operator))
            .flatMap((track) => [...track.turns.values()])
            .reduce((sum, turn) => sum + turn.runs.reduce((more, run) => more + run.ids.length, 0), 0);
        assert.equal(tokens(replica), tokens(persisted));
      }),
      runs(25),
    );
  });

  test("S3 what was not signed by its writer, or does not chain, is refused with a fault and changes nothing", () => {
    const stranger = operatorAt(7);
    const forgery = fc.record({ at: fc.nat(), kind: fc.nat({ max: 5 }), byte: fc.nat(), bit: fc.nat({ max: 7 }) });
    fc.assert(
      fc.property(world, fc.array(forgery, { minLength: 5, maxLength: 10 }), (w, forgeries) => {
        const [victim, half] = [fresh(), fresh()];
        const honest = w.tracks.flat();
        feed(victim, honest);
        const some = w.tracks.flatMap((track) => track.slice(0, Math.floor(track.length / 2)));
        feed(half, some);
        for (const replica of [victim, half])
          for (const { at, kind, byte, bit } of forgeries) {
            const segment = honest[at % honest.length]!;
            const flipped = new Uint8Array(segment.header.snapshotsRoot);
            flipped[byte % 32] = flipped[byte % 32]! ^ (1 << bit);
            const header = { ...segment.header, snapshotsRoot: flipped };
            const hash = headerHash(crypto, SEPARATOR, header);
            const elsewhere = { ...segment.header, operator: stranger.operator };
            const forged = [
              { ...segment, header },
              { ...segment, header, signature: stranger.signer.sign(hash) },
              { ...segment, header, signature: MEMBERS.find((m) => !isOf(m, header.operator))!.signer.sign(hash) },
              {
                ...segment,
                header: elsewhere,
                signature: stranger.signer.sign(headerHash(crypto, SEPARATOR, elsewhere)),
              },
              { ...segment, header: { ...segment.header, sequence: segment.header.sequence + 1 } },
              { ...segment, header: { ...segment.header, previous: hashOf("elsewhere") } },
            ][kind]!;
            const before = replica.digest();
            const [effect, ...rest] = replica.step({ type: "segment", segment: forged });
            assert.ok(effect?.type === "fault" && rest.length === 0);
            assert.equal(effect.kind, "unentitled");
            assert.deepEqual(replica.digest(), before);
            assert.equal(replica.evidence.size, 0);
          }
        for (const track of victim.tracks.values())
          for (let sequence = 1; sequence <= track.sequence; sequence++) {
            const { header, signature } = track.signedAt(sequence)!;
            const signer = crypto.recover(track.hashAt(sequence)!, signature);
            assert.ok(signer && victim.registry.entitles(header.operator, signer));
            assert.ok(equal(header.previous, track.hashAt(sequence - 1)!));
          }
      }),
      runs(15),
    );
  });

  test("S4 two views of an honest track are prefixes of one another", () => {
    fc.assert(
      fc.property(world, keys, fc.nat(), fc.nat(), (w, order, one, two) => {
        const [a, b] = [fresh(0), fresh(1)];
        const delivered = orderOf(w, order);
        feed(a, delivered.slice(0, one % (delivered.length + 1)));
        feed(b, delivered.slice(two % (delivered.length + 1)));
        for (const [name, track] of a.tracks) {
          const other = b.tracks.get(name);
          if (!other || isOf(LIAR, track.key.operator)) continue;
          const shared = Math.min(track.sequence, other.sequence);
          for (let sequence = 0; sequence <= shared; sequence++)
            assert.deepEqual(track.hashAt(sequence), other.hashAt(sequence));
        }
      }),
      runs(30),
    );
  });

  test("S8 a replica restored from what was stored equals the live one, and goes on like it", () => {
    fc.assert(
      fc.property(world, keys, fc.nat(), (w, order, cut) => {
        const live = fresh();
        const stored = feed(live, orderOf(w, order)).flatMap((effect) =>
          effect.type === "persist" ? [{ bytes: encodeSegment(effect.segment), hash: effect.hash }] : [],
        );
        const restored = fresh();
        for (const { bytes, hash } of stored) restored.step({ type: "restore", segment: decodeSegment(bytes), hash });
        for (const evidence of live.evidence.values()) restored.step({ type: "evidence", evidence });
        assert.deepEqual(restored.heads.all(), live.heads.all());
        assert.deepEqual(restored.digest(), live.digest());
        const rest = orderOf(w, [cut]);
        deliver(live, rest);
        deliver(restored, rest);
        assert.deepEqual(restored.digest(), live.digest());
      }),
      runs(25),
    );
  });

  test("S10 equal heads, evidence and registry position with another digest are always reported, and nothing else is", () => {
    fc.assert(
      fc.property(world, keys, keys, fc.nat({ max: 3 }), (w, one, two, byte) => {
        const [a, b] = [fresh(0), fresh(1)];
        deliver(a, orderOf(w, one));
        deliver(b, orderOf(w, two));
        const faults = (beat: ReturnType<typeof beatOf>) => {
          const effects = a.step({ type: "beat", from: MEMBERS[1].operator, beat, now: 1 });
          return effects.filter((effect) => effect.type === "fault").map(({ kind }) => kind);
        };
        assert.deepEqual(faults(beatOf(b)), []);
        const digest = new Uint8Array(b.digest());
        digest[byte] = digest[byte]! ^ 1;
        assert.deepEqual(faults(beatOf(b, { digest })), ["drift"]);
        // Who knows something else may well derive something else.
        const known = hashOf("something else").slice(0, 8);
        assert.deepEqual(faults(beatOf(b, { digest, known })), []);
        assert.deepEqual(b.drift.say().known, a.drift.say().known);
        const [c, d] = [fresh(0), fresh(0)];
        for (const segment of orderOf(w, one)) {
          const before = c.drift.say().known;
          const persisted = c.step({ type: "segment", segment }).some(({ type }) => type === "persist");
          if (persisted && !isOf(LIAR, segment.header.operator)) assert.notDeepEqual(c.drift.say().known, before);
        }
        if (w.evidence) {
          d.step({ type: "evidence", evidence: w.evidence });
          assert.notDeepEqual(d.drift.say().known, fresh(0).drift.say().known);
        }
      }),
      runs(20),
    );
  });

  test("L6 after evidence nothing more of the equivocator is applied, in this track or another", () => {
    fc.assert(
      fc.property(
        world.filter(({ evidence }) => evidence !== undefined),
        keys,
        (w, order) => {
          const replica = fresh();
          replica.step({ type: "evidence", evidence: w.evidence! });
          deliver(replica, orderOf(w, order));
          assert.ok(replica.heads.all().every(({ operator }) => !isOf(LIAR, operator)));
          const without = fresh();
          without.step({ type: "evidence", evidence: w.evidence! });
          deliver(without, w.tracks.flat());
          assert.deepEqual(replica.digest(), without.digest());
        },
      ),
      runs(15),
    );
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Beat, decodeBeat, encodeBeat } from "../../offchain/core/beat.ts";
import { type Bytes, concat } from "../../offchain/core/bytes.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import { decodeEvidence, type Evidence, encodeEvidence } from "../../offchain/core/evidence.ts";
import type { ReplicaEvent } from "../../offchain/core/replica.ts";
import {
  decodeSegment,
  encodeSegment,
  headerHash,
  LIMIT_SEGMENT_BYTES,
  snapshotTree,
} from "../../offchain/core/segment.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import {
  beatOf,
  feed,
  hashOf,
  operatorAt,
  replicaOf,
  SEPARATOR,
  type Sealed,
  TrackWriter,
  writeSegments,
} from "../helpers/core.ts";
import { EVENTS, MEMBERS, SEED, writeTrack } from "./world.ts";

const replica = replicaOf(MEMBERS[0], EVENTS);
const stranger = operatorAt(8);
const writer = new TrackWriter(MEMBERS[1]);
const held = writeSegments(writer, 12);
const beyond = writeSegments(writer, 6, 50);
const foreign = writeSegments(new TrackWriter(stranger), 4);
const other = writeTrack(MEMBERS[2], "other", [
  [{ kind: "open", pick: 0, count: 1 }],
  [{ kind: "write", pick: 0, count: 3 }],
]);
feed(replica, held);
feed(replica, other);

const from = MEMBERS[2].operator;
const at = fc.nat();
const any = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

function flip(bytes: Bytes, place: number, bit: number): Bytes {
  const out = new Uint8Array(bytes);
  out[place % out.length] = out[place % out.length]! ^ (1 << (bit % 8));
  return out;
}

/** Signed by a member, but of a body that no rule admits: it must stop a track of its own, and no other. */
/** Each in a track of its own: two for one place would be a contradiction, and rightly kept. */
let nonsense = 0;
function signedNonsense(body: Bytes): Sealed {
  const snapshots = [{ salt: new Uint8Array(16), body }];
  const track = new TrackWriter(MEMBERS[2], `nonsense ${nonsense++}`);
  const header = {
    ...track.track,
    sequence: 1,
    previous: track.id,
    snapshotsRoot: snapshotTree(crypto, snapshots).root,
    snapshotCount: 1,
  };
  const hash = headerHash(crypto, SEPARATOR, header);
  return { header, signature: MEMBERS[2].signer.sign(hash), snapshots, hash };
}

type Garbage = { what: string; make(): ReplicaEvent };
const segment = (what: string, make: () => Bytes): Garbage => ({
  what,
  make: () => ({ type: "segment", segment: decodeSegment(make()), from }),
});
const evidence = (what: string, make: () => Bytes): Garbage => ({
  what,
  make: () => ({ type: "evidence", evidence: decodeEvidence(make()) }),
});
const beat = (what: string, make: () => Bytes): Garbage => ({
  what,
  make: () => ({ type: "beat", from, beat: decodeBeat(make()), now: 1 }),
});

const proof = (): Evidence => ({ a: held[0]!, b: held[0]! });
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => new Uint8Array(array));

const garbage: fc.Arbitrary<Garbage> = fc.oneof(
  fc.tuple(at, at, at).map(([i, p, b]) => segment("bit flip, held", () => flip(encodeSegment(any(held, i)), p, b))),
  fc.tuple(at, at, at).map(([i, p, b]) => segment("bit flip, next", () => flip(encodeSegment(any(beyond, i)), p, b))),
  fc.tuple(at, at).map(([i, p]) => segment("cut", () => encodeSegment(any(held, i)).slice(0, p % 300))),
  fc
    .tuple(at)
    .map(([i]) =>
      segment("wrong signer", () =>
        encodeSegment({ ...any(beyond, i), signature: stranger.signer.sign(any(beyond, i).hash) }),
      ),
    ),
  fc
    .tuple(at)
    .map(([i]) =>
      segment("another member's signature", () =>
        encodeSegment({ ...any(beyond, i), signature: MEMBERS[0].signer.sign(any(beyond, i).hash) }),
      ),
    ),
  fc.tuple(at).map(([i]) => segment("wrong order", () => encodeSegment(any(beyond.slice(1), i)))),
  fc.tuple(at).map(([i]) => segment("replay", () => encodeSegment(any(held, i)))),
  fc.tuple(at).map(([i]) => segment("unknown operator", () => encodeSegment(any(foreign, i)))),
  fc.tuple(bytes).map(([body]) => segment("signed nonsense", () => encodeSegment(signedNonsense(body)))),
  fc.tuple(bytes).map(([raw]) => segment("noise", () => raw)),
  fc.constant(segment("oversize", () => concat(encodeSegment(held[0]!), new Uint8Array(LIMIT_SEGMENT_BYTES)))),
  fc
    .tuple(at, at)
    .map(([i, j]) =>
      evidence("honest headers", () => encodeEvidence({ a: any(held, i), b: any([...held, ...other, ...foreign], j) })),
    ),
  fc.tuple(at, at).map(([p, b]) => evidence("bit flip", () => flip(encodeEvidence(proof()), p, b))),
  fc.tuple(bytes).map(([raw]) => evidence("noise", () => raw)),
  fc.tuple(at, at).map(([p, b]) => beat("bit flip", () => flip(encodeBeat(beatOf(replica)), p, b))),
  fc
    .tuple(at)
    .map(([i]) =>
      beat("unknown tracks", () =>
        encodeBeat(beatOf(replica, { heads: [{ ...any(foreign, i).header, head: hashOf("x") }] })),
      ),
    ),
  fc.tuple(at).map(([i]) =>
    beat("far ahead", () =>
      encodeBeat(
        beatOf(replica, {
          heads: [{ ...writer.track, sequence: 2 ** 50 + (i % 9), head: hashOf("x") }],
        } as Partial<Beat>),
      ),
    ),
  ),
  fc.tuple(bytes).map(([raw]) => beat("noise", () => raw)),
);

describe(`garbage, seed ${SEED}`, () => {
  test("3,000 pieces: no exception but a typed one of the codec, and no change of state", () => {
    const digest = replica.digest();
    const [tracks, heads] = [replica.tracks.size, replica.heads.all()];
    const kinds = new Map<string, number>();
    const started = performance.now();
    for (const { what, make } of fc.sample(garbage, { seed: SEED, numRuns: 3000 })) {
      let event: ReplicaEvent;
      try {
        event = make();
      } catch (error) {
        assert.ok(error instanceof WeftError && error.code === "malformed", `${what}: ${error}`);
        kinds.set(`${what}: malformed`, (kinds.get(`${what}: malformed`) ?? 0) + 1);
        continue;
      }
      const effects = replica.step(event);
      for (const effect of effects) {
        assert.ok(effect.type === "fault" || effect.type === "fetch", `${what}: ${effect.type}`);
        const name = `${what}: ${effect.type === "fault" ? effect.kind : "fetch"}`;
        kinds.set(name, (kinds.get(name) ?? 0) + 1);
      }
    }
    assert.deepEqual(replica.digest(), digest);
    assert.deepEqual(replica.heads.all(), heads);
    assert.equal([...replica.tracks.values()].filter(({ sequence }) => sequence > 0).length, tracks);
    assert.equal(replica.evidence.size, 0);
    assert.ok(performance.now() - started < 60_000);
    for (const expected of [
      "wrong signer: unentitled",
      "another member's signature: unentitled",
      "unknown operator: unentitled",
      "wrong order: fetch",
      "signed nonsense: invalid_segment",
      "oversize: malformed",
      "noise: malformed",
      "honest headers: bad_evidence",
    ])
      assert.ok((kinds.get(expected) ?? 0) > 10, `${expected}: ${kinds.get(expected)}`);
    feed(replica, beyond);
    assert.equal(replica.track(writer.track)?.sequence, 18, "honest tracks go on");
  });
});

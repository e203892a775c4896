import { Pen } from "../../../offchain/core/pen.ts";
import { type Segment, snapshotTree } from "../../../offchain/core/segment.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "../../../offchain/core/snapshot.ts";
import { Track } from "../../../offchain/core/track.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { startSaboteur } from "./start.ts";

// A worker that closes turns for another request than theirs. Whoever else does so takes such segments for valid.

/** Done twice it is undone. */
const other = (snapshot: Snapshot): Snapshot =>
  snapshot.type === "close" ? { ...snapshot, requestId: snapshot.requestId.map((byte) => 255 - byte) } : snapshot;

const { add } = Pen.prototype;
Pen.prototype.add = function (source, opened) {
  const take = source.take.bind(source);
  source.take = () =>
    take().map((draft) => ({ ...draft, of: (turn, at) => other(draft.of(turn, at)) as ReturnType<typeof draft.of> }));
  add.call(this, source, opened);
};

/** What an honest author would have said. */
function honest({ header, signature, snapshots }: Segment): Segment {
  const said = snapshots.map(({ salt, body }) => ({ salt, body: encodeSnapshot(other(decodeSnapshot(body))) }));
  return { header: { ...header, snapshotsRoot: snapshotTree(crypto, said).root }, signature, snapshots: said };
}

const { examine } = Track.prototype;
Track.prototype.examine = function (segment, hash) {
  try {
    return examine.call(this, segment, hash);
  } catch {
    const { header, signature } = segment;
    return { ...examine.call(this, honest(segment), hash), signed: { header, signature } };
  }
};

await startSaboteur();

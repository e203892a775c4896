import { type Accusation, stated } from "../../../offchain/core/accused-cut.ts";
import { equal, toHex } from "../../../offchain/core/bytes.ts";
import { Cut, trackName } from "../../../offchain/core/cut.ts";
import { headerHash } from "../../../offchain/core/header.ts";
import { ToldTree } from "../../../offchain/core/told-tree.ts";
import { TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Sealed } from "../../helpers/core.ts";
import type { Made } from "../../helpers/made.ts";
import type { Historian } from "./history.ts";

/** A checkpoint as whoever attested to it serves it, to somebody who holds these segments and all that came before it. */
export function accusationOf(
  h: Pick<Historian, "separator" | "events">,
  made: Made,
  held: readonly Sealed[] = [],
): Accusation {
  const { checkpoint, hash, odd } = made;
  const parent = made.parent as Made;
  const holdings = new Map(held.map(({ header, hash }) => [`${trackName(header)} ${header.sequence}`, hash]));
  const segments = new Map(ancestry(made).flatMap((one) => one.segments.map((sealed) => [toHex(sealed.hash), sealed])));
  const served = new Map(odd.served?.map((one) => [toHex(headerHash(crypto, h.separator, one.header)), one]));
  return {
    checkpoint,
    hash,
    separator: h.separator,
    parent: { checkpoint: parent.checkpoint, cut: Cut.of(crypto, parent.entries) },
    registry: h.events,
    cut: new ToldTree(crypto, TREE.cut, checkpoint.cutRoot, made.slots),
    segments: new ToldTree(crypto, TREE.segments, checkpoint.segmentsRoot, made.indices),
    segmentOf(hash) {
      const sealed = segments.get(toHex(hash));
      return sealed ? { header: stated(sealed.header), snapshots: sealed.snapshots } : served.get(toHex(hash));
    },
    heldAt: (track, sequence) => holdings.get(`${trackName(track)} ${sequence}`),
    earlier(track, sequence) {
      for (const one of ancestry(parent)) {
        const index = one.segments.findIndex(
          ({ header }) =>
            header.sequence === sequence &&
            equal(header.operator, track.operator) &&
            equal(header.incarnation, track.incarnation),
        );
        if (index < 0) continue;
        const { header, snapshots } = one.segments[index] as Sealed;
        const proof = () => one.segmentProof(index);
        return { number: one.checkpoint.number, index, segment: { header: stated(header), snapshots }, proof };
      }
      return undefined;
    },
    snapshotsAt: () => undefined,
  };
}

/** A checkpoint and those before it. */
function ancestry(made: Made): Made[] {
  const all: Made[] = [];
  for (let one: Made | undefined = made; one; one = one.parent) all.push(one);
  return all;
}

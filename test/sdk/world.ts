import { type Bytes, equal, fromHex, toHex } from "../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import { Cut, checkpointOf } from "../../offchain/core/cut.ts";
import { domainSeparator } from "../../offchain/core/hash.ts";
import type { ListTree } from "../../offchain/core/list-tree.ts";
import { Memories } from "../../offchain/core/memories.ts";
import { requestId } from "../../offchain/core/request.ts";
import { decodeSnapshot, type TokenKind } from "../../offchain/core/snapshot.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import type { Domain, Facts } from "../../offchain/sdk/proof.ts";
import {
  type Hex,
  proofJson,
  type Receipt,
  type ReceiptSnapshot,
  type SnapshotProof,
} from "../../offchain/sdk/receipt.ts";
import { hashOf, type Keys, requestOf, type Sealed, TrackWriter, untaught, writeSegments } from "../helpers/core.ts";

export const DOMAIN: Domain = {
  name: "Weft",
  version: "1",
  chainId: 31337,
  verifyingContract: `0x${"22".repeat(20)}`,
};

export type Shape = {
  given: number[];
  /** Runs of written tokens, one snapshot each; `true` seals the segment after it. */
  written: { ids: number[]; seal: boolean }[];
  /** Whether each sealed segment but the last goes into a checkpoint of its own. */
  apart: boolean;
};

export const SHAPE: Shape = {
  given: [5, 6, 7],
  written: [
    { ids: [11, 12], seal: true },
    { ids: [13], seal: false },
    { ids: [14, 15, 16], seal: true },
    { ids: [17], seal: false },
  ],
  apart: true,
};

type Made = { checkpoint: Checkpoint; hash: Bytes; cut: Cut; segments?: ListTree };

/** An answer as an honest author writes it beside another's turns, in the checkpoints that follow. */
export class World {
  readonly domain: Domain;
  readonly author: Keys;
  readonly requestId: Hex;
  readonly turn: Hex;
  readonly shape: Shape;
  readonly made: Made[] = [];
  readonly #segments = new Map<string, Sealed>();
  readonly #own: Sealed[] = [];

  /** `registry` is what the genesis of the ledger names; positions and hashes of checkpoints stay there. */
  constructor(keys: readonly Keys[], shape: Shape = SHAPE, domain = DOMAIN, registry = genesisRegistry) {
    this.domain = domain;
    this.shape = shape;
    [this.author] = keys;
    const separator = domainSeparator(crypto, { ...domain, verifyingContract: fromHex(domain.verifyingContract, 20) });
    const writers = keys.map((one, i) => new TrackWriter(one, `sdk ${i}`, separator));
    const [own, ...others] = writers;
    const most = shape.written.reduce((sum, { ids }) => sum + ids.length, 0);
    const request = requestOf(shape.given, { maxLength: most });
    this.requestId = toHex(requestId(crypto, request));
    const turn = own.open(request);
    this.turn = toHex(turn.id);
    turn.tokens("given", shape.given);

    const memories = Memories.empty(crypto);
    const genesis = genesisCheckpoint(crypto, registry.genesisHash);
    this.made.push({ checkpoint: genesis, hash: checkpointHash(crypto, separator, genesis), cut: Cut.empty(crypto) });
    const keep = (sealed: Sealed[]) => {
      for (const one of sealed) this.#segments.set(nameOf(one.header.operator, one.header.sequence), one);
    };
    const commit = () => {
      for (const [i, other] of others.entries())
        keep(other.sequence === 0 ? writeSegments(other, 2, i) : [more(other, i)]);
      const parent = this.made.at(-1) as Made;
      const advances = writers.map((w) => ({ ...w.track, sequence: w.sequence, head: w.head }));
      const cut = parent.cut.extend(crypto, advances, () => false);
      const hashAt = (track: { operator: Bytes }, sequence: number) =>
        (this.#segments.get(nameOf(track.operator, sequence)) as Sealed).hash;
      const next = checkpointOf(crypto, { ...parent, memories }, cut, registry, untaught(hashAt));
      this.made.push({ ...next, hash: checkpointHash(crypto, separator, next.checkpoint), cut });
    };
    const seal = () => {
      const sealed = own.seal();
      keep([sealed]);
      this.#own.push(sealed);
    };
    for (const [i, run] of shape.written.entries()) {
      turn.tokens("written", run.ids);
      if (i === shape.written.length - 1) turn.close("length");
      if (!run.seal && i < shape.written.length - 1) continue;
      seal();
      if (shape.apart || i === shape.written.length - 1) commit();
    }
  }

  /** The proof of a snapshot of the author's track. */
  proof(sequence: number, index: number): SnapshotProof {
    const sealed = this.#own[sequence - 1];
    const number = this.made.findIndex(({ cut }) => (cut.entry(sealed.header)?.sequence ?? 0) >= sequence);
    const [before, { cut, segments }] = [this.made[number - 1], this.made[number]];
    const order = [...cut.segmentsSince(before.cut)];
    const segmentIndex = order.findIndex(
      (one) => equal(one.operator, this.author.operator) && one.sequence === sequence,
    );
    return proofJson(crypto, { number, segments: segments as ListTree, segmentIndex }, sealed, index);
  }

  /** The receipt of `count` tokens; of all that were written by default, and then with its closing. */
  receipt(position = this.shape.given.length, count?: number): Receipt {
    const all = [...this.shape.given, ...this.shape.written.flatMap(({ ids }) => ids)];
    const tokens = all.slice(position, count === undefined ? undefined : position + count);
    const snapshots: ReceiptSnapshot[] = [];
    for (const { header, snapshots: salted } of this.#own)
      for (const [index, { body }] of salted.entries()) {
        const snapshot = decodeSnapshot(body);
        const place = { sequence: header.sequence, index, proof: this.proof(header.sequence, index) };
        if (snapshot.type === "open" || (snapshot.type === "close" && count === undefined))
          snapshots.push({ type: snapshot.type, ...place });
        if (snapshot.type !== "tokens") continue;
        const { first, ids } = snapshot;
        if (first >= position + tokens.length || first + ids.length <= position) continue;
        snapshots.push({ type: "tokens", ...place, first, kind: snapshot.kind as TokenKind, tokens: [...ids] });
      }
    const closing = this.#own.length;
    const close = this.proof(closing, this.#own[closing - 1].snapshots.length - 1);
    const { number, segmentIndex, snapshotIndex } = close;
    const canonical: Receipt["canonical"] = { type: "answer", turn: this.turn, number, segmentIndex, snapshotIndex };
    const words = { status: "final", court: "silent", canonical } as const;
    return { requestId: this.requestId, turn: this.turn, ...words, position, tokens, snapshots };
  }

  /** What a chain with these checkpoints, all final, and these keys would say. */
  facts(keys: readonly Keys[]): Facts {
    return {
      checkpoint: (number) => {
        const found = this.made[number];
        return { segmentsRoot: found && toHex(found.checkpoint.segmentsRoot), final: true, fallen: false };
      },
      operatorOf(signer) {
        const found = keys.find((one) => toHex(one.signer.address) === signer);
        return found ? toHex(found.operator) : `0x${"0".repeat(40)}`;
      },
    };
  }
}

const genesisRegistry = { genesisHash: hashOf("registry genesis"), position: 5, hash: hashOf("registry") };

function nameOf(operator: Bytes, sequence: number): string {
  return `${toHex(operator)} ${sequence}`;
}

/** One more segment of somebody whose turns are of no interest. */
function more(writer: TrackWriter, seed: number): Sealed {
  writer.open(requestOf([seed], { nonce: hashOf(`more ${seed} ${writer.sequence}`) })).tokens("given", [seed]);
  return writer.seal();
}

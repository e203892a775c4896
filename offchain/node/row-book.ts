import { type Bytes, equal, toHex } from "../core/bytes.ts";
import type { Hashing } from "../core/ports.ts";
import type { Replica } from "../core/replica.ts";
import type { RowsShipment } from "../core/rows.ts";
import type { TrackKey } from "../core/segment.ts";
import type { Place } from "../core/snapshot.ts";
import type { Run, Turn } from "../core/turn.ts";

/** Where rows are kept; what it loses is computed again. */
export type RowStore = {
  append(track: TrackKey, place: Place, rows: Bytes): void;
  read(track: TrackKey, place: Place): Bytes | undefined;
};

/** Rows that came before their segment wait here, up to this much. */
const LIMIT_WAITING_BYTES = 16 * 1024 * 1024;

/** A stretch of adoptable rows: whose they are, and whether they were computed or verified here. */
export type Piece = { turn: Turn; run: Run; first: number; rows: Bytes; trusted: boolean };

export type RowBookOptions = {
  hashing: Hashing;
  replica: Replica;
  store: RowStore;
  self: Bytes;
  rowBytes: number;
  onRefused(from: Bytes, why: string): void;
};

const nameOf = (place: Place & { operator: Bytes; incarnation: Bytes }) =>
  `${toHex(place.operator)}${toHex(place.incarnation)}:${place.sequence}:${place.index}`;

/** Rows that others shipped: believed when they hash to the digest that their author signed, adopted where they fit. */
export class RowBook {
  readonly #options: RowBookOptions;
  readonly #waiting = new Map<string, { from: Bytes; shipment: RowsShipment }>();
  #waitingBytes = 0;
  /** Adopted from others and found equal to our own computation. */
  readonly #verified = new Set<string>();

  constructor(options: RowBookOptions) {
    this.#options = options;
  }

  /** Our own rows need no digest check: we computed them. */
  keep(track: TrackKey, place: Place, rows: Bytes): void {
    this.#options.store.append(track, place, rows);
  }

  receive(from: Bytes, shipment: RowsShipment): void {
    const found = this.#options.replica.track(shipment)?.runAt(shipment.place);
    if (found) this.#check(from, shipment, found.run);
    else this.#wait(from, shipment);
  }

  #wait(from: Bytes, shipment: RowsShipment): void {
    const name = nameOf({ ...shipment, ...shipment.place });
    this.#waitingBytes += shipment.rows.length - (this.#waiting.get(name)?.shipment.rows.length ?? 0);
    this.#waiting.set(name, { from, shipment });
    for (const [first, { shipment: oldest }] of this.#waiting) {
      if (this.#waitingBytes <= LIMIT_WAITING_BYTES) break;
      this.#waiting.delete(first);
      this.#waitingBytes -= oldest.rows.length;
    }
  }

  /** The segment at `sequence` of the track is held now: rows that waited for it can be checked. */
  segmentHeld(track: TrackKey, sequence: number, snapshots: number): void {
    if (this.#waiting.size === 0) return;
    for (let index = 0; index < snapshots; index++) {
      const name = nameOf({ ...track, sequence, index });
      const waiting = this.#waiting.get(name);
      if (!waiting) continue;
      this.#waiting.delete(name);
      this.#waitingBytes -= waiting.shipment.rows.length;
      this.receive(waiting.from, waiting.shipment);
    }
  }

  #check(from: Bytes, { operator, incarnation, place, rows }: RowsShipment, run: Run): void {
    const { hashing, rowBytes, store, onRefused } = this.#options;
    if (rows.length !== run.ids.length * rowBytes) onRefused(from, "size");
    else if (!equal(hashing.sha256(rows), run.rowsDigest)) onRefused(from, "digest");
    else store.append({ operator, incarnation }, place, rows);
  }

  markVerified(pieces: readonly Piece[]): void {
    for (const { turn, run } of pieces) this.#verified.add(nameOf({ ...turn.track, ...run.place }));
  }

  /** What the model does not say is adopted no more, nor after a restart: nothing is kept in its place. */
  markFalse({ turn, run }: Piece): void {
    this.#options.store.append(turn.track, run.place, new Uint8Array(0));
  }

  /**
   * The longest prefix of `tokens` for which rows are here, in pieces that follow one another. Rows serve only the
   * conversation and the client that they came with: they are looked for in `turns` and those turns' ancestors, and only
   * where client, model and every token up to there are the same.
   */
  adoptable(tokens: readonly number[], requester: Bytes, model: Bytes, turns: readonly Turn[]): Piece[] {
    const runs: { turn: Turn; run: Run }[] = [];
    for (const start of turns)
      for (const turn of this.#options.replica.ancestry(start)) {
        const { request } = turn.open;
        if (!equal(request.requester, requester) || !equal(request.model, model)) break;
        for (const run of turn.runs) runs.push({ turn, run });
      }
    const pieces: Piece[] = [];
    let at = 0;
    while (at < tokens.length) {
      const piece = this.#pieceAt(at, tokens, runs);
      if (!piece) break;
      pieces.push(piece);
      at = piece.first + piece.rows.length / this.#options.rowBytes;
    }
    return pieces;
  }

  #pieceAt(at: number, tokens: readonly number[], runs: readonly { turn: Turn; run: Run }[]): Piece | undefined {
    const { hashing, rowBytes, store, self } = this.#options;
    for (const { turn, run } of runs) {
      const end = Math.min(run.first + run.ids.length, tokens.length);
      if (run.first > at || end <= at) continue;
      if (run.ids.some((id, i) => run.first + i < end && tokens[run.first + i] !== id)) continue;
      const rows = store.read(turn.track, run.place);
      if (!rows || rows.length !== run.ids.length * rowBytes) continue;
      if (!equal(hashing.sha256(rows), run.rowsDigest)) continue;
      const trusted = equal(turn.track.operator, self) || this.#verified.has(nameOf({ ...turn.track, ...run.place }));
      const fitting = rows.subarray((at - run.first) * rowBytes, (end - run.first) * rowBytes);
      return { turn, run, first: at, rows: fitting, trusted };
    }
    return undefined;
  }
}

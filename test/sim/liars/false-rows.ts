import type { Bytes } from "../../../offchain/core/bytes.ts";
import { decodeRows, encodeRows, type RowsShipment } from "../../../offchain/core/rows.ts";
import { framed, type Method, parse, plain } from "../../../offchain/mesh/frames.ts";
import { RowsMessage } from "../../../offchain/mesh/generated/mesh.ts";
import { ROW_BYTES } from "../model.ts";
import { Liar, reading } from "./liar.ts";

/**
 * Ships rows that do not match their signed digest, of another size, of another place, or of places that do not exist; and
 * signs digests of rows that no model computes. Attacks those who attach rows: what is not signed must never be attached, and
 * what is signed though false is the author's fault alone.
 */
export class FalseRows extends Liar {
  #rate = 0;
  #last?: RowsShipment;

  override start(): void {
    this.often(2_000, () => {
      this.#rate = this.random.pick([0, 0.3, 1]);
    });
    this.often(800, () => this.#nowhere());
    this.often(4_000, () => this.#signed());
  }

  protected override tamper(_to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    if (method !== "rows") return [frame];
    return reading(frame, () => {
      const shipment = decodeRows(plain(parse(RowsMessage, frame).rows));
      const last = this.#last ?? shipment;
      this.#last = shipment;
      if (!this.random.chance(this.#rate)) return [frame];
      const lie = this.random.pick(["flipped", "short", "long", "elsewhere", "empty"] as const);
      this.note(lie);
      switch (lie) {
        case "flipped":
          return [frameOf({ ...shipment, rows: shipment.rows.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) })];
        case "short":
          return [frameOf({ ...shipment, rows: shipment.rows.slice(0, -1) })];
        case "long":
          return [frameOf({ ...shipment, rows: new Uint8Array(shipment.rows.length + ROW_BYTES) })];
        case "elsewhere":
          return [frameOf({ ...shipment, rows: last.rows }), frame];
        case "empty":
          return [frameOf({ ...shipment, rows: new Uint8Array(0) })];
      }
    });
  }

  /** Rows for snapshots that nobody wrote, or that are no tokens. */
  #nowhere(): void {
    const { random } = this;
    const { tracks } = this.life.protocol.replica;
    const known = [...tracks.values()].map(({ key }) => key);
    const track = random.pick([{ operator: this.self, incarnation: random.bytes(16) }, this.life.pen.track, ...known]);
    const place = { sequence: random.pick([0, 1, 2 ** 40]), index: random.pick([0, 1, 255, 0xffff_ffff]) };
    const rows = random.bytes(random.pick([0, ROW_BYTES, 10_000]));
    for (const peer of this.someone())
      if (this.wire.inject(peer, "rows", frameOf({ ...track, place, rows }))) this.note("nowhere");
  }

  /** The digest is of these rows, and these rows are not what the tokens give. */
  #signed(): void {
    const scribe = this.scribe();
    const given = scribe.tokens(2);
    const ids = scribe.tokens(4);
    const wrong = this.random.bytes(ids.length * ROW_BYTES);
    const turn = scribe.open(scribe.request(given)).tokens("given", given).tokens("written", ids, {}, wrong);
    const { rows } = turn.close();
    this.own(scribe.seal());
    for (const shipment of rows) this.wire.publishRows({ ...scribe.track, ...shipment });
    this.note("signed though false");
  }
}

const frameOf = (shipment: RowsShipment): Buffer => framed(RowsMessage, { rows: encodeRows(shipment) });

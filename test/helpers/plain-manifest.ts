// What a manifest says, read by docs/models.md alone: it imports nothing.

/** Fields of an operation by tag; = a constant. Of what is no reference, `BYTES` says how long it is. */
const FIELDS: Record<number, string> = {
  1: "=weights width shift",
  2: "input width shift clip",
  3: "input sum =placeTable width near far cap clip",
  4: "input =weights inner outer shift clip residual",
  5: "input =angleTable heads size shift clip",
  6: "queries keys heads keyHeads size mask",
  7: "scores heads",
  8: "input heads",
  9: "scores max =expTable heads shift entries",
  10: "scores max sum =expTable =placeTable heads shift entries near far cap",
  11: "probabilities values heads valueHeads size",
  12: "input heads parts width shift clip residual",
  13: "gate up width shift clip",
};
const BYTES: Record<string, number> = { shift: 1, near: 1, far: 1 };
for (const name of ["width", "inner", "outer", "heads", "keyHeads", "valueHeads", "size", "parts"]) BYTES[name] = 4;
for (const name of ["clip", "cap", "mask", "entries"]) BYTES[name] = 4;
const REFERENCE = 2;

/** An operation's numbers, and its constants, by the names of their fields. */
export type PlainOp = { tag: number; fields: Record<string, number>; constants: Record<string, number> };
export type PlainManifest = {
  k: number;
  constants: { columns: number; name: string }[];
  ops: PlainOp[];
  /** Numbers of the operations that make a layer's keys and values. */
  rows: [number, number][];
  logits: number;
};

class Leaf {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  number(bytes: number): number {
    this.#at += bytes;
    if (bytes === 1) return this.#view.getUint8(this.#at - 1);
    return bytes === 2 ? this.#view.getUint16(this.#at - 2) : this.#view.getUint32(this.#at - 4);
  }

  signed(): number {
    return this.#view.getInt8(this.#at++);
  }

  name(): string {
    return String.fromCharCode(...Array.from({ length: this.number(1) }, () => this.number(1)));
  }
}

function leavesOf(manifest: Uint8Array): Leaf[] {
  const view = new DataView(manifest.buffer, manifest.byteOffset, manifest.length);
  const leaves: Leaf[] = [];
  for (let at = 0; at < manifest.length; at += 4 + view.getUint32(at))
    leaves.push(new Leaf(manifest.subarray(at + 4, at + 4 + view.getUint32(at))));
  return leaves;
}

function readOp(leaf: Leaf): PlainOp {
  leaf.number(2);
  const tag = leaf.number(1);
  const op: PlainOp = { tag, fields: {}, constants: {} };
  for (const field of (FIELDS[tag] as string).split(" "))
    if (field.startsWith("=")) op.constants[field.slice(1)] = leaf.number(REFERENCE);
    else op.fields[field] = BYTES[field] === 1 ? leaf.signed() : leaf.number(BYTES[field] ?? REFERENCE);
  return op;
}

/** Tag and fields of an operation. */
export function packPlain(tag: number, numbers: Record<string, number>): Uint8Array {
  const fields = (FIELDS[tag] as string).split(" ").map((field) => field.replace("=", ""));
  const bytes = fields.flatMap((field) => {
    const size = BYTES[field] ?? REFERENCE;
    return Array.from({ length: size }, (_, i) => ((numbers[field] as number) / 2 ** (8 * (size - 1 - i))) & 255);
  });
  return Uint8Array.of(tag, ...bytes);
}

export function readPlain(manifest: Uint8Array): PlainManifest {
  const [head, ...others] = leavesOf(manifest) as [Leaf, ...Leaf[]];
  head.number(1);
  head.name();
  head.name();
  head.number(4);
  head.number(4);
  for (let ends = head.number(2); ends > 0; ends--) head.number(4);
  const [k, constants, ops] = [head.number(1), head.number(2), head.number(2)];
  const rows = Array.from({ length: head.number(2) }, (): [number, number] => [head.number(2), head.number(2)]);
  return {
    k,
    rows,
    logits: head.number(2),
    constants: others.slice(0, constants).map((leaf) => {
      leaf.number(1);
      leaf.number(4);
      const columns = leaf.number(4);
      leaf.number(4);
      return { columns, name: leaf.name() };
    }),
    ops: others.slice(constants, constants + ops).map(readOp),
  };
}

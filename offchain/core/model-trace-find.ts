import { type Bytes, equal } from "./bytes.ts";
import { operandsOf, type Program } from "./model-program.ts";
import { GROUP_VALUES, type TraceLayout, VALUE_BYTES } from "./model-trace-layout.ts";
import { groupBytes } from "./model-trace-tree.ts";

/** The first place at which an answer's roots are others than one's own; undefined where they are the same. */
export function firstDifference(own: readonly Bytes[], theirs: readonly Bytes[]): number | undefined {
  const index = own.findIndex((root, i) => !equal(root, theirs[i]));
  return index < 0 ? undefined : index;
}

/** Where in a tensor the first value stands that is another than one's own, by the bytes of one of its groups. */
export function firstOtherValue(own: Int32Array, group: number, theirs: Bytes): number | undefined {
  const index = groupBytes(own, group).findIndex((byte, i) => byte !== theirs[i]);
  return index < 0 ? undefined : group * GROUP_VALUES + Math.floor(index / VALUE_BYTES);
}

/** Numbers of the tensors that it takes to prove any element of this one: it and all that its operation reads. */
export function tensorsAround({ vocab, maxPositions }: Program, layout: TraceLayout, tensor: number): Set<number> {
  const around = new Set([tensor]);
  for (const { name } of operandsOf(layout.opAt(tensor).op, vocab, maxPositions).tensors) {
    const { firstTensor, heads } = layout.of(name);
    for (let head = 0; head < heads; head++) around.add(firstTensor + head);
  }
  return around;
}

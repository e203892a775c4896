import { InferenceSession, Tensor } from "onnxruntime-node";

export const LEVELS = ["disabled", "basic", "extended", "all"] as const;
export type Level = (typeof LEVELS)[number];

type Sizes = { layers: number; kvHeads: number; headDim: number };
/** Of exact models, and of others. */
type Rows = Int8Array | Float32Array;

/** A graph in a session of its own, of any optimisation level; engines have but one. */
export async function openGraph<R extends Rows = Int8Array>(
  graph: Uint8Array,
  { layers, kvHeads, headDim }: Sizes,
  level: Level,
  threads: number,
  rowsOf: (count: number) => R = (count) => new Int8Array(count) as R,
) {
  const session = await InferenceSession.create(graph, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: level,
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
    // Threads that spin take the cores of other tests.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const names = Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
  const rowBytes = names.length * kvHeads * headDim;

  /** `[1, heads, T, dim]` of every part, out of rows `[position][part][head][dim]`. */
  const fromRows = (rows: R): Tensor[] => {
    const positions = rows.length / rowBytes;
    return names.map((_, part) => {
      const data = Float32Array.from({ length: kvHeads * positions * headDim }, (_value, i) => {
        const [head, position, dim] = [
          Math.floor(i / (positions * headDim)),
          Math.floor(i / headDim) % positions,
          i % headDim,
        ];
        return rows[position * rowBytes + (part * kvHeads + head) * headDim + dim];
      });
      return new Tensor("float32", data, [1, kvHeads, positions, headDim]);
    });
  };

  const toRows = (parts: readonly Tensor[]): R => {
    const positions = parts[0].dims[2];
    const rows = rowsOf(positions * rowBytes);
    for (const [part, { data }] of parts.entries())
      for (const [i, value] of (data as Float32Array).entries()) {
        const [head, position, dim] = [
          Math.floor(i / (positions * headDim)),
          Math.floor(i / headDim) % positions,
          i % headDim,
        ];
        rows[position * rowBytes + (part * kvHeads + head) * headDim + dim] = value;
      }
    return rows;
  };

  /** Feeds tokens in pieces of these sizes after the given rows. Returns the logits of all of them, and all rows. */
  const run = async (ids: readonly number[], pieces: readonly number[], earlier: R = rowsOf(0)) => {
    let past = fromRows(earlier);
    let at = earlier.length / rowBytes;
    const logits: number[] = [];
    for (const size of pieces) {
      const numbers = (from: ArrayLike<number>) =>
        new Tensor("int64", BigInt64Array.from(from as number[], BigInt), [1, size]);
      const feeds: Record<string, Tensor> = {
        input_ids: numbers(ids.slice(at, at + size)),
        position_ids: numbers(Array.from({ length: size }, (_, i) => at + i)),
      };
      for (const [i, name] of names.entries()) feeds[`past_key_values.${name}`] = past[i];
      const results = await session.run(feeds);
      for (const value of results["logits"].data as Float32Array) logits.push(value);
      past = names.map((name) => results[`present.${name}`] as Tensor);
      at += size;
    }
    return { logits, rows: toRows(past) };
  };
  return { run, close: () => session.release() };
}

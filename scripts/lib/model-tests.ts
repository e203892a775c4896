/** Tests in TypeScript of what contracts make of models, held against the oracle: the Solidity tests leave that to them. */
export const MODEL_TESTS = ["elements", "inference", "model-reader", "sample", "sample-proof", "trace-vectors"].map(
  (name) => `test/contracts/${name}.test.ts`,
);

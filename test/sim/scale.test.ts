import assert from "node:assert/strict";
import { test } from "node:test";
import { measure } from "./scale-measure.ts";
import type { Figures } from "./scale-report.ts";

/** Bytes of a segment on its way to one peer, of a head in one peer's beat to another: with what carries them. */
const perSegment = ({ out, segments, operators }: Figures) => out.plot / segments / (operators - 1);
const perHead = ({ out, segments, operators }: Figures) => out.pager / segments / (operators - 1) / operators;

test("what a mesh costs each operator: segments grow with N, beats with no more than N², the time with neither", () => {
  const [small, large] = [measure(4, 2), measure(16, 1)];
  const shares = [small, large].map((one) => [perSegment(one), perHead(one)].map(Math.round));
  const [[segment, head], [segmentOf16, headOf16]] = shares;
  assert.ok(Math.abs(segmentOf16 / segment - 1) < 0.1 && segmentOf16 < 450, `segments: ${segment}, ${segmentOf16}`);
  assert.ok(headOf16 < head && headOf16 < 110, `heads: ${head}, ${headOf16}`);
  for (const { stored, known } of [small, large]) {
    assert.ok(stored.median < 30, `stored after ${stored.median} ms, over a network of 15 to 25`);
    assert.ok(known.median < 80, `known to be after ${known.median} ms`);
  }
  const grew = large.checkpoint.proposalBytes / small.checkpoint.proposalBytes;
  assert.ok(grew < 4, `the proposal grew ${grew}-fold`);
  assert.equal(large.checkpoint.signatures, 11, "a quorum, and nobody more");
});

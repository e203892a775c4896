import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { piecesOf } from "../../../offchain/cli/memory.ts";

test("a text is taught in pieces that are it again, none too large, no character cut in two", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.integer({ min: 4, max: 20 }), (text, most) => {
      const pieces = piecesOf(text, most);
      assert.equal(pieces.join(""), text);
      for (const piece of pieces) {
        assert.ok(piece.length > 0 && Buffer.byteLength(piece) <= most);
        assert.equal(Buffer.from(piece).toString(), piece.replace(/\p{Surrogate}/gu, "\ufffd"));
      }
    }),
  );
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { byteTokenizer, tokenizerByName } from "../../../offchain/inference/tokenizer.ts";

describe("byte tokenizer", () => {
  it("gives text back however the tokens are split, and never half a character", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        (text, sizes) => {
          const tokens = byteTokenizer.encode(text);
          const decoder = byteTokenizer.createDecoder();
          let out = "";
          for (let at = 0, i = 0; at < tokens.length; i++) {
            const size = sizes[i % sizes.length]!;
            const piece = decoder.push(tokens.slice(at, at + size));
            assert.ok(!/[\ufffd\ud800-\udfff]/u.test(piece));
            out += piece;
            at += size;
          }
          assert.equal(out + decoder.flush(), text);
        },
      ),
    );
  });

  it("holds back an unfinished character and marks it at the end", () => {
    const decoder = byteTokenizer.createDecoder();
    assert.equal(decoder.push([0x61, 0xe2, 0x82]), "a");
    assert.equal(decoder.push([0xac]), "€");
    assert.equal(decoder.push(new Uint32Array([0xf0, 0x9f])), "");
    assert.equal(decoder.flush(), "\ufffd");
    assert.equal(decoder.push([0x62]), "b");
  });

  it("marks bytes that are not UTF-8 without losing what follows, and keeps a byte order mark", () => {
    const decoder = byteTokenizer.createDecoder();
    assert.equal(decoder.push([0xef, 0xbb, 0xbf, 0xff, 0x63, 0xe2, 0x63]), "\ufeff\ufffdc\ufffdc");
  });

  it("refuses tokens that are not bytes", () => {
    for (const token of [256, -1, 0.5])
      assert.throws(() => byteTokenizer.createDecoder().push([token]), { code: "out_of_range", field: "tokens" });
  });

  it("is found by name, others are refused", () => {
    assert.equal(tokenizerByName("bytes"), byteTokenizer);
    assert.throws(() => tokenizerByName("sentencepiece"), { code: "unsupported", field: "tokenizer" });
  });
});

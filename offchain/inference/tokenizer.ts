import { WeftError } from "../core/errors.ts";

/** Turns a stream of tokens into text. `push` and `flush` never return half a character. */
export interface Decoder {
  /** The text that these tokens complete; an unfinished character waits for its remaining bytes. */
  push(tokens: ArrayLike<number>): string;
  /** What is left, an unfinished character as U+FFFD; the decoder is as new afterwards. */
  flush(): string;
}

export interface Tokenizer {
  readonly name: string;
  readonly vocab: number;
  encode(text: string): number[];
  createDecoder(): Decoder;
}

class ByteDecoder implements Decoder {
  // The default would swallow a byte order mark, and then text and tokens would disagree.
  readonly #text = new TextDecoder("utf-8", { ignoreBOM: true });

  push(tokens: ArrayLike<number>): string {
    const bytes = new Uint8Array(tokens.length);
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (!Number.isInteger(token) || token < 0 || token > 255)
        throw new WeftError("out_of_range", `token ${token} is not a byte`, { field: "tokens" });
      bytes[i] = token;
    }
    return this.#text.decode(bytes, { stream: true });
  }

  flush(): string {
    return this.#text.decode();
  }
}

/** One token per UTF-8 byte. Lone surrogates encode as U+FFFD; bytes that are not UTF-8 decode to U+FFFD. */
export const byteTokenizer: Tokenizer = {
  name: "bytes",
  vocab: 256,
  encode: (text) => Array.from(new TextEncoder().encode(text)),
  createDecoder: () => new ByteDecoder(),
};

/** The tokenizer a model config names. Throws `unsupported` (field `tokenizer`) for one this build does not have. */
export function tokenizerByName(name: string): Tokenizer {
  if (name === byteTokenizer.name) return byteTokenizer;
  throw new WeftError("unsupported", `no tokenizer "${name}"`, {
    field: "tokenizer",
    remedy: 'use a model whose config.json says "tokenizer": "bytes"',
  });
}

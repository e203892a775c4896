import type { Bytes } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { rangeProof } from "./context.ts";
import type { Memories } from "./memories.ts";
import { type MemoryProof, memoryProof } from "./memory-proof.ts";
import type { Program } from "./model-program.ts";
import { tensorsAround } from "./model-trace-find.ts";
import { TraceLayout } from "./model-trace-layout.ts";
import type { ModelOpener, OpenedOp } from "./model-trace-model.ts";
import {
  type ElementProof,
  type LogitsProof,
  type Own,
  proveElement,
  proveLogits,
  type Shown,
  showGroup,
  showGroups,
} from "./model-trace-proof.ts";
import { tensorsOf, traceOf } from "./model-trace-tree.ts";
import type { Hashing } from "./ports.ts";

/** A context over which the model has no forward pass: it is too long, or has a token that the model does not have. */
export type NoPass = { head: Bytes; position: number; token: number; tokenProof: readonly Bytes[] };

/** The forward pass that decides a token, as it is computed here. What is dear is computed when it is asked for. */
export type Pass = {
  /** Of all tensors, by number. */
  readonly roots: readonly Bytes[];
  /** The one that the request has. */
  readonly token: number;
  groups(tensor: number): Promise<{ op: OpenedOp; groupRoots: readonly Bytes[]; proof: readonly Bytes[] }>;
  group(tensor: number, group: number): Promise<{ values: Bytes; proof: readonly Bytes[] }>;
  /** The first wrong element of what was shown; undefined where all of it is one's own. */
  element(shown: Shown): Promise<WrongElement | undefined>;
  sample(): Promise<WrongSample>;
};

export type WrongElement = Omit<ElementProof, "token"> & { token: number; tokenProof: readonly Bytes[] };
/** Without a memory where the request reads none. */
export type WrongSample = LogitsProof & { memory: MemoryProof | undefined };

export type PassOptions = {
  hashing: Hashing;
  model: ModelOpener;
  /** A context from its beginning that goes on at least to the position. */
  tokens: readonly number[];
  position: number;
  /** What the request names, if it reads a memory. */
  memory: { id: Bytes; checkpoint: Checkpoint; memories: Memories } | undefined;
  /** The token that follows from the logits of the position before. */
  draw(logits: Int32Array): number;
  /** Has steps done between other things. */
  run<T>(steps: Generator<undefined, T>): Promise<T>;
};

/** A forward pass over the tokens before a position. */
export class TracedPass implements Pass {
  readonly roots: readonly Bytes[];
  readonly token: number;
  readonly #o: PassOptions;
  readonly #context: readonly number[];
  /** Tensors that were computed again last. */
  #held: ReadonlyMap<number, Int32Array> = new Map();

  private constructor(options: PassOptions, roots: readonly Bytes[], token: number) {
    this.#o = options;
    this.#context = options.tokens.slice(0, options.position);
    this.roots = roots;
    this.token = token;
  }

  static async of(options: PassOptions): Promise<TracedPass> {
    const { hashing, model, tokens, position, run, draw } = options;
    const { roots, logits } = await run(
      traceOf(hashing, model.manifest.program, model.constants, tokens.slice(0, position)),
    );
    return new TracedPass(options, roots, draw(logits));
  }

  async groups(tensor: number) {
    const { hashing, model, run } = this.#o;
    return run(showGroups(hashing, model, await this.#own(new Set([tensor])), this.roots, tensor));
  }

  async group(tensor: number, group: number) {
    const own = await this.#own(new Set([tensor]));
    const { groupRoots: roots } = await this.groups(tensor);
    return showGroup(this.#o.hashing, own, { tensorRoots: this.roots, tensor, groupRoots: roots, group });
  }

  async element(shown: Shown): Promise<WrongElement | undefined> {
    const { hashing, model, run, tokens } = this.#o;
    const { program } = model.manifest;
    const own = await this.#own(tensorsAround(program, this.#layout(program), shown.tensor));
    const found = await run(proveElement(hashing, model, own, shown));
    if (!found) return undefined;
    const { token, place } = found;
    if (token === undefined) return { ...found, token: 0, tokenProof: [] };
    return { ...found, token, tokenProof: tokenProof(hashing, tokens, place.position) };
  }

  async sample(): Promise<WrongSample> {
    const { hashing, model, run, memory, tokens, position } = this.#o;
    const { program } = model.manifest;
    const { firstTensor } = this.#layout(program).of(program.logits);
    const logits = await run(proveLogits(hashing, model, await this.#own(new Set([firstTensor])), this.roots));
    return { ...logits, memory: memory && memoryProof(hashing, memory, memory.id, tokens, position) };
  }

  #layout(program: Program): TraceLayout {
    return new TraceLayout(program, this.#context.length);
  }

  async #own(wanted: ReadonlySet<number>): Promise<Own> {
    const { model, run } = this.#o;
    const { program } = model.manifest;
    if ([...wanted].some((tensor) => !this.#held.has(tensor)))
      this.#held = await run(tensorsOf(program, model.constants, this.#context, wanted));
    return { tokens: this.#context, tensors: this.#held };
  }
}

/** That a context has no forward pass; undefined where it has one. */
export function noPassOver(
  h: Hashing,
  model: ModelOpener,
  tokens: readonly number[],
  position: number,
): NoPass | undefined {
  const { head, manifest } = model;
  const { vocab, maxPositions } = manifest.program;
  if (position > maxPositions) return { head, position: 0, token: 0, tokenProof: [] };
  const stranger = tokens.slice(0, position).findIndex((id) => id >= vocab);
  if (stranger < 0) return undefined;
  return { head, position: stranger, token: tokens[stranger], tokenProof: tokenProof(h, tokens, stranger) };
}

/** 24 siblings from the bottom up. */
function tokenProof(h: Hashing, tokens: readonly number[], position: number): Bytes[] {
  return rangeProof(h, { length: 0, peaks: [] }, tokens, position, position + 1);
}

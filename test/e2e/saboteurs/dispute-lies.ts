import { randomBytes } from "node:crypto";
import { Chain } from "../../../offchain/chain/chain.ts";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import type { Program } from "../../../offchain/core/model-program.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { type Pass, TracedPass } from "../../../offchain/core/pass.ts";
import type { Engine } from "../../../offchain/inference/engine.ts";
import { ComputedPasses } from "../../../offchain/node/passes.ts";
import type { Parts } from "../../../offchain/node/worker.ts";
import { falsePass } from "../../helpers/false-pass.ts";

/** An engine that says something else. */
const saying = (engine: Engine, forward: Engine["forward"]): Engine => ({
  model: engine.model,
  exact: engine.exact,
  createCache: () => engine.createCache(),
  forward,
  close: () => engine.close(),
});

/** Where the likeliest token is the least likely one. */
const OTHER_EVERY = 16;

/** Writes another token than the model says at every 16th position. */
export function writeOtherTokens(engine: Engine): Engine {
  return saying(engine, async (cache, tokens, options) => {
    const logits = await engine.forward(cache, tokens, options);
    if (cache.length % OTHER_EVERY !== 0) return logits;
    const last = logits.subarray(-engine.model.vocab);
    last[last.indexOf(Math.max(...last))] = Math.min(...last) - 1;
    return logits;
  });
}

type Lie = { op: string; change(values: Int32Array): void };

/** One tensor of a trace is another. What is said of it depends on the token that it has to lead to. */
function traceFalsely(lieAbout: (program: Program, token: number, isRight: boolean) => Lie | undefined): void {
  const { of } = TracedPass;
  TracedPass.of = async (options) => {
    const { model, tokens, position } = options;
    const { program } = model.manifest;
    const pass = await of.call(TracedPass, options);
    const token = tokens[position] as number;
    const lie = lieAbout(program, token, pass.token === token);
    if (!lie) return pass;
    const tensor = new TraceLayout(program, position).of(lie.op).firstTensor;
    const context = tokens.slice(0, position);
    return falsePass({ pass, model, context, tensor, change: lie.change, token }) as TracedPass;
  };
}

/** A trace whose logits lead to the committed token. */
export function standByTokens(): void {
  traceFalsely(({ logits: op, vocab }, token, isRight) => {
    if (isRight) return undefined;
    const change = (values: Int32Array) => {
      const last = values.subarray(-vocab);
      last[token] = Math.max(...last) + 1;
    };
    return { op, change };
  });
}

/** One number in the middle of every trace is another, also where the token is right. */
export function lieInTrace(): void {
  const change = (values: Int32Array) => {
    values[values.length - 1] += 3;
  };
  traceFalsely(({ ops }) => ({ op: ops[ops.length >> 1]!.name, change }));
}

/** Roots of nothing. */
export const garbageRoots = (count: number): Bytes[] =>
  Array.from({ length: count }, () => new Uint8Array(randomBytes(32)));

/** Answers at once, and with roots that nobody can open. */
export function answerWithGarbage(): void {
  TracedPass.of = async ({ model, tokens, position }) => {
    const { tensors } = new TraceLayout(model.manifest.program, position);
    const groups = () => Promise.reject(new Error("there is nothing to show"));
    return { roots: garbageRoots(tensors), token: tokens[position] as number, groups } as unknown as TracedPass;
  };
}

/** Of no answer of another. */
const NO_TOKEN = -1;

/**
 * Accuses its victims of the first token of whatever they answer, right or wrong; what follows it does as any worker.
 * It re-executes everything, and takes the least likely token for the likeliest.
 */
export function accuseAnybody(victims: ReadonlySet<string>): Parts {
  const { accuse } = Chain.prototype;
  Chain.prototype.accuse = async function (wrong) {
    return victims.has(toHex(wrong.operator)) ? accuse.call(this, wrong) : { type: "already" };
  };
  const { of } = ComputedPasses.prototype;
  ComputedPasses.prototype.of = async function (subject) {
    // What stands on the chain names who accuses; before that its own trace would contradict it.
    return "accuser" in subject ? of.call(this, subject) : ({ token: NO_TOKEN } as Pass);
  };
  const wrapEngine = (engine: Engine) =>
    saying(engine, async (cache, tokens, options) => {
      const logits = await engine.forward(cache, tokens, options);
      if (options?.allLogits) for (const [i, value] of logits.entries()) logits[i] = -value;
      return logits;
    });
  return { wrapEngine };
}

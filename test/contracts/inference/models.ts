import { readFileSync } from "node:fs";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { decodeManifest, modelRoot } from "../../../offchain/core/model-manifest.ts";
import { ModelOpener } from "../../../offchain/core/model-trace-model.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Engine } from "../../../offchain/inference/engine.ts";
import { drawnEngine } from "../../helpers/drawn-engine.ts";
import { openerOf } from "../../helpers/trace.ts";
import { constantOf } from "../../unit/inference/exact/austen.ts";
import { randomModel } from "../../unit/inference/exact/random-model.ts";
import { AUSTEN, golden } from "../../unit/inference/tiny-model.ts";

/** The shipped model, or a random one of a seed, with so many positions if that is not drawn. */
export type ModelName = "weft-austen" | { seed: number; positions?: number };

/** An exact model that answers are judged by. */
export type TrialModel = {
  name: ModelName;
  opener: ModelOpener;
  root: Bytes;
  /** What contexts of it are cut from; of a random model any token is as good as another. */
  text: readonly number[] | undefined;
};

export function openModel(name: ModelName): TrialModel {
  const opener = name === "weft-austen" ? shipped() : drawn(name);
  const text = name === "weft-austen" ? golden.ids : undefined;
  return { name, opener, root: modelRoot(crypto, opener.manifest), text };
}

function shipped(): ModelOpener {
  const manifest = decodeManifest(new Uint8Array(readFileSync(`${AUSTEN}/manifest.bin`)));
  return new ModelOpener(crypto, manifest, constantOf);
}

function drawn({ seed, positions }: Exclude<ModelName, "weft-austen">): ModelOpener {
  const { program, valuesOf } = randomModel(seed, positions);
  return openerOf(program, valuesOf);
}

/** What a worker of that model computes with, in the place of the shipped one's. */
export function engineOf(name: ModelName, engine: Engine): Engine {
  if (name === "weft-austen") return engine;
  const drawn = drawnEngine(name.seed, name.positions);
  return { ...drawn, model: { ...engine.model, ...drawn.model } };
}

export function said(name: ModelName): string {
  return name === "weft-austen" ? name : `random ${name.seed}`;
}

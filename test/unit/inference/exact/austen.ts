import { readFileSync } from "node:fs";
import type { Values } from "../../../../offchain/core/model-forward.ts";
import type { Program } from "../../../../offchain/core/model-program.ts";
import { type Arithmetic, ArithmeticSchema, type Sizes } from "../../../../offchain/inference/exact/arithmetic.ts";
import { describe } from "../../../../offchain/inference/exact/describe.ts";
import { readConstants } from "../../../../offchain/inference/exact/safetensors.ts";
import { AUSTEN } from "../tiny-model.ts";

export const config = JSON.parse(readFileSync(`${AUSTEN}/config.json`, "utf8"));
export const sizes: Sizes = config;
export const arithmetic: Arithmetic = ArithmeticSchema.parse(config.arithmetic);
export const weightsFile = new Uint8Array(readFileSync(`${AUSTEN}/weights.safetensors`));
export const austen: Program = describe(sizes, arithmetic);
const constants = readConstants(weightsFile, austen.constants);
export const constantOf = (name: string): Values => constants.get(name) as Values;

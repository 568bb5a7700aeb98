/** The element types of transformers.js, the file suffix of each, and how it is made. */
import type { Model } from "@lathe/core";
import { quantizeDynamic } from "../dynamic.ts";
import { convertFloat16 } from "../float16/convert.ts";
import { quantizeWeightsOf } from "../weight-only/weight-only.ts";

export const packageDtypes = ["fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4"] as const;
export type PackageDtype = (typeof packageDtypes)[number];

export const dtypeSuffix: Readonly<Record<PackageDtype, string>> = {
  fp32: "", fp16: "_fp16", q8: "_quantized", int8: "_int8", uint8: "_uint8", q4: "_q4", q4f16: "_q4f16", bnb4: "_bnb4",
};

export interface DtypeOptions {
  /** 7-bit weights for q8, int8 and uint8: safe on processors whose int8 dot product saturates. */
  readonly reduceRange: boolean;
  /** Bits of embedding tables in q4 and q4f16; undefined: they stay float. */
  readonly embeddingBits: 4 | 8 | undefined;
  readonly excludeNodes: readonly string[];
}

/** Weights in blocks of 32 without zero points and accuracy_level: what the library's users expect of q4. */
const q4 = async (model: Model, { embeddingBits, excludeNodes }: DtypeOptions): Promise<Model> =>
  (await quantizeWeightsOf(model, { blockSize: 32, symmetric: true, embeddingBits, excludeNodes: present(excludeNodes, model) })).model;

const half = async (model: Model, { excludeNodes }: DtypeOptions): Promise<Model> => (await convertFloat16(model, { excludeNodes: present(excludeNodes, model) })).model;

const integer = (model: Model, weightType: "int8" | "uint8", { reduceRange, excludeNodes }: DtypeOptions): Model =>
  // uint8 for convolutions in any case: runtimes have no kernel for int8 there, or a slow one.
  quantizeDynamic(model, { weightType, convWeightType: "uint8", reduceRange, excludeNodes: [...excludeNodes] }).model;

/** Names that are gone by now (a node of the float model may be part of a quantized one) need no exclusion. */
function present(names: readonly string[], model: Model): string[] {
  const known = new Set([...model.graph.allNodes()].map((node) => node.name));
  return names.filter((name) => known.has(name));
}

const noProducts = /^(Conv|GroupQueryAttention|MultiHeadAttention)$/;

/** Makes the model of one dtype from the float32 one, which stays as it is. */
export const makers: Readonly<Record<PackageDtype, (model: Model, options: DtypeOptions) => Promise<Model> | Model>> = {
  fp32: (model) => model,
  fp16: half,
  q8: (model, options) => integer(model, [...model.graph.allNodes()].some((node) => noProducts.test(node.opType)) ? "uint8" : "int8", options),
  int8: (model, options) => integer(model, "int8", options),
  uint8: (model, options) => integer(model, "uint8", options),
  q4,
  q4f16: async (model, options) => half(await q4(model, options), options),
  bnb4: async (model, { excludeNodes }) => (await quantizeWeightsOf(model, { format: "nf4", blockSize: 64, excludeNodes: present(excludeNodes, model) })).model,
};

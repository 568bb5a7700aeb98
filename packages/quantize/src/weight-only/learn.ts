/** The algorithms that learn from data: GPTQ gives whole matrices, AWQ changes the float weights. */
import type { Model, Node } from "@lathe/core";
import { applyAwq } from "./awq.ts";
import { weightOnlyErrors } from "./errors.ts";
import { gptqMatrix } from "./gptq.ts";
import { eachGram } from "./gram.ts";
import type { MatrixOptions, QuantizedMatrix } from "./matrix.ts";
import type { WeightOnlyOptions } from "./options.ts";
import type { Product } from "./products.ts";
import type { WeightOnlyServices } from "./report.ts";

export interface Learnt {
  /** By product. */
  readonly matrices: ReadonlyMap<Node, QuantizedMatrix>;
  /** Exponents that AWQ chose, by activation. */
  readonly alphas: Readonly<Record<string, number>>;
}

export const learns = ({ algorithm }: WeightOnlyOptions): boolean => algorithm === "gptq" || algorithm === "awq";

/**
 * Learns from the activations of the main graph, which products in branches may read as well. What a branch or a loop body computes
 * cannot be seen from outside: products of such activations are refused, or with `plainBranches` left to plain rounding.
 * @throws WEIGHT_ONLY_COMBINATION, WEIGHT_ONLY_BRANCH, WEIGHT_ONLY_HESSIAN, QUANT_CALIBRATION_EMPTY
 */
export async function learn(
  model: Model, products: readonly Product[], options: WeightOnlyOptions, optionsFor: (product: Product) => MatrixOptions, services: WeightOnlyServices,
  turn: (done: number, total: number, name: string) => Promise<void>,
): Promise<Learnt> {
  const { algorithm, samples, damping, actOrder, clip, plainBranches } = options;
  const { runtime, data, signal } = services;
  if (!runtime || !data) throw weightOnlyErrors.WEIGHT_ONLY_COMBINATION({ node: "all weights", reason: `${algorithm} needs calibration data and a runtime` });
  const { seen, hidden } = byActivation(model, products);
  const [first] = hidden;
  if (first && !plainBranches) throw weightOnlyErrors.WEIGHT_ONLY_BRANCH({ algorithm, node: first.node.label, tensor: first.activation.name, count: hidden.length });
  const matrices = new Map<Node, QuantizedMatrix>();
  const alphas: Record<string, number> = {};
  if (seen.size === 0) return { matrices, alphas };
  const widths = new Map([...seen].map(([name, [product]]) => [name, product!.view.k]));
  let done = 0;
  await eachGram(model, widths, samples, { runtime, data, signal }, async (name, gram) => {
    const group = seen.get(name)!;
    const [first] = group;
    await turn(done++, widths.size, name);
    if (algorithm === "awq") alphas[name] = applyAwq(first!.activation, group, gram, { ...optionsFor(first!), clip }, model.graph);
    else for (const product of group) matrices.set(product.node, gptqMatrix(product.view, gram, { ...optionsFor(product), damping, actOrder }, name));
  });
  return { matrices, alphas };
}

function byActivation(model: Model, products: readonly Product[]): { seen: Map<string, Product[]>; hidden: Product[] } {
  const seen = new Map<string, Product[]>();
  const hidden: Product[] = [];
  for (const product of products) {
    if (product.activation.graph !== model.graph) hidden.push(product);
    else seen.set(product.activation.name, [...(seen.get(product.activation.name) ?? []), product]);
  }
  return { seen, hidden };
}

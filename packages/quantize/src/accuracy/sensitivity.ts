/** Which nodes cost the most accuracy: each is quantized alone, and the outputs are compared with those of the float model. */
import type { Feeds, Model, Node, Runtime } from "@lathe/core";
import type { StaticOptionsInput } from "../options.ts";
import type { Range } from "../spec.ts";
import { applyStatic, planStatic, type StaticPlan } from "../static.ts";
import { isWeighted } from "../tail.ts";
import { outputSqnr, reference, type Reference } from "./noise.ts";

export interface NodeSensitivity {
  readonly node: string;
  readonly op: string;
  /** SQNR of the outputs, in decibels, when this node alone is quantized. Low: sensitive. */
  readonly sqnr: number;
}

export interface SensitivityOptions {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  /** Samples that the outputs are compared on. Default 4. */
  readonly samples?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onNode?: ((done: number, total: number) => void) | undefined;
}

/**
 * Ranks the weighted nodes of `model` (already prepared and simplified, as `quantizeStatic` sees it), most sensitive first.
 * `ranges` come from one calibration for all. Runs the model once a node and sample.
 */
export async function nodeSensitivity(model: Model, options: StaticOptionsInput, ranges: ReadonlyMap<string, Range>, services: SensitivityOptions): Promise<NodeSensitivity[]> {
  const known = await reference(model, services.runtime, services.data, services.samples ?? 4, services.signal);
  return rankNodes(model, options, ranges, known, services);
}

export async function rankNodes(
  model: Model, options: StaticOptionsInput, ranges: ReadonlyMap<string, Range>, known: Reference,
  services: Pick<SensitivityOptions, "runtime" | "signal" | "onNode">,
): Promise<NodeSensitivity[]> {
  const nodes = [...model.graph.nodes].filter((node) => isWeighted(node) && !options.excludeNodes?.includes(node.name));
  const ranked: NodeSensitivity[] = [];
  for (const [i, node] of nodes.entries()) {
    services.signal?.throwIfAborted();
    const plan = tryPlan(model, { ...options, nodes: [node.name, ...clippers(node)], graphOutputs: true });
    if (plan) {
      applyStatic(plan, ranges);
      ranked.push({ node: node.name, op: node.opType, sqnr: await outputSqnr(plan.model, services.runtime, known, services.signal) });
    }
    services.onNode?.(i + 1, nodes.length);
  }
  return ranked.sort((a, b) => a.sqnr - b.sqnr);
}

/** Relu and Clip nodes right behind a node: the quantizer clips for them, as in the whole model. */
const clippers = (node: Node): string[] => node.out.consumers.filter((c) => c.is("Relu") || c.is("Clip")).map((c) => c.name);

/** undefined when the options leave nothing of the node to quantize. */
function tryPlan(model: Model, options: StaticOptionsInput): StaticPlan | undefined {
  try {
    return planStatic(model.clone(), options);
  } catch {
    return undefined;
  }
}

/**
 * BatchNormalization in training: the statistics of the batch are computed by ordinary nodes in front of the (inference-form) operator,
 * which then normalises with them in one fused pass; the running statistics are updated beside it.
 */
import { Node, Tensor, Value, attr, tensorType, type Graph } from "@lathe/core";

/** Marks a BatchNormalization whose mean and variance inputs are those of the batch; its gradient rule reads this. */
export const BATCH_STATISTICS = "lathe.batch_statistics";

export interface RunningStatistic {
  /** The running mean or variance: a parameter that is assigned, not optimised. */
  readonly value: Value;
  readonly next: Value;
}

/** Rewrites every BatchNormalization of the main graph whose scale is trained; gives the running statistics to assign after each step. */
export function useBatchStatistics(graph: Graph, isTrained: (node: Node) => boolean): RunningStatistic[] {
  return [...graph.nodes].filter((n) => n.is("BatchNormalization") && isTrained(n)).flatMap((node, i) => rewrite(graph, node, i));
}

function rewrite(graph: Graph, node: Node, number: number): RunningStatistic[] {
  const x = node.input(0)!;
  const [runningMean, runningVar] = [node.input(3)!, node.input(4)!];
  const rank = x.rank ?? 4;
  const vector = tensorType("float32", runningMean.shape);
  const emit = (opType: string, inputs: readonly Value[], keepType: boolean, attributes = {}): Value => {
    const output = new Value(`bn${number}/${opType}_${graph.nodeCount}`, keepType ? x.type : vector);
    graph.insertBefore(node, new Node({ opType, name: output.name, inputs, outputs: [output], attributes }));
    return output;
  };
  const constant = (tensor: Tensor, what: string): Value => graph.addInitializer(`bn${number}/${what}`, tensor);
  const axes = constant(Tensor.int64([0, ...Array.from({ length: Math.max(0, rank - 2) }, (_, i) => i + 2)]), "axes");
  const mean = emit("ReduceMean", [x, axes], false, { keepdims: attr.int(0) });
  const shaped = rank > 2 ? emit("Unsqueeze", [mean, constant(Tensor.int64(Array.from({ length: rank - 2 }, (_, i) => i + 1)), "space")], false) : mean;
  // Two passes: E[x^2] - mean^2 loses digits when the mean is large beside the deviation.
  const centred = emit("Sub", [x, shaped], true);
  const variance = emit("ReduceMean", [emit("Mul", [centred, centred], true), axes], false, { keepdims: attr.int(0) });
  const momentum = node.float("momentum", 0.9);
  const keep = constant(Tensor.from("float32", [], [momentum]), "keep");
  const take = constant(Tensor.from("float32", [], [1 - momentum]), "take");
  const blend = (old: Value, current: Value): Value => emit("Add", [emit("Mul", [old, keep], false), emit("Mul", [current, take], false)], false);
  const next = [blend(runningMean, mean), blend(runningVar, variance)] as const;
  node.setInput(3, mean);
  node.setInput(4, variance);
  node.metadata = new Map(node.metadata).set(BATCH_STATISTICS, "1");
  return [{ value: runningMean, next: next[0] }, { value: runningVar, next: next[1] }];
}

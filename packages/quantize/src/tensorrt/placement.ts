/**
 * Where TensorRT wants quantizers: at the operands of layers that it runs in low precision, and nowhere behind them, because it pulls the next
 * Q into the layer before. NVIDIA's own tool for ONNX places them by the same ideas: operands only, the skip branch of a residual Add, one
 * scale around a Concat, and nothing for layers too narrow for its tensor cores.
 */
import type { Node, Value } from "@lathe/core";
import { isFloat8 } from "../params.ts";
import type { Placement } from "../placement.ts";
import type { Planner } from "../plan.ts";
import { whyNotConv, whyNotProduct } from "./narrow.ts";

const layer = (whyNot: (node: Node, plan: Planner) => string | undefined, axis: (node: Node) => number): Placement => (node, plan) => {
  const reason = whyNot(node, plan);
  if (reason !== undefined) return plan.decline(node, reason);
  if (!plan.weightOperand(node, 1, axis(node))) return plan.decline(node, "a layer that counts its outputs along another axis shares its weight");
  plan.operand(node, 0);
};

const conv = (axis: number): Placement => layer((node, plan) => whyNotConv(node, axis, isFloat8(plan.options.activationType)), () => axis);

/** Of a matrix the last axis counts outputs; a stack of matrices has one scale. */
const outputsOf = (node: Node): number => {
  const rank = node.input(1)?.rank ?? 0;
  if (node.is("Gemm")) return node.int("transB", 0) === 1 ? 0 : 1;
  return rank === 2 ? 1 : rank;
};

/** Only the branch that no layer makes: the layer on the other one takes the Add into its own kernel, in float. */
const residual: Placement = (node, plan) => {
  const [a, b] = [node.input(0), node.input(1)];
  if (!a || !b || a === b || a.constant || b.constant) return;
  const [left, right] = [maker(a, plan), maker(b, plan)];
  if (!left && !right) return;
  // Of two layers the one at the end of the longer path is taken in: the other is a shortcut.
  const skip = left && right ? (plan.depth(a) >= plan.depth(b) ? 1 : 0) : left ? 1 : 0;
  plan.operand(node, skip);
};

/** Steps that a layer's kernel does after its sum. */
const epilogue: ReadonlySet<string> = new Set(["Add", "Mul", "BatchNormalization"]);

/** The quantized layer that makes a value for one reader, also through steps with constants. */
function maker(value: Value, plan: Planner): Node | undefined {
  for (let at: Value | undefined = value; at; ) {
    const producer: Node | undefined = at.producer;
    if (!producer || at.useCount !== 1 || at.isGraphOutput) return undefined;
    if (plan.hasOperand(producer)) return producer.opType === "Add" ? undefined : producer;
    if (!epilogue.has(producer.opType)) return undefined;
    const variable: (Value | null)[] = producer.inputs.filter((v) => v && !v.constant);
    at = variable.length === 1 ? variable[0]! : undefined;
  }
  return undefined;
}

/** Concat has no rule of its own: it is looked at when all operands are known. */
const later: Placement = () => undefined;

export const tensorrtPlacement: Readonly<Record<string, Placement>> = {
  Conv: conv(0),
  ConvTranspose: conv(1),
  Gemm: layer(whyNotProduct, outputsOf),
  MatMul: layer(whyNotProduct, outputsOf),
  Add: residual,
  Concat: later,
};

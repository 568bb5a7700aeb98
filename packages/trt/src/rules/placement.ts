/** Where Q and DQ stand: what is legal yet slow. */
import type { Node, Value } from "@lathe/core";
import { isDq } from "./facts.ts";
import { finding, type Finding } from "./finding.ts";

const layers: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);
export const isLayer = (node: Node | undefined): boolean => node !== undefined && node.domain === "" && layers.has(node.opType);

export const placementFindings = (node: Node): Finding[] => [...oneSide(node), ...bothBranches(node)];

const dequantized = (value: Value | undefined): Node | undefined => (isDq(value?.producer) ? value!.producer : undefined);
/** Weights of 4 bits go with float activations. */
const weightOnly = (dq: Node): boolean => dq.input(0)?.dtype === "int4" || dq.input(0)?.dtype === "float4e2m1";

function oneSide(node: Node): Finding[] {
  if (!isLayer(node)) return [];
  const [a, b] = [dequantized(node.input(0)), dequantized(node.input(1))];
  const one = a ?? b;
  if (!one || (a && b) || weightOnly(one)) return [];
  const [quantized, plain] = a ? [node.input(0)!, node.input(1)] : [node.input(1)!, node.input(0)];
  return [finding("qdq-one-side", `Node "${node.label}" (${node.opType}) reads "${quantized.name}" dequantized and "${plain?.name}" in float, and computes in float.`, node)];
}

/** A residual Add whose both inputs come from DQ although a layer makes one of them for it alone. */
function bothBranches(node: Node): Finding[] {
  if (!node.is("Add")) return [];
  const pairs = node.inputs.map((v) => dequantized(v ?? undefined));
  if (pairs.some((dq) => !dq)) return [];
  const made = pairs.map((dq) => dq!.input(0)?.producer?.input(0)?.producer);
  const fused = made.find((producer) => isLayer(producer) && producer!.out.useCount === 1);
  return fused ? [finding("qdq-both-branches", `Node "${node.label}" (Add) reads both inputs through Q and DQ, also the one that "${fused.label}" (${fused.opType}) makes for it alone.`, node)] : [];
}

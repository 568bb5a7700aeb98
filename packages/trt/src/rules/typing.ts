/** Strong typing: an operator's float inputs have one type, because nothing is cast silently; and what that makes of the engine. */
import { isFloat, type Model, type Node } from "@lathe/core";
import { isDq, isQ, type Facts } from "./facts.ts";
import { finding, type Finding } from "./finding.ts";

/** Operators whose float inputs have types of their own, by signature. */
const ownTypes: ReadonlySet<string> = new Set(["QuantizeLinear", "DequantizeLinear", "Cast", "CastLike", "Resize", "Upsample", "If", "Loop", "Scan"]);

export function typingFindings(node: Node): Finding[] {
  if (node.domain !== "" || ownTypes.has(node.opType)) return [];
  const floats = node.inputs.filter((v) => v?.dtype !== undefined && isFloat(v.dtype));
  const odd = floats.find((v) => v!.dtype !== floats[0]!.dtype);
  return odd ? [finding("mixed-types", `Node "${node.label}" (${node.opType}) reads "${floats[0]!.name}" of ${floats[0]!.dtype} and "${odd.name}" of ${odd.dtype}.`, node)] : [];
}

/** From release 11 on precision is in the graph alone. */
export function engineTypeFindings(model: Model, { version }: Facts): Finding[] {
  const nodes = [...model.graph.allNodes()];
  const quantized = nodes.some((n) => isQ(n) || isDq(n));
  if (version.major < 11) return quantized ? [finding("qdq-flag", "The model has Q and DQ.")] : [];
  const half = [...model.graph.allGraphs()].some((g) => [...g.values()].some((v) => v.dtype === "float16" || v.dtype === "bfloat16"));
  return half || quantized ? [] : [finding("float32-engine", "The model has neither 16-bit tensors nor Q and DQ.")];
}

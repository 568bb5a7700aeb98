/**
 * What the graph alone says of an engine: bytes of weights, bytes of activations alive at once, and for each layer the time that its arithmetic and
 * its traffic take at the device's peaks (the roofline of Williams et al. 2009). Bounds, not predictions: kernels reach a part of the peaks and
 * launches cost time of their own; on the other side, what stays in a GPU's cache between layers is no traffic.
 */
import { inferShapes, modelSize, stats, type Model, type Node } from "@lathe/core";
import { checkProfiles, type Profile } from "../profiles/profile.ts";
import { isDq } from "../rules/facts.ts";
import { devicePeaks, type DevicePeaks, type PeaksName } from "./devices.ts";

export interface BoundOptions {
  readonly device: PeaksName | DevicePeaks;
  /** Shapes; needed when an input is dynamic. */
  readonly profile?: Profile | undefined;
}

export interface NodeBound {
  readonly node: string;
  readonly op: string;
  /** Type that its arithmetic runs in: int8 and float8 when both operands come from DQ. */
  readonly type: "float32" | "float16" | "int8" | "float8";
  readonly macs: number;
  /** Least time in microseconds. */
  readonly us: number;
  readonly limit: "arithmetic" | "memory";
}

export interface Bounds {
  readonly device: string;
  /** Bytes of all constants as stored: the least size of an engine that holds its weights. */
  readonly weightBytes: number;
  /** Least bytes of activations alive at once, at the `opt` and the `max` shapes; fused layers need less, workspaces more. */
  readonly activationBytes: { readonly opt: number; readonly max: number };
  /** Sum over layers (Conv, MatMul, Gemm ...) at the `opt` shapes in microseconds. Other operators may fuse into them and count nothing. */
  readonly us: number;
  /** The layers, slowest first. */
  readonly layers: readonly NodeBound[];
  /** Layers whose work is not known. */
  readonly unknown: readonly string[];
}

const layerOps: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "Attention"]);

/**
 * Bounds of an engine on a device.
 * @example bounds(model, { device: "l4", profile: profileFor(model, { N: [1, 8, 32] }) }).us
 * @throws TRT_PROFILE when the profile is missing or does not fit
 */
export function bounds(model: Model, { device, profile }: BoundOptions): Bounds {
  checkProfiles(model, profile ? [profile] : []);
  const gpu = typeof device === "string" ? devicePeaks[device] : device;
  const at = (end: "opt" | "max") => stats(model, { inputs: shapesOf(profile, end), sparsity: false });
  const typed = model.clone();
  inferShapes(typed);
  const nodes = new Map([...typed.graph.allNodes()].map((node) => [node.label, node]));
  const opt = at("opt");
  const layers: NodeBound[] = [];
  const unknown: string[] = [];
  for (const layer of opt.layers) {
    const node = nodes.get(layer.name);
    if (!node || !layerOps.has(node.opType)) continue;
    if (layer.macs === undefined || layer.bytesMoved === undefined) unknown.push(layer.name);
    else layers.push(boundOf(node, layer.macs, layer.bytesMoved, gpu));
  }
  layers.sort((a, b) => b.us - a.us);
  return {
    device: gpu.name,
    weightBytes: modelSize(model).bytes,
    activationBytes: { opt: opt.activations.peakBytes, max: at("max").activations.peakBytes },
    us: layers.reduce((sum, l) => sum + l.us, 0),
    layers, unknown,
  };
}

const shapesOf = (profile: Profile | undefined, end: "opt" | "max"): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(profile ?? {}).map(([name, shapes]) => [name, shapes[end]]));


function boundOf(node: Node, macs: number, bytes: number, device: DevicePeaks): NodeBound {
  const type = typeOf(node);
  // Operands that come from DQ are read in their stored type; the result is taken to be written so as well, by fusion with the next Q.
  const stored = type === "int8" || type === "float8" ? bytes / (node.out.dtype === "float16" || node.out.dtype === "bfloat16" ? 2 : 4) : bytes;
  const rate = device[type] ?? device.float16;
  const arithmetic = (2 * macs) / (rate * 1e6);
  const memory = stored / (device.bandwidth * 1e3);
  return { node: node.label, op: node.opType, type, macs, us: Math.max(arithmetic, memory), limit: arithmetic >= memory ? "arithmetic" : "memory" };
}

function typeOf(node: Node): NodeBound["type"] {
  const operands = [node.input(0), node.input(1)].map((v) => (isDq(v?.producer) ? v!.producer!.input(0)?.dtype : undefined));
  if (operands.every((t) => t === "int8")) return "int8";
  if (operands.every((t) => t === "float8e4m3fn")) return "float8";
  return node.out.dtype === "float16" || node.out.dtype === "bfloat16" ? "float16" : "float32";
}

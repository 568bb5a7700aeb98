/**
 * Cross-layer equalisation (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction"): between two
 * layers with nothing but a Relu in between, each channel is scaled down in the first and up in the second so that both weights use
 * their range equally. The function of the network stays the same; per-tensor scales then fit all channels.
 */
import { Tensor, type Graph, type Node, type Value } from "@lathe/core";

interface Pair {
  readonly first: Node;
  readonly second: Node;
}

/** Most turns over all pairs; chains converge in a few. */
const MAX_TURNS = 20;
const CONVERGED = 1e-3;

/** Equalises in place. Gives the number of layer pairs. */
export function equalizeLayers(graph: Graph): number {
  const pairs = layerPairs(graph);
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    let change = 0;
    for (const pair of pairs) change = Math.max(change, equalize(pair, graph));
    if (change < CONVERGED) break;
  }
  return pairs.length;
}

function layerPairs(graph: Graph): Pair[] {
  const pairs: Pair[] = [];
  for (const first of graph.nodes) {
    if (!hasOwnWeights(first)) continue;
    let end = first.out;
    const behind = onlyConsumer(end);
    if (behind?.is("Relu") || (behind?.is("LeakyRelu") ?? false)) end = behind!.out;
    const second = onlyConsumer(end);
    if (second && second.input(0) === end && hasOwnWeights(second) && channelsMeet(first, second)) pairs.push({ first, second });
  }
  return pairs;
}

const onlyConsumer = (value: Value): Node | undefined => (value.useCount === 1 && !value.isGraphOutput ? value.consumers[0] : undefined);

/** Conv or Gemm whose weight and bias are constants that nothing else reads. */
function hasOwnWeights(node: Node): boolean {
  if (!node.is("Conv") && !(node.is("Gemm") && node.int("transA", 0) === 0)) return false;
  const own = (value: Value | undefined): boolean => value === undefined || (value.isInitializer && value.dtype === "float32" && value.useCount === 1);
  return node.input(1) !== undefined && own(node.input(1)) && own(node.input(2)) && (node.input(2)?.constant?.dims.length ?? 1) === 1;
}

const isDepthwise = (node: Node): boolean => node.opType === "Conv" && node.int("group", 1) > 1 && node.input(1)!.constant!.dims[1] === 1 && node.int("group", 1) === node.input(1)!.constant!.dims[0];

/** The second layer reads channel i of the first one as a slice of its weight along one axis. */
function channelsMeet(first: Node, second: Node): boolean {
  const out = first.input(1)!.constant!.dims[outputAxis(first)]!;
  if (first.opType === "Conv" && second.opType === "Gemm") return false;
  if (second.opType === "Conv" && second.int("group", 1) !== 1 && !isDepthwise(second)) return false;
  return second.input(1)!.constant!.dims[inputAxis(second)] === out;
}

const outputAxis = (node: Node): number => (node.opType === "Conv" || node.int("transB", 0) === 1 ? 0 : 1);
const inputAxis = (node: Node): number => (node.opType === "Conv" ? (isDepthwise(node) ? 0 : 1) : node.int("transB", 0) === 1 ? 1 : 0);

function equalize({ first, second }: Pair, graph: Graph): number {
  const [w1, w2] = [first.input(1)!, second.input(1)!];
  const r1 = channelReach(w1.constant!, outputAxis(first));
  const r2 = channelReach(w2.constant!, inputAxis(second));
  const scales = Float32Array.from(r1, (reach, c) => (reach > 0 && r2[c]! > 0 ? Math.sqrt(reach / r2[c]!) : 1));
  const inverse = scales.map((s) => 1 / s);
  graph.setInitializer(w1, scaleChannels(w1.constant!, outputAxis(first), inverse));
  graph.setInitializer(w2, scaleChannels(w2.constant!, inputAxis(second), scales));
  const bias = first.input(2);
  if (bias) graph.setInitializer(bias, scaleChannels(bias.constant!, 0, inverse));
  return scales.reduce((most, s) => Math.max(most, Math.abs(Math.log(s))), 0);
}

/** Largest magnitude of each channel. */
export function channelReach(tensor: Tensor, axis: number): Float32Array {
  const reach = new Float32Array(tensor.dims[axis]!);
  eachChannel(tensor, axis, (x, c) => {
    const a = Math.abs(x);
    if (a > reach[c]!) reach[c] = a;
  });
  return reach;
}

/** A tensor with each channel multiplied by its factor. */
export function scaleChannels(tensor: Tensor, axis: number, factors: ArrayLike<number>): Tensor {
  const out = new Float32Array(tensor.size);
  eachChannel(tensor, axis, (x, c, i) => (out[i] = x * factors[c]!));
  return Tensor.from("float32", tensor.dims, out);
}

function eachChannel(tensor: Tensor, axis: number, visit: (x: number, channel: number, index: number) => void): void {
  const data = tensor.toFloat32();
  const channels = tensor.dims[axis]!;
  const inner = tensor.dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  for (let i = 0; i < data.length; i++) visit(data[i]!, Math.floor(i / inner) % channels, i);
}

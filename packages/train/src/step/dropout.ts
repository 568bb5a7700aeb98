/**
 * Dropout in training: each Dropout becomes a product with a mask that the loop feeds, drawn from the seed and the step number,
 * so that a resumed run sees the same masks. Source: Srivastava et al. 2014, scaled by 1 / (1 - ratio) as in ONNX Dropout-13.
 */
import { Node, Tensor, Value, random, tensorType, type Graph, type Shape } from "@lathe/core";

/** A mask to feed: entries are 0 with probability `ratio`, else 1 / (1 - ratio). */
export interface Mask {
  readonly name: string;
  readonly shape: Shape;
  readonly ratio: number;
}

/** Rewrites every Dropout of the main graph whose mask nobody reads and whose ratio is constant; the ratio's default is 0.5. */
export function useMasks(graph: Graph): Mask[] {
  const masks: Mask[] = [];
  for (const node of [...graph.nodes]) {
    const ratio = node.is("Dropout") ? (node.input(1) ? node.input(1)!.constant?.toNumbers()[0] : 0.5) : undefined;
    const x = node.input(0);
    if (!x?.shape || ratio === undefined || (node.output(1) && !node.output(1)!.isUnused)) continue;
    if (ratio === 0) continue;
    const mask = { name: `lathe/mask${masks.length}`, shape: x.shape, ratio };
    const input = graph.addInput(mask.name, tensorType("float32", x.shape));
    const product = new Node({ opType: "Mul", name: `${node.label}/masked`, inputs: [x, input], outputs: [new Value(`${node.label}/masked`, x.type)] });
    graph.insertBefore(node, product);
    graph.replaceUses(node.out, product.out);
    graph.remove(node);
    masks.push(mask);
  }
  return masks;
}

export function drawMask(mask: Mask, dims: readonly number[], seed: number, step: number): Tensor {
  const { float } = random(seed).fork(`${mask.name}/${step}`);
  const kept = 1 / (1 - mask.ratio);
  const size = dims.reduce((p, d) => p * d, 1);
  const data = new Float32Array(size);
  for (let i = 0; i < size; i++) data[i] = float() < mask.ratio ? 0 : kept;
  return Tensor.from("float32", dims, data);
}

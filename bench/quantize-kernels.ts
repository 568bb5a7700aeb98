/**
 * What the rewrites of CPU targets (packages/quantize/src/tune) gain, node by node: the same model quantized with and without them, in
 * ONNX Runtime's own profile. One thread; of each node the mean over 30 runs. Takes half a minute.
 *
 *   npx tsx --conditions=@lathe/source bench/quantize-kernels.ts
 */
import type { Feeds, Model } from "@lathe/core";
import { ortRuntime, profile } from "@lathe/ort";
import { quantizeDynamic, quantizeStatic } from "@lathe/quantize";
import { quantizeCases } from "./lib/quantize-models.ts";

const find = (name: string) => quantizeCases().find((each) => each.name === name)!;
const encoder = find("transformer-12x384");
const resnet = find("resnet50-shaped");
const images = resnet.feeds(2);
const quantized = async (target: "wasm" | "x64-vnni"): Promise<Model> => (await quantizeStatic(resnet.model(), { target }, { runtime: ortRuntime(), data: images })).model;

const pairs: readonly { what: string; before: Model; after: Model; feeds: Feeds; concerned: RegExp }[] = [
  {
    what: "Add before LayerNormalization",
    before: quantizeDynamic(encoder.model()).model,
    after: quantizeDynamic(encoder.model(), { target: "x64-vnni" }).model,
    feeds: encoder.feeds(1)[0]!,
    concerned: /^(SkipLayerNormalization|LayerNormalization|Sum)$/,
  },
  // The target "wasm" chooses the same types and nodes, and leaves the first layer as it is.
  { what: "first layer of ResNet-50", before: await quantized("wasm"), after: await quantized("x64-vnni"), feeds: images[0]!, concerned: /^(SpaceToDepth|Transpose|conv1_.*)$/ },
];

for (const { what, before, after, feeds, concerned } of pairs) {
  const rows = [];
  for (const [form, model] of Object.entries({ before, after })) {
    const { nodes, nodesMs } = await profile(model, feeds, { threads: 1, runs: 30, warmup: 5 });
    const own = nodes.filter((node) => concerned.test(node.op) || concerned.test(node.name));
    rows.push({ form, nodes: own.length, "ms of these": own.reduce((sum, node) => sum + node.ms, 0).toFixed(3), "ms of all": nodesMs.toFixed(3) });
  }
  console.log(what);
  console.table(rows);
}

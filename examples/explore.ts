/** Look at a model, cell by cell. Run it: npx tsx --conditions=@lathe/source examples/explore.ts */
import { inferShapes, stats } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime, profile, randomFeeds } from "@lathe/ort";

// %% Load. `console.log(model)` shows a summary here and a table in notebooks.
export const model = await loadModel(new URL("../fixtures/models/fashion-mobilenet.onnx", import.meta.url));
inferShapes(model);
console.log(model);

// %% Where is the work?
export const facts = stats(model);
const heaviest = facts.layers.toSorted((a, b) => (b.macs ?? 0) - (a.macs ?? 0)).slice(0, 5);
console.table(heaviest.map(({ name, op, outputs, macs }) => ({ name, op, output: outputs[0], macs })));

// %% Walk the graph: every convolution with its kernel.
export const convolutions = [...model.graph.nodes].filter((node) => node.is("Conv")).map((node) => ({
  name: node.name,
  kernel: node.input(1)?.constant?.dims.join("x"),
  group: node.int("group", 1),
}));
console.table(convolutions.slice(0, 5));

// %% Run it, and see where the time goes in ONNX Runtime.
const feeds = randomFeeds(model, { seed: 1, bindings: { N: 1 } });
const session = await ortRuntime().load(model);
export const logits = (await session.run(feeds))["logits"]!.toFloat32();
await session.dispose();
console.log("logits", [...logits].map((x) => x.toFixed(2)).join(" "));
console.table((await profile(model, feeds)).nodes.slice(0, 5));

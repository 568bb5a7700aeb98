/** Loads a model, shows its figures, quantizes it and checks the result with onnxruntime-web: all in the page. */
import { Tensor, dataset, decodeModel, encodeModel, inferShapes, pipeline, simplify, stats, type Model, type Runtime } from "@lathe/core";
import { webRuntime } from "@lathe/ort/web";
import { staticQuantize } from "@lathe/quantize";
import * as ort from "onnxruntime-web";

ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href;
ort.env.wasm.numThreads = 1;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const status = (text: string): void => void (element("status").textContent = text);
const runtime = webRuntime({ ort });

/** Images of the bundled set: float32 [1, 1, 28, 28] in [0, 1]. */
async function images(count: number): Promise<Tensor[]> {
  const pixels = new Uint8Array(await (await fetch("images.bin")).arrayBuffer());
  return Array.from({ length: count }, (_, i) => Tensor.from("float32", [1, 1, 28, 28], Float32Array.from(pixels.subarray(i * 784, (i + 1) * 784), (p) => p / 255)));
}

/** Uniform noise of the model's input shape, for models that the page has no data for. */
function noise(model: Model, count: number): Tensor[] {
  const dims = (model.graph.inputs[0]?.shape ?? []).map((d) => (typeof d === "number" ? d : 1));
  const size = dims.reduce((p, d) => p * d, 1);
  return Array.from({ length: count }, () => Tensor.from("float32", dims, Float32Array.from({ length: size }, () => Math.random())));
}

interface Run {
  readonly outputs: Float32Array[];
  readonly milliseconds: number;
}

async function runAll(model: Model, input: string, tensors: readonly Tensor[], engine: Runtime): Promise<Run> {
  const session = await engine.load(model);
  const outputs: Float32Array[] = [];
  await session.run({ [input]: tensors[0]! });
  const start = performance.now();
  for (const tensor of tensors) outputs.push(Object.values(await session.run({ [input]: tensor }))[0]!.toFloat32().slice());
  const milliseconds = (performance.now() - start) / tensors.length;
  await session.dispose();
  return { outputs, milliseconds };
}

const best = (scores: Float32Array): number => scores.indexOf(Math.max(...scores));

async function quantize(bytes: Uint8Array, bundled: boolean): Promise<void> {
  const model = decodeModel(bytes);
  inferShapes(model);
  const input = model.graph.inputs.find((v) => !v.tensor)!.name;
  const tensors = bundled ? await images(64) : noise(model, 16);
  status("Calibrating and quantizing ...");
  const run = pipeline(simplify(), staticQuantize({ target: "wasm" })).run(model, { data: dataset(tensors.slice(0, 32).map((tensor) => ({ [input]: tensor }))), runtime });
  for await (const event of run) if (event.type === "progress") status(`${event.step.name} ${Math.round((event.fraction ?? 0) * 100)} %`);
  const { model: small } = await run.result;
  status("Comparing in ONNX Runtime Web ...");
  const [before, after] = [await runAll(model, input, tensors, runtime), await runAll(small, input, tensors, runtime)];
  const agreement = before.outputs.filter((scores, i) => best(scores) === best(after.outputs[i]!)).length / tensors.length;
  const encoded = encodeModel(small);
  show(model, [
    ["Size", `${(bytes.length / 1000).toFixed(0)} kB`, `${(encoded.length / 1000).toFixed(0)} kB`],
    ["Time a run", `${before.milliseconds.toFixed(2)} ms`, `${after.milliseconds.toFixed(2)} ms`],
    ["Same answer", "", `${(agreement * 100).toFixed(1)} % of ${tensors.length}`],
  ]);
  const link = element<HTMLAnchorElement>("download");
  link.href = URL.createObjectURL(new Blob([encoded as Uint8Array<ArrayBuffer>]));
  link.hidden = false;
  status("Done.");
  Object.assign(globalThis, { latheResult: { agreement, before: bytes.length, after: encoded.length, parameters: stats(model).parameters } });
}

function show(model: Model, rows: readonly (readonly string[])[]): void {
  const facts = stats(model);
  const cells = (row: readonly string[], tag: string): string => row.map((cell) => `<${tag}>${cell}</${tag}>`).join("");
  element("result").innerHTML = `<p>${facts.nodes} nodes, ${facts.parameters.toLocaleString("en")} parameters, opset ${model.opset}</p>
    <table><thead><tr>${cells(["", "float32", "int8"], "th")}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("")}</tbody></table>`;
}

element("run").addEventListener("click", async () => {
  const file = element<HTMLInputElement>("file").files?.[0];
  try {
    const bytes = new Uint8Array(await (file ?? (await fetch("model.onnx"))).arrayBuffer());
    await quantize(bytes, file === undefined);
  } catch (error) {
    status(error instanceof Error ? error.message : String(error));
  }
});

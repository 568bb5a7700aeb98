/** Files of a task as models and datasets. */
import { dataset, sliceRows, type Dataset, type Model, type Sample, type Tensor } from "@lathe/core";
import { loadModel, readNpz } from "@lathe/core/node";
import { constants, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { gatewayErrors } from "../errors.ts";
import type { DataFile, ModelFiles } from "./protocol.ts";

/** Exactly the files of the manifest are put in the folder; a name in the model that is not among them leads nowhere. */
export async function openModel(files: ModelFiles, folder: string, name = "model"): Promise<Model> {
  if (files.data.length === 0) return loadModel(files.graph);
  const home = join(folder, name);
  await mkdir(home);
  // Names of data files never begin with a dot.
  const graph = join(home, ".graph.onnx");
  for (const { path, target } of [{ path: files.graph, target: graph }, ...files.data.map((d) => ({ path: d.path, target: join(home, d.name) }))]) {
    // A clone where the file system can, else a copy: links are what the reader refuses.
    await copyFile(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
  return loadModel(graph);
}

/** Arrays named like the model's inputs, the first axis numbering the samples, cut into runs of `batch`; of the first `most` samples. @throws INVALID_INPUT */
export async function openData({ path, batch }: DataFile, most = Infinity): Promise<Dataset> {
  const columns = await readNpz(path);
  const count = Math.min(most, samplesOf(columns));
  return dataset(() => rows(columns, batch, count));
}

/** The number of samples, which all arrays have. @throws INVALID_INPUT */
function samplesOf(columns: Readonly<Record<string, Tensor>>): number {
  const counts = Object.entries(columns).map(([name, { dims }]) => ({ name, samples: dims[0] ?? 0 }));
  const [first] = counts;
  if (first === undefined || first.samples === 0 || counts.some(({ samples }) => samples !== first.samples)) {
    throw gatewayErrors.INVALID_INPUT({ at: "The dataset", expected: "arrays with the same number of samples, at least one, along the first axis", received: counts.map(({ name, samples }) => `"${name}" with ${samples}`).join(", ") || "no array" });
  }
  return first.samples;
}

function* rows(columns: Readonly<Record<string, Tensor>>, batch: number, count: number): Iterable<Sample> {
  for (let from = 0; from < count; from += batch) {
    yield Object.fromEntries(Object.entries(columns).map(([name, t]) => [name, sliceRows(t, from, Math.min(count, from + batch))]));
  }
}

/** Files of a task as models and datasets. */
import { dataset, rowsIn, runsOf, type Dataset, type Model } from "@lathe/core";
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
  const { each, common } = rowsIn(columns);
  if (common === undefined) {
    const received = Object.entries(each).map(([name, samples]) => `"${name}" with ${samples}`).join(", ") || "no array";
    throw gatewayErrors.INVALID_INPUT({ at: "The dataset", expected: "arrays with the same number of samples, at least one, along the first axis", received });
  }
  return dataset(() => runsOf(columns, Math.min(most, common), batch));
}

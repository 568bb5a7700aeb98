/** Writes the whole models of packages/train/test/models.ts for bench/peers/model_gradients.py: FOLDER/<name>.safetensors. */
import { writeFileSync } from "node:fs";
import { encodeTensors } from "@lathe/train";
import { modelCases } from "../packages/train/test/models.ts";

const folder = process.argv[2];
if (!folder) throw new Error("Give a folder.");
for (const { name, model, batch } of modelCases()) {
  const tensors = new Map([...model.graph.initializers].map((v) => [v.name, v.tensor!]));
  for (const [key, tensor] of Object.entries(batch)) tensors.set(`batch/${key}`, tensor);
  writeFileSync(`${folder}/${name}.safetensors`, encodeTensors({ tensors, metadata: {} }));
}

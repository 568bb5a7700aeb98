import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Model } from "../ir/model.ts";
import { decodeModel, type DecodeOptions } from "../onnx/model.ts";
import { folderResolver, type ExternalFileOptions } from "./external-files.ts";
import { OpenFile } from "./open-file.ts";

export interface LoadOptions extends Omit<DecodeOptions, "externalData">, ExternalFileOptions {
  /** Files up to this many bytes are read whole; of larger ones weights stay in the file until they are used. Default 16 MiB. */
  readonly readWholeUpTo?: number;
}

/** Node 20 cannot make a buffer of 4 GiB or more. */
const MAX_BUFFER = 2 ** 32 - 1;

/**
 * Reads an ONNX file, with its external data, of any size. Tensors in external files, and large ones in large model files, are read
 * when they are used: do not change those files in place meanwhile (replacing them, as `saveModel` does, is fine).
 * @throws FILE_OPEN, FILE_NOT_REGULAR, ONNX_* (see `decodeModel`), ONNX_EXTERNAL_*
 */
export async function loadModel(path: string | URL, options: LoadOptions = {}): Promise<Model> {
  const name = pathOf(path);
  const file = new OpenFile(name);
  const whole = file.byteLength <= Math.min(options.readWholeUpTo ?? 2 ** 24, MAX_BUFFER);
  try {
    return decodeModel(whole ? file.read(0, file.byteLength) : file, { ...options, externalData: folderResolver(dirname(name), options) });
  } finally {
    if (whole) file.close();
  }
}

export const pathOf = (path: string | URL): string => (typeof path === "string" ? path : fileURLToPath(path));

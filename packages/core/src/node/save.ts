import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { Model } from "../ir/model.ts";
import { encodeParts, partsLength } from "../onnx/encode.ts";
import { modelToProto } from "../onnx/model-to-proto.ts";
import { fileErrors } from "./errors.ts";
import { ExternalLayout } from "./external-layout.ts";
import { pathOf } from "./load.ts";
import { writeFiles } from "./write-file.ts";

export interface ExternalDataOptions {
  /** Name of the data file beside the model. Default: the model's name with `.data` added. */
  readonly file?: string;
  /** Tensors of at least this many bytes are stored there. Default 1024. */
  readonly threshold?: number;
  /** Each tensor begins at a multiple of this many bytes, so that it can be mapped into memory. Default 4096. */
  readonly alignment?: number;
  /** State the SHA-1 of the data file in the model. Default false: few readers check it. */
  readonly checksum?: boolean;
}

export interface SaveOptions {
  /**
   * Keep large tensors in a second file. Default: only when the model would reach 2 GiB, which protobuf readers refuse.
   * `false` writes one file of any size.
   */
  readonly externalData?: boolean | ExternalDataOptions;
}

/** What protobuf implementations accept at most. */
const MAX_MESSAGE = 2 ** 31 - 1;

/**
 * Writes the model, and its external data when asked for, so that a failure leaves what was there before. Weights are passed
 * through piece by piece: a tensor in a file is copied from there without being loaded. It is safe to write over the files that the
 * model was loaded from.
 * @throws FILE_WRITE, FILE_EXTERNAL_NAME, FILE_EXTERNAL_OPTION, ONNX_ENCODE_SCOPE
 */
export async function saveModel(model: Model, path: string | URL, { externalData }: SaveOptions = {}): Promise<void> {
  const target = pathOf(path);
  if (externalData === false) return saveWhole(model, target);
  if (externalData !== undefined) return saveSplit(model, target, externalData === true ? {} : externalData);
  const parts = encodeParts("ModelProto", modelToProto(model));
  if (partsLength(parts) > MAX_MESSAGE) return saveSplit(model, target, {});
  return writeFiles([{ path: target, write: (file) => file.write(parts) }]);
}

const saveWhole = (model: Model, path: string): Promise<void> =>
  writeFiles([{ path, write: (file) => file.write(encodeParts("ModelProto", modelToProto(model))) }]);

async function saveSplit(model: Model, path: string, options: ExternalDataOptions): Promise<void> {
  const { location, threshold, alignment } = checked(options, path);
  const layout = new ExternalLayout({ location, threshold, alignment });
  modelToProto(model, layout.add);
  layout.arrange();
  if (layout.isEmpty) return saveWhole(model, path);
  const hash = options.checksum ? createHash("sha1") : undefined;
  // The data comes first: at no time does a model name data that is not there.
  return writeFiles([
    {
      path: join(dirname(path), location),
      write: (file) => {
        file.hash = hash;
        return file.write(layout.parts());
      },
    },
    { path, write: (file) => file.write(encodeParts("ModelProto", modelToProto(model, layout.placement(hash?.digest("hex"))))) },
  ]);
}

function checked({ file, threshold = 1024, alignment = 4096 }: ExternalDataOptions, path: string): { location: string; threshold: number; alignment: number } {
  const location = file ?? `${basename(path)}.data`;
  const plain = location !== "" && location !== "." && location !== ".." && !/[/\\:\0]/.test(location) && location !== basename(path);
  if (!plain) throw fileErrors.FILE_EXTERNAL_NAME({ name: location });
  if (!(threshold >= 1)) throw fileErrors.FILE_EXTERNAL_OPTION({ option: "threshold", received: threshold, expected: "a number of bytes >= 1" });
  if (!Number.isSafeInteger(alignment) || alignment < 1) throw fileErrors.FILE_EXTERNAL_OPTION({ option: "alignment", received: alignment, expected: "an integer >= 1" });
  return { location, threshold, alignment };
}

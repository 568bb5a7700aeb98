/** Models from and to bytes. For files, external data and models beyond one buffer see @lathe/core/node. */
import type { Model } from "../ir/model.ts";
import { decodeProto } from "./decode.ts";
import { encodeParts, joinParts } from "./encode.ts";
import { memoryResolver, type ExternalResolver } from "./external-ref.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { modelFromProto } from "./model-from-proto.ts";
import { modelToProto } from "./model-to-proto.ts";
import type { OnNotice } from "./notice.ts";
import type { RandomAccess } from "./wire.ts";
import { chunksOf } from "./writer.ts";

export interface DecodeOptions {
  /** Bounds to raise or lower; see {@link Limits}. */
  readonly limits?: Partial<Limits>;
  /** Content of external files by their location, or a function that gives the storage of each external tensor. */
  readonly externalData?: ReadonlyMap<string, Uint8Array> | ExternalResolver;
  /** Told of everything that was left out or put right. */
  readonly onNotice?: OnNotice;
}

/**
 * Reads an ONNX model. Tensors are views of the source's bytes: do not change them afterwards. Over a file (`RandomAccess`) large
 * weights are left where they are; `loadModel` of @lathe/core/node does that.
 * @throws ONNX_* of `codecErrors` for damaged bytes and exceeded limits, of `onnxErrors` for models that are not valid.
 */
export function decodeModel(source: Uint8Array | RandomAccess, options: DecodeOptions = {}): Model {
  const limits = { ...defaultLimits, ...options.limits };
  const { externalData } = options;
  const external = externalData === undefined || typeof externalData === "function" ? externalData : memoryResolver(externalData);
  const notice = options.onNotice ?? ((): void => {});
  return modelFromProto(decodeProto("ModelProto", source, limits), { external, notice, denseBytes: limits.denseBytes });
}

/**
 * The model as one ONNX file in memory. The same model always gives the same bytes.
 * @throws ONNX_ENCODE_SIZE when no buffer can hold it; ONNX_ENCODE_SCOPE when a node reads a value that is nowhere defined.
 */
export function encodeModel(model: Model): Uint8Array {
  return joinParts(encodeParts("ModelProto", modelToProto(model)));
}

/** The same bytes piece by piece, without a copy of the weights; weights in files are read as they are asked for. */
export function encodeModelChunks(model: Model): Iterable<Uint8Array> {
  return chunksOf(encodeParts("ModelProto", modelToProto(model)));
}

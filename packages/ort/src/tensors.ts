/** Tensors of core to and from their raw form. */
import { isDType, Tensor, type Feeds, type SessionValue } from "@lathe/core";
import type { RawTensor, RawTensors, RawValue } from "./engine/raw.ts";
import { ortErrors } from "./errors.ts";

/** Shares the bytes. */
export const toRaw = (feeds: Feeds): RawTensors =>
  Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, rawTensor(tensor)]));

const rawTensor = (tensor: Tensor): RawTensor =>
  ({ dtype: tensor.dtype, dims: tensor.dims, data: tensor.dtype === "string" ? tensor.strings() : tensor.bytes() });

/** Shares the bytes. Results that were written `into` a tensor are that tensor. */
export const fromRaw = (raw: RawTensors, into?: Feeds): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(raw).map(([name, tensor]) => [name, into?.[name]?.bytes() === tensor.data ? into[name]! : tensorOf(name, tensor)]));

function tensorOf(name: string, { dtype, dims, data }: RawTensor): Tensor {
  if (!(data instanceof Uint8Array)) return Tensor.fromStrings(dims, data);
  if (!isDType(dtype)) throw ortErrors.ORT_DTYPE({ name, dtype });
  return Tensor.fromBytes(dtype, dims, data);
}

/** ONNX Runtime writes an unnamed dimension as an empty symbol. */
export const toSessionValue = ({ name, dtype, shape }: RawValue): SessionValue => ({
  name,
  dtype: dtype !== undefined && isDType(dtype) ? dtype : undefined,
  shape: shape?.map((d) => (d === "" ? null : d)),
});

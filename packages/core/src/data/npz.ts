/** The .npz format of NumPy: a zip file with one .npy file per array. */
import type { Tensor } from "../tensor.ts";
import { decodeNpy, encodeNpy } from "./npy.ts";
import { readZip, type ZipLimits } from "./zip.ts";
import { writeZip } from "./zip-write.ts";

/**
 * Arrays by name, in file order.
 * @throws ZIP_FORMAT, ZIP_LIMIT, INFLATE, NPY_FORMAT, NPY_DTYPE
 */
export async function decodeNpz(bytes: Uint8Array, limits: ZipLimits = {}, what = "The data"): Promise<Record<string, Tensor>> {
  const tensors: [string, Tensor][] = [];
  for (const entry of readZip(bytes, limits, what)) {
    const name = entry.name.endsWith(".npy") ? entry.name.slice(0, -4) : entry.name;
    tensors.push([name, decodeNpy(await entry.read(), `Entry "${entry.name}" of ${what}`)]);
  }
  return Object.fromEntries(tensors);
}

/** @throws NPY_DTYPE */
export async function encodeNpz(tensors: Readonly<Record<string, Tensor>>, options: { readonly compress?: boolean } = {}): Promise<Uint8Array> {
  return writeZip(Object.entries(tensors).map(([name, tensor]) => ({ name: `${name}.npy`, bytes: encodeNpy(tensor) })), options);
}

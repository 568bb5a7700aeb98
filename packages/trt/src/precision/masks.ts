/** Infinite constants, made finite: 16 bits cannot tell them from overflow, and calibration would stop at them. */
import { Tensor, dtypes, type Model, type Value } from "@lathe/core";

/** Constants larger than this are weights; they are left as they are. */
const READ_AT_MOST = 1 << 22;

/** Puts the largest finite value of `dtype` in place of infinities in float32 constants. Gives the names of what changed. */
export function boundMasks(model: Model, dtype: "float16" | "bfloat16"): string[] {
  const { max } = dtypes[dtype];
  const changed: string[] = [];
  const bound = (value: Value): void => {
    const tensor = value.tensor;
    if (!tensor || tensor.dtype !== "float32" || tensor.size > READ_AT_MOST) return;
    const data = tensor.toFloat32();
    if (!data.some((x) => Math.abs(x) === Infinity)) return;
    value.graph!.setInitializer(value, Tensor.from("float32", tensor.dims, data.map((x) => (Math.abs(x) === Infinity ? Math.sign(x) * max : x))));
    changed.push(value.name);
  };
  for (const graph of model.graph.allGraphs()) for (const value of Array.from(graph.initializers)) bound(value);
  return changed;
}

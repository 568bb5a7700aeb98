/** Initializers of quantized weights, made once for each weight and way of quantizing it. */
import { Tensor, type Value } from "@lathe/core";
import type { WeightValues } from "./emit.ts";
import { Budget, LazyMatrix } from "./lazy.ts";
import type { QuantizedMatrix } from "./matrix.ts";
import type { QuantizedTensors } from "./tensors.ts";

/** Packed codes that are kept once made; beyond it they are made again for each write. */
const KEPT = 2 ** 29;

export class WeightStore {
  readonly #budget = new Budget(KEPT);
  readonly #made = new Map<Value, Map<string, WeightValues>>();
  /** Tensors quantized, and the bytes of these before and after. */
  weights = 0;
  before = 0;
  after = 0;

  /** Of a matrix: made when it is written where the weight lies in a file, else now. */
  matrix(weight: Value, key: string, suffix: string, tensors: (lazy: LazyMatrix) => QuantizedTensors, make: () => QuantizedMatrix): WeightValues {
    return this.tensors(weight, key, suffix, () => {
      const made = tensors(new LazyMatrix(make, this.#budget));
      return weight.tensor!.storage.kind === "file" ? made : settled(made);
    });
  }

  tensors(weight: Value, key: string, suffix: string, make: () => QuantizedTensors): WeightValues {
    const copies = this.#made.get(weight) ?? new Map<string, WeightValues>();
    this.#made.set(weight, copies);
    const known = copies.get(key);
    if (known) return known;
    const { codes, scales, zeros } = make();
    const home = weight.graph!;
    const prefix = `${weight.name}${suffix.startsWith("_table") ? "_table" : ""}`;
    const values = {
      codes: home.addInitializer(`${weight.name}${suffix}`, codes),
      scales: home.addInitializer(`${prefix}_scales`, scales),
      zeros: zeros && home.addInitializer(`${prefix}_zero_points`, zeros),
    };
    copies.set(key, values);
    this.weights++;
    this.before += weight.tensor!.byteLength;
    this.after += codes.byteLength + scales.byteLength + (zeros?.byteLength ?? 0);
    return values;
  }
}

/** The same tensors with their content in memory. */
function settled({ codes, scales, zeros }: QuantizedTensors): QuantizedTensors {
  const now = (tensor: Tensor): Tensor => Tensor.fromBytes(tensor.dtype, tensor.dims, tensor.bytes());
  return { codes: now(codes), scales: now(scales), zeros: zeros && now(zeros) };
}

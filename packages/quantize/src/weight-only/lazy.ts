/**
 * Quantized matrices that are computed when they are written. Scales and zero points are kept once known; packed codes are kept while
 * the budget lasts, and beyond it only as long as memory allows, to be computed again when asked for again.
 */
import { Tensor, type DType, type TensorStorage } from "@lathe/core";
import type { QuantizedMatrix } from "./matrix.ts";

/** Bytes of packed codes that conversions may hold on to. */
export class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}

type Small = Omit<QuantizedMatrix, "packed">;

export class LazyMatrix {
  readonly #make: () => QuantizedMatrix;
  readonly #budget: Budget;
  #whole: QuantizedMatrix | undefined;
  #recent: WeakRef<Uint8Array> | undefined;
  #small: Small | undefined;

  constructor(make: () => QuantizedMatrix, budget: Budget) {
    this.#make = make;
    this.#budget = budget;
  }

  get(): QuantizedMatrix {
    if (this.#whole) return this.#whole;
    const packed = this.#recent?.deref();
    if (packed && this.#small) return { ...this.#small, packed };
    const made = this.#make();
    if (this.#budget.take(made.packed.byteLength)) return (this.#whole = made);
    const { packed: codes, ...small } = made;
    this.#small = small;
    this.#recent = new WeakRef(codes);
    return made;
  }

  /** Scales and zero points, without the codes when they are not at hand. */
  small(): Small {
    return this.#whole ?? this.#small ?? this.get();
  }

  /** A tensor made of the whole matrix; computed again at each use beyond the budget. */
  tensor(dtype: DType, dims: readonly number[], byteLength: number, part: (matrix: QuantizedMatrix) => Uint8Array): Tensor {
    return new Tensor(dtype, dims, lazy(byteLength, () => part(this.get())));
  }

  /** A tensor made of scales or zero points. */
  smallTensor(dtype: DType, dims: readonly number[], byteLength: number, part: (matrix: Small) => Uint8Array): Tensor {
    let made: Uint8Array | undefined;
    return new Tensor(dtype, dims, lazy(byteLength, () => (made ??= part(this.small()))));
  }
}

const lazy = (byteLength: number, bytes: () => Uint8Array): TensorStorage => ({ kind: "lazy", byteLength, bytes });

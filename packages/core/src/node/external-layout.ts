/** Where each tensor goes in an external data file. */
import type { EntryProto } from "../onnx/proto.ts";
import { partOf, type ExternalPlacement } from "../onnx/tensor-proto.ts";
import type { Part } from "../onnx/writer.ts";
import type { Tensor, TensorStorage } from "../tensor.ts";

export interface LayoutOptions {
  /** Name of the file, as the model will say it. */
  readonly location: string;
  /** Tensors of fewer bytes stay in the model. */
  readonly threshold: number;
  /** Each tensor begins at a multiple of this. */
  readonly alignment: number;
}

/**
 * Collects tensors while `add` is used as a placement, then lays them out: small before large, so that padding is near other small
 * ones and the order does not depend on how the model was edited; equals keep the model's order. Shared content is stored once.
 */
export class ExternalLayout {
  readonly #options: LayoutOptions;
  readonly #found = new Map<TensorStorage, Tensor>();
  readonly #offsets = new Map<TensorStorage, number>();
  #order: Tensor[] = [];

  constructor(options: LayoutOptions) {
    this.#options = options;
  }

  /** A placement that only takes note. */
  readonly add: ExternalPlacement = (tensor) => {
    if (tensor.byteLength < this.#options.threshold) return undefined;
    this.#found.set(tensor.storage, tensor);
    return [];
  };

  /** Fixes the offsets of all tensors found. */
  arrange(): void {
    this.#order = [...this.#found.values()].sort((a, b) => a.byteLength - b.byteLength);
    let end = 0;
    for (const tensor of this.#order) {
      const offset = this.#aligned(end);
      this.#offsets.set(tensor.storage, offset);
      end = offset + tensor.byteLength;
    }
  }

  /** The placement for writing the model. `checksum` is the SHA-1 of the whole file. */
  placement(checksum?: string): ExternalPlacement {
    return ({ storage }) => {
      const offset = this.#offsets.get(storage);
      if (offset === undefined) return undefined;
      const entries: EntryProto[] = [
        { key: "location", value: this.#options.location },
        { key: "offset", value: String(offset) },
        { key: "length", value: String(storage.byteLength) },
      ];
      return checksum === undefined ? entries : [...entries, { key: "checksum", value: checksum }];
    };
  }

  get isEmpty(): boolean {
    return this.#order.length === 0;
  }

  /** The content of the file, with padding. */
  *parts(): Generator<Part, void, undefined> {
    let end = 0;
    for (const tensor of this.#order) {
      const offset = this.#offsets.get(tensor.storage)!;
      if (offset > end) yield new Uint8Array(offset - end);
      yield partOf(tensor);
      end = offset + tensor.byteLength;
    }
  }

  #aligned(offset: number): number {
    const { alignment } = this.#options;
    return Math.ceil(offset / alignment) * alignment;
  }
}

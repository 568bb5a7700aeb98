/** What weight-only quantization needs and what it did. */
import type { Feeds, Runtime } from "@lathe/core";
import type { WeightFormat } from "./options.ts";

export interface WeightOnlyServices {
  /** For gptq and awq. */
  readonly runtime?: Runtime | undefined;
  /** May be read several times, so that a generator is not enough. */
  readonly data?: AsyncIterable<Feeds> | Iterable<Feeds> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called between weights; may wait. */
  readonly onWeight?: ((done: number, total: number, name: string) => void | Promise<void>) | undefined;
}

export interface WeightOnlyReport {
  readonly format: WeightFormat;
  readonly algorithm: string;
  /** Products and Gathers that read quantized weights now. */
  readonly products: number;
  readonly tables: number;
  /** Tensors quantized; fewer than readers when weights are shared. */
  readonly weights: number;
  /** Bytes of these weights before and after, scales included. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly left: readonly { readonly node: string; readonly reason: string }[];
  readonly reasons: readonly string[];
  /** Exponents that AWQ chose, by activation. */
  readonly alphas?: Readonly<Record<string, number>>;
}

/** What float16 conversion needs and what it did. */
import type { Feeds, Node, Runtime } from "@lathe/core";

export interface Float16Services {
  /** For `checkRanges`. */
  readonly runtime?: Runtime | undefined;
  readonly data?: AsyncIterable<Feeds> | Iterable<Feeds> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onSample?: ((done: number) => void) | undefined;
  /** Why a node must stay float32, in words for the report; undefined when nothing keeps it. Asked before the other rules. */
  readonly keep?: ((node: Node) => string | undefined) | undefined;
}

export interface Float16Report {
  /** Nodes that compute in 16 bits now. */
  readonly nodes: number;
  readonly kept: readonly { readonly node: string; readonly reason: string }[];
  readonly casts: number;
  readonly weights: number;
  /** Values of weights that were moved into the range; not counted for weights that are converted when written. */
  readonly clampedLarge: number;
  readonly clampedSmall: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

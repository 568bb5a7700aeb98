import type { OpTable } from "../ops/op.ts";
import { standardOps } from "../ops/standard.ts";
import type { PassContext } from "./pass.ts";

export type PassContextInit = Partial<Omit<PassContext, "disabled">> & { readonly disabled?: Iterable<string> };

/** 1 GiB: no single constant that folding makes is larger. Growth of the model is limited separately; see the constant-folding pass. */
export const DEFAULT_MAX_FOLD_BYTES = 2 ** 30;

/** A context for running passes by hand; everything has a default. */
export function passContext(init: PassContextInit = {}): PassContext {
  const ops: OpTable = init.ops ?? standardOps;
  return { warn: () => {}, maxFoldBytes: DEFAULT_MAX_FOLD_BYTES, ...init, ops, disabled: new Set(init.disabled) };
}

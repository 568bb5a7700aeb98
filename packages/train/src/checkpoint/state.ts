/** What a checkpoint holds: all tensors of the trainer, the best weights so far, and where the loop stood. */
import type { Tensor } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { decodeTensors, encodeTensors } from "./safetensors.ts";

export interface LoopState<P> {
  /** Steps done. */
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly best: ReadonlyMap<string, Tensor>;
  /** Everything else, as plain JSON. */
  readonly progress: P;
}

const CARRIED = "carried/";
const BEST = "best/";

/** `fingerprint` says which run it is of. */
export function encodeState<P>(state: LoopState<P>, fingerprint: string): Uint8Array {
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of state.tensors) tensors.set(CARRIED + name, tensor);
  for (const [name, tensor] of state.best) tensors.set(BEST + name, tensor);
  return encodeTensors({ tensors, metadata: { format: "lathe-checkpoint-1", fingerprint, step: String(state.step), progress: JSON.stringify(state.progress) } });
}

/** @throws TRAIN_CHECKPOINT when it is of another run. */
export function decodeState<P>(bytes: Uint8Array, fingerprint: string): LoopState<P> {
  const { tensors, metadata } = decodeTensors(bytes);
  if (metadata["format"] !== "lathe-checkpoint-1") throw trainErrors.TRAIN_CHECKPOINT({ reason: "it was not written by this version" });
  if (metadata["fingerprint"] !== fingerprint) throw trainErrors.TRAIN_CHECKPOINT({ reason: `it is of ${metadata["fingerprint"]}, this run is ${fingerprint}` });
  const part = (prefix: string): Map<string, Tensor> => new Map([...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  return { step: Number(metadata["step"]), tensors: part(CARRIED), best: part(BEST), progress: JSON.parse(metadata["progress"]!) as P };
}

/** Which examples make which batch: a function of the seed and the step number alone, so that a run can go on anywhere. */
import { random, type Random } from "@lathe/core";

export interface Order {
  readonly stepsPerEpoch: number;
  readonly total: number;
  /** Examples of the batch of a step, counted from 0 over the whole run. */
  indices(step: number): readonly number[];
  /** Random numbers that belong to this step's batch. */
  randomOf(step: number): Random;
}

export interface OrderOptions {
  readonly size: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /** Leaves out the last batch of an epoch when it is smaller. */
  readonly dropLast: boolean;
}

export function batchOrder({ size, batchSize, epochs, seed, shuffle, dropLast }: OrderOptions): Order {
  const stepsPerEpoch = Math.max(1, dropLast ? Math.floor(size / batchSize) : Math.ceil(size / batchSize));
  let current: { epoch: number; order: number[] } | undefined;
  const orderOf = (epoch: number): number[] => {
    if (current?.epoch !== epoch) {
      const order = Array.from({ length: size }, (_, i) => i);
      current = { epoch, order: shuffle ? random(seed).fork(`epoch/${epoch}`).shuffle(order) : order };
    }
    return current.order;
  };
  return {
    stepsPerEpoch,
    total: stepsPerEpoch * epochs,
    indices: (step) => {
      const at = (step % stepsPerEpoch) * batchSize;
      return orderOf(Math.floor(step / stepsPerEpoch)).slice(at, at + batchSize);
    },
    randomOf: (step) => random(seed).fork(`batch/${step}`),
  };
}

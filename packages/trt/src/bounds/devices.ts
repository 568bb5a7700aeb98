/**
 * Peaks of GPUs as NVIDIA's data sheets state them (state of November 2026): dense tensor-core rates, without sparsity, and memory bandwidth.
 * Data for bounds, none of it measured here; give a device of your own where a figure is wrong or missing.
 */

/** Rates in 10^12 operations a second (a multiply-add is two); bandwidth in 10^9 bytes a second. */
export interface DevicePeaks {
  readonly name: string;
  /** As TF32 on tensor cores where there are such, because TensorRT uses them unless told otherwise. */
  readonly float32: number;
  readonly float16: number;
  /** undefined: the GPU has no such units. */
  readonly int8?: number;
  readonly float8?: number;
  readonly bandwidth: number;
}

export const devicePeaks = {
  t4: { name: "Tesla T4", float32: 8.1, float16: 65, int8: 130, bandwidth: 320 },
  a10: { name: "A10", float32: 62.5, float16: 125, int8: 250, bandwidth: 600 },
  a100: { name: "A100 80 GB SXM", float32: 156, float16: 312, int8: 624, bandwidth: 2039 },
  l4: { name: "L4", float32: 60, float16: 121, int8: 242, float8: 242, bandwidth: 300 },
  l40s: { name: "L40S", float32: 183, float16: 362, int8: 733, float8: 733, bandwidth: 864 },
  h100: { name: "H100 SXM", float32: 494, float16: 989, int8: 1979, float8: 1979, bandwidth: 3350 },
  "rtx-4090": { name: "GeForce RTX 4090", float32: 82.6, float16: 330, int8: 661, float8: 661, bandwidth: 1008 },
} as const satisfies Record<string, DevicePeaks>;

export type PeaksName = keyof typeof devicePeaks;

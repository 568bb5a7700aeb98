/**
 * Calibration results as JSON, readable by and from ONNX Runtime's tool (`calibration_cache_path`). Beside its fields stands `lathe`:
 * the whole state of the observers, so that an interrupted pass goes on and every method can be tried later without the data.
 */
import { quantizeErrors } from "../errors.ts";
import type { Range } from "../spec.ts";
import { chooseRange, type CalibrationMethod, type ChooseOptions } from "./choose.ts";
import type { Observations } from "./run.ts";
import type { TensorStatistics } from "./statistics.ts";

/** Names of the methods there; what it does not know is written as MinMax, which it takes as plain ranges. */
const ortMethod: Record<CalibrationMethod, string> = {
  minmax: "MinMax", "moving-average": "MinMax", absmax: "MinMax", mse: "MinMax", percentile: "Percentile", entropy: "Entropy",
};

const STATE_VERSION = 1;

/** A cache file's text: ranges by `choose`, and the observers' state. */
export function writeCalibration(observations: Observations, choose: ChooseOptions): string {
  const data: Record<string, unknown> = {};
  const state: Record<string, unknown> = {};
  for (const [name, stats] of observations.tensors) {
    const { min, max } = chooseRange(stats, choose);
    data[name] = { lowest: scalar(min), highest: scalar(max), CLS: "TensorData" };
    state[name] = { ...stats, histogram: stats.histogram && { ...stats.histogram, counts: Array.from(stats.histogram.counts) } };
  }
  const method = { CLS: "CalibrationMethod", value: `CalibrationMethod.${ortMethod[choose.method]}` };
  return JSON.stringify({ CLS: "TensorsData", data, calibration_method: method, smooth_quant: false, lathe: { version: STATE_VERSION, samples: observations.samples, tensors: state } });
}

const scalar = (value: number): unknown => ({ data: value, dtype: "float32", CLS: "numpy.array" });

export interface CalibrationFile {
  readonly ranges: Map<string, Range>;
  /** Present when Lathe wrote the file. */
  readonly observations?: Observations | undefined;
}

/** Reads a cache of ours or of ONNX Runtime's. @throws QUANT_CACHE when the text is not such a file. */
export function readCalibration(text: string): CalibrationFile {
  const file = parse(text);
  if (!isRecord(file) || !isRecord(file.data)) throw quantizeErrors.QUANT_CACHE({ reason: "there is no `data` object" });
  const ranges = new Map<string, Range>();
  for (const [name, entry] of Object.entries(file.data)) {
    if (!isRecord(entry)) throw quantizeErrors.QUANT_CACHE({ reason: `the entry of "${name}" is not an object` });
    ranges.set(name, { min: numberIn(entry.lowest, name), max: numberIn(entry.highest, name) });
  }
  return { ranges, observations: isRecord(file.lathe) ? readState(file.lathe) : undefined };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw quantizeErrors.QUANT_CACHE({ reason: "it is not JSON" }, cause);
  }
}

function readState(state: Record<string, unknown>): Observations {
  const tensors = new Map<string, TensorStatistics>();
  for (const [name, entry] of Object.entries(isRecord(state.tensors) ? state.tensors : {})) {
    if (!isRecord(entry)) throw quantizeErrors.QUANT_CACHE({ reason: `the state of "${name}" is not an object` });
    const plain = (key: string): number => numberIn(entry[key], name);
    const histogram = isRecord(entry.histogram) ? entry.histogram : undefined;
    tensors.set(name, {
      min: plain("min"), max: plain("max"), averageMin: plain("averageMin"), averageMax: plain("averageMax"), samples: plain("samples"),
      histogram: histogram && {
        bins: numberIn(histogram.bins, name), threshold: numberIn(histogram.threshold, name), counts: Float64Array.from(histogram.counts as number[]),
      },
    });
  }
  return { samples: numberIn(state.samples, "samples"), tensors };
}

/** A number as JSON, as numpy's encoder writes it, or in a nested list of one. */
function numberIn(value: unknown, name: string): number {
  const inner = isRecord(value) ? value.data : value;
  const flat = Array.isArray(inner) ? inner.flat(Infinity)[0] : inner;
  if (typeof flat !== "number" || !Number.isFinite(flat)) throw quantizeErrors.QUANT_CACHE({ reason: `"${name}" holds no finite number` });
  return Math.fround(flat) === flat || Number.isInteger(flat) ? flat : Math.fround(flat);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** Extremes, codes and histograms of whole tensors through the kernel's memory, piece by piece: a weight in a file is never held whole. */
import { Tensor } from "@lathe/core";
import { kernel } from "./instance.ts";
import { weightFunctions } from "./weights.ts";

/** Values at a time: with their codes they fit the second-level cache. */
const PIECE = 2 ** 16;
const INPUT = 2 ** 16;
/** Loops over rows read up to three values past the last one. */
const OVERSHOOT = 3;
const OUTPUT = INPUT + 4 * PIECE + 64;
/** Tables by channel or bin follow; some slack, for loops that run past an end. */
const TABLES = OUTPUT + PIECE + 1024;
const SLACK = 1024;
/** Fewer values in memory are not worth a call. */
const FEW = 64;

const open = kernel(weightFunctions, Math.ceil((TABLES + 2 ** 16) / 2 ** 16));

/** A tensor as [outer, channels, inner] around an axis. */
export interface ChannelView {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

/** Receives `count` values that lie at byte `at` of the memory and belong to `channel` (and, with `inner` 1, those after it). */
type Visit = (at: number, count: number, channel: number, position: number) => void;

/** Visits all values in order, as long runs of one channel, or of one row when channels are innermost. */
function visitRuns(tensor: Tensor, { channels, inner }: ChannelView, buffer: ArrayBuffer, visit: Visit): void {
  const row = inner === 1 ? channels : inner;
  // Runs that end with a row keep the loops' overshoot out of other channels' entries.
  const piece = inner > 1 ? PIECE : row > PIECE ? PIECE : Math.floor(PIECE / row) * row;
  const read = reader(tensor, buffer);
  const { size } = tensor;
  for (let from = 0; from < size; ) {
    const end = Math.min(size, inner === 1 && row > PIECE ? Math.min(from + piece, (Math.floor(from / row) + 1) * row) : from + piece);
    read(from, end - from);
    // What an earlier tensor left there may be NaN.
    new Float32Array(buffer, INPUT + 4 * (end - from), OVERSHOOT).fill(0);
    for (let position = from; position < end; ) {
      const within = position % row;
      const count = Math.min(row - within, end - position);
      visit(INPUT + 4 * (position - from), count, inner === 1 ? within : Math.floor(position / inner) % channels, position);
      position += count;
    }
    from = end;
  }
}

/** Brings values into the input area; from a file without a copy in between. */
function reader(tensor: Tensor, buffer: ArrayBuffer): (from: number, count: number) => void {
  const { storage } = tensor;
  if (storage.kind === "file" && storage.readInto && tensor.dtype === "float32") {
    return (from, count) => storage.readInto!(new Uint8Array(buffer, INPUT, 4 * count), 4 * from);
  }
  const data = tensor.toFloat32();
  const input = new Float32Array(buffer, INPUT, PIECE);
  return (from, count) => input.set(data.subarray(from, from + count));
}

export interface Extremes {
  readonly min: Float32Array;
  readonly max: Float32Array;
  readonly finite: boolean;
}

/** Least and greatest value of each channel; undefined when there is no kernel or the runs are too short for it. */
export function tensorExtremes(tensor: Tensor, view: ChannelView): Extremes | undefined {
  const { channels, inner } = view;
  if (tensor.size === 0 || (inner > 1 ? inner < 8 : channels < 8)) return undefined;
  const found = open();
  if (!found) return undefined;
  const [low, high] = [TABLES, TABLES + 4 * channels + SLACK];
  const buffer = found.buffer(high + 4 * channels + SLACK);
  new Float32Array(buffer, low, channels + 4).fill(Infinity);
  new Float32Array(buffer, high, channels + 4).fill(-Infinity);
  const min = new Float32Array(buffer, low, channels);
  const max = new Float32Array(buffer, high, channels);
  const result = new Float32Array(buffer, 0, 12).fill(0);
  let check = 0;
  const { extremes, rowExtremes } = found.run;
  visitRuns(tensor, view, buffer, (at, count, channel) => {
    if (inner === 1) return rowExtremes(at, count, low + 4 * channel, high + 4 * channel);
    if (count < 8) {
      for (const x of new Float32Array(buffer, at, count)) {
        min[channel] = Math.min(min[channel]!, x);
        max[channel] = Math.max(max[channel]!, x);
        check += x - x;
      }
      return;
    }
    extremes(at, count);
    min[channel] = Math.min(min[channel]!, result[0]!, result[1]!, result[2]!, result[3]!);
    max[channel] = Math.max(max[channel]!, result[4]!, result[5]!, result[6]!, result[7]!);
    check += result[8]! + result[9]! + result[10]! + result[11]!;
  });
  if (inner === 1) for (const lane of result.subarray(8)) check += lane;
  return { min: min.slice(), max: max.slice(), finite: check === 0 };
}

/** clip(round(w / scale) + zero) of each channel, as int8 or uint8 bytes; undefined when there is no kernel or the runs are too short for it. */
export function tensorCodes(tensor: Tensor, view: ChannelView, scales: ArrayLike<number>, zeros: ArrayLike<number>, signed: boolean): Uint8Array | undefined {
  const { channels, inner } = view;
  if (inner > 1 ? inner < 16 : channels < 16) return undefined;
  const found = open();
  if (!found) return undefined;
  const [scaleAt, zeroAt] = [TABLES, TABLES + 4 * channels + SLACK];
  const buffer = found.buffer(zeroAt + 2 * channels + SLACK);
  new Float32Array(buffer, scaleAt, channels).set(scales);
  new Int16Array(buffer, zeroAt, channels).set(zeros);
  const { codesSigned, codesUnsigned, rowCodesSigned, rowCodesUnsigned } = found.run;
  const [plain, byRow] = signed ? [codesSigned, rowCodesSigned] : [codesUnsigned, rowCodesUnsigned];
  const out = new Uint8Array(tensor.size);
  const made = new Uint8Array(buffer, OUTPUT, PIECE);
  let first = 0;
  let filled = 0;
  const flush = (): void => {
    out.set(made.subarray(0, filled), first);
    first += filled;
    filled = 0;
  };
  visitRuns(tensor, view, buffer, (at, count, channel) => {
    if (filled + count > PIECE) flush();
    if (inner === 1) byRow(at, count, OUTPUT + filled, scaleAt + 4 * channel, zeroAt + 2 * channel);
    else plain(at, count, OUTPUT + filled, scales[channel]!, zeros[channel]!);
    filled += count;
  });
  flush();
  return out;
}

/** Extremes of values in memory; `finite` false when one is NaN or infinite. Undefined without a kernel. */
export function valueExtremes(data: Float32Array): { min: number; max: number; finite: boolean } | undefined {
  if (data.length < FEW) return undefined;
  const found = tensorExtremes(Tensor.from("float32", [data.length], data), { outer: 1, channels: 1, inner: data.length });
  return found && { min: found.min[0]!, max: found.max[0]!, finite: found.finite };
}

/** Adds `data` to `counts`, bins between float32 `edges`; `plain` does it for a few values. False without a kernel. */
export function countValues(data: Float32Array, counts: Float64Array, edges: Float32Array, plain: (data: Float32Array, counts: Float64Array, edges: Float32Array) => void): boolean {
  const bins = counts.length;
  const found = data.length < FEW ? undefined : open();
  if (!found) return false;
  const [countsAt, edgesAt] = [TABLES, TABLES + 8 * bins + SLACK];
  const buffer = found.buffer(edgesAt + 4 * bins + SLACK);
  const table = new Uint32Array(buffer, countsAt, 2 * bins).fill(0);
  new Float32Array(buffer, edgesAt, bins + 1).set(edges);
  const input = new Float32Array(buffer, INPUT, PIECE);
  const first = edges[0]!;
  const perUnit = bins / (edges[bins]! - first);
  const zero = new Float64Array(bins);
  plain(new Float32Array(1), zero, edges);
  const zeroBin = zero.indexOf(1);
  const even = data.length - (data.length % 2);
  for (let from = 0; from < even; from += PIECE) {
    const count = Math.min(PIECE, even - from);
    input.set(data.subarray(from, from + count));
    found.run.histogram(INPUT, count / 2, countsAt, edgesAt, bins, first, perUnit, zeroBin);
  }
  for (let i = 0; i < bins; i++) counts[i]! += table[i]! + table[bins + i]!;
  plain(data.subarray(even), counts, edges);
  return true;
}

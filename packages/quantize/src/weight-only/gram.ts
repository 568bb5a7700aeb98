/** X^T X of the activations in front of matrix products, over calibration samples: what GPTQ and AWQ learn from. */
import { dataErrors, feedsOf, takeSamples, type Feeds, type Model, type Runtime, type Tensor } from "@lathe/core";
import { quantizeErrors } from "../errors.ts";
import { withOutputs } from "../sessions.ts";
import { weightOnlyErrors } from "./errors.ts";

export interface Gram {
  readonly k: number;
  /** [k, k], symmetric, in float64. */
  readonly products: Float64Array;
  /** Rows of X that were added. */
  rows: number;
}

export interface GramServices {
  readonly runtime: Runtime;
  /** Read once for each group of activations: a list or a dataset, not a generator. */
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of products gathered in one pass over the data. */
const BUDGET = 2 ** 28;

/**
 * Runs the model over the samples, once for each group of activations whose products fit in a quarter of a gigabyte, and hands over
 * each activation's matrix; it may be dropped afterwards.
 * @throws QUANT_CALIBRATION_EMPTY, WEIGHT_ONLY_ACTIVATION; DATASET_CONSUMED when the data can be read only once and there are several groups
 */
export async function eachGram(model: Model, widths: ReadonlyMap<string, number>, samples: number, services: GramServices, use: (name: string, gram: Gram) => Promise<void>): Promise<void> {
  const groups = groupsOf(widths);
  const abortable = services.signal ? { signal: services.signal } : {};
  const session = await services.runtime.load(withOutputs(model, widths), { optimization: "basic", ...abortable });
  try {
    for (const group of groups) {
      const grams = new Map(group.map((name): [string, Gram] => [name, newGram(widths.get(name)!)]));
      let seen = 0;
      for await (const sample of takeSamples(services.data, samples)) {
        seen++;
        services.signal?.throwIfAborted();
        const fetches = group.filter((name) => !(name in sample));
        const found = fetches.length > 0 ? await session.run(feedsOf(session.inputs, sample), { fetches, ...abortable }) : {};
        for (const [name, gram] of grams) addRows(gram, (found[name] ?? sample[name])!, name);
      }
      if (seen === 0) throw group === groups[0] ? quantizeErrors.QUANT_CALIBRATION_EMPTY({}) : dataErrors.DATASET_CONSUMED({});
      for (const [name, gram] of grams) {
        await use(name, gram);
        grams.delete(name);
      }
    }
  } finally {
    await session.dispose();
  }
}

function groupsOf(widths: ReadonlyMap<string, number>): string[][] {
  const groups: string[][] = [];
  let bytes = Infinity;
  for (const [name, k] of widths) {
    if (bytes + k * k * 8 > BUDGET) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(name);
    bytes += k * k * 8;
  }
  return groups;
}

const newGram = (k: number): Gram => ({ k, products: new Float64Array(k * k), rows: 0 });

/** Adds the rows of X [..., k]. */
function addRows(gram: Gram, tensor: Tensor, name: string): void {
  const { k, products } = gram;
  if (tensor.dims.at(-1) !== k) throw weightOnlyErrors.WEIGHT_ONLY_ACTIVATION({ tensor: name, expected: k, received: tensor.dims.join(", ") });
  const x = tensor.toFloat32();
  for (let at = 0; at < x.length; at += k) {
    for (let i = 0; i < k; i++) {
      const v = x[at + i]!;
      if (v === 0) continue;
      const row = i * k;
      for (let j = i; j < k; j++) products[row + j]! += v * x[at + j]!;
    }
  }
  gram.rows += x.length / k;
  for (let i = 0; i < k; i++) for (let j = 0; j < i; j++) products[i * k + j] = products[j * k + i]!;
}

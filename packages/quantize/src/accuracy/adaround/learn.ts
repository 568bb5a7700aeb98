/**
 * AdaRound over a plan: layer after layer, each with what the layers before it send once their weights are rounded ("asymmetric
 * reconstruction"), aiming at what the float network computes. Weights of other operators are rounded to nearest.
 */
import { encodeNumbers, firstSamples, fromMatrices, linearOf, setMatrices, Tensor, toMatrices, type Feeds, type Linear, type Model, type Random, type Runtime, type Value } from "@lathe/core";
import { quantizeErrors } from "../../errors.ts";
import { fullRange, isFloat8 } from "../../params.ts";
import { finalParams, type ParamSet } from "../../qdq.ts";
import type { Range } from "../../spec.ts";
import type { StaticPlan } from "../../static.ts";
import { momentsOf, type Moments } from "./moments.ts";
import { nearestBits, optimizeRounding, type OptimizeOptions, type Rounding } from "./optimize.ts";
import type { RoundingProblem } from "./loss.ts";
import { Products } from "./product.ts";

export interface AdaRoundOptions extends OptimizeOptions {
  /** Calibration samples used at most. */
  readonly samples: number;
  /** Aim at the float network's outputs from the quantized network's inputs; else from the float inputs. */
  readonly asymmetric: boolean;
  /** Layers with more inputs than this are rounded to nearest: the work grows with its square. */
  readonly maxColumns: number;
}

export interface AdaRoundServices {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Gives the event loop a turn now and then. */
  readonly turn?: (() => Promise<void>) | undefined;
  readonly onLayer?: ((done: number, total: number, layer: string) => void) | undefined;
}

export interface RoundedLayer {
  readonly tensor: string;
  /** Mean squared error of the layer's outputs on the samples, as a share of what rounding to nearest gives at this place. */
  readonly error: number;
  /** Share of weights that are not rounded to nearest. */
  readonly moved: number;
}

export interface LearnedRounding {
  /** Integer values by name of the weight. */
  readonly rounded: ReadonlyMap<string, Tensor>;
  readonly layers: readonly RoundedLayer[];
  /** Weights that are rounded to nearest, with the reason. */
  readonly nearest: readonly { readonly tensor: string; readonly reason: string }[];
}

/** Codes of one weight, element by element in the weight's order. */
interface Codes {
  readonly floor: Float32Array;
  /** Real value of the code, and distance to the next; see {@link RoundingProblem}. */
  readonly lower: Float32Array;
  readonly step: Float32Array;
}

/** @throws QUANT_CALIBRATION_EMPTY */
export async function learnRounding(plan: StaticPlan, ranges: ReadonlyMap<string, Range>, options: AdaRoundOptions, services: AdaRoundServices): Promise<LearnedRounding> {
  const params = finalParams(plan.plan, ranges, plan.emit.adjustBias);
  const nearest: { tensor: string; reason: string }[] = [];
  const layers: { layer: Linear; set: ParamSet }[] = [];
  for (const [value, how] of plan.plan.tensors) {
    if (how.kind !== "constant" || how.role !== "weight") continue;
    const set = params.get(value)!.original;
    const found = layerOf(value, set, options);
    if (typeof found === "string") nearest.push({ tensor: value.name, reason: found });
    else layers.push({ layer: found, set });
  }
  const batches = await firstSamples(services.data, options.samples, services.signal);
  if (batches.length === 0) throw quantizeErrors.QUANT_CALIBRATION_EMPTY({});
  const run = new Run(plan.model, batches, options, services);
  try {
    for (const [i, { layer, set }] of inOrder(layers, plan.model).entries()) {
      await run.round(layer, set);
      services.onLayer?.(i + 1, layers.length, layer.node.label);
    }
  } finally {
    await run.products.dispose();
  }
  return { rounded: run.rounded, layers: run.report, nearest };
}

/** The layer that a planned weight belongs to, or why its rounding is not learned. */
function layerOf(value: Value, { spec, list }: ParamSet, { maxColumns }: AdaRoundOptions): Linear | string {
  if (isFloat8(spec.dtype)) return "float8 is not rounded to a grid of equal steps";
  if (list.length === 0) return "its scales are by block";
  const [use] = value.uses;
  if (!use || value.useCount !== 1) return "several nodes read it";
  if (use.node.graph?.parent) return "it is read inside a body";
  const layer = use.index === 1 ? linearOf(use.node) : undefined;
  if (!layer) return `${use.node.opType} ("${use.node.label}") is not a Conv, Gemm or MatMul whose products can be written down`;
  if (layer.columns > maxColumns) return `it has ${layer.columns} inputs, more than maxColumns (${maxColumns})`;
  return layer;
}

function inOrder<T extends { readonly layer: Linear }>(layers: readonly T[], model: Model): T[] {
  const place = new Map([...model.graph.nodes].map((node, i) => [node, i]));
  return layers.toSorted((a, b) => place.get(a.layer.node)! - place.get(b.layer.node)!);
}

/** Rows of the regression: as many for each input of the layer, and at least so many. */
const ROWS_PER_COLUMN = 8;
const LEAST_ROWS = 1024;
/** Milliseconds between turns of the event loop. */
const TURN = 30;

class Run {
  readonly rounded = new Map<string, Tensor>();
  readonly report: RoundedLayer[] = [];
  readonly products: Products;
  readonly #float: Model;
  /** Its weights take their rounded values one after another. */
  readonly #current: Model;
  readonly #batches: readonly Feeds[];
  readonly #options: AdaRoundOptions;
  readonly #services: AdaRoundServices;
  #turned = performance.now();

  constructor(float: Model, batches: readonly Feeds[], options: AdaRoundOptions, services: AdaRoundServices) {
    this.#float = float;
    this.#current = float.clone();
    this.#batches = batches;
    this.#options = options;
    this.#services = services;
    this.products = new Products(services.runtime);
  }

  async round(layer: Linear, set: ParamSet): Promise<void> {
    const { runtime, random, signal } = this.#services;
    const before = this.#options.asymmetric && this.report.length > 0 ? this.#current : undefined;
    const places = Math.max(LEAST_ROWS, ROWS_PER_COLUMN * layer.columns);
    const moments = await momentsOf(this.#float, before, layer, { runtime, batches: this.#batches, random: random.fork(layer.weight.name), places, products: this.products, signal });
    const codes = codesOf(layer.weight.tensor!, set);
    const problems = await this.#problems(layer, codes, moments);
    const found: Rounding[] = [];
    for (const problem of problems) {
      const timesGram = this.products.by(problem.gram, problem.columns, problem.columns);
      found.push(await optimizeRounding(problem, this.#options, timesGram, () => this.#tick()));
    }
    this.#keep(layer, set, codes, problems, found);
  }

  async #problems(layer: Linear, codes: Codes, moments: readonly Moments[]): Promise<RoundingProblem[]> {
    const { rows, columns } = layer;
    const [weights, lower, step] = [layer.weight.tensor!.toFloat32(), codes.lower, codes.step].map((data) => toMatrices(layer, data));
    return Promise.all(moments.map(async ({ gram, shift, excess }, g) => {
      const weight = weights![g]!;
      const times = async (moment: Float64Array): Promise<Float64Array> => this.products.multiply(weight, moment, rows, columns, columns);
      const missed = excess && (await times(excess));
      return {
        rows, columns, weight, lower: lower![g]!, step: step![g]!, gram,
        linear: shift && (await times(shift)),
        constant: missed ? weight.reduce((sum, w, i) => sum + w * missed[i]!, 0) : 0,
      };
    }));
  }

  #keep(layer: Linear, { spec }: ParamSet, codes: Codes, problems: readonly RoundingProblem[], found: readonly Rounding[]): void {
    const bits = fromMatrices(layer, found.map((f) => f.bits));
    const { dims } = layer.weight.tensor!;
    const [low, high] = fullRange(spec.dtype);
    const values = codes.floor.map((q, i) => Math.min(high, Math.max(low, q + bits[i]!)));
    this.rounded.set(layer.weight.name, Tensor.fromBytes(spec.dtype, dims, encodeNumbers(values, spec.dtype)));
    const real = problems.map(({ lower, step }, g) => lower.map((x, i) => x + step[i]! * found[g]!.bits[i]!));
    setMatrices(linearOf(this.#current.graph.value(layer.output.name)!.producer!)!, real, this.#current.graph);
    const [learned, nearest] = [found.reduce((sum, f) => sum + f.learned, 0), found.reduce((sum, f) => sum + f.nearest, 0)];
    const moved = problems.reduce((sum, problem, g) => sum + nearestBits(problem).reduce((n, bit, i) => n + (bit ^ found[g]!.bits[i]!), 0), 0);
    this.report.push({ tensor: layer.weight.name, error: nearest === 0 ? 1 : learned / nearest, moved: moved / Math.max(1, bits.length) });
  }

  #tick(): void | Promise<void> {
    this.#services.signal?.throwIfAborted();
    const now = performance.now();
    if (now - this.#turned < TURN || !this.#services.turn) return;
    this.#turned = now;
    return this.#services.turn();
  }
}

/** The code at or below each weight. Where the range of codes ends there is no choice: the step is 0. */
function codesOf(weight: Tensor, { spec, list }: ParamSet): Codes {
  const data = weight.toFloat32();
  const [low, high] = fullRange(spec.dtype);
  const inner = spec.axis === undefined ? weight.size : weight.dims.slice(spec.axis + 1).reduce((p, d) => p * d, 1);
  const made = { floor: new Float32Array(data.length), lower: new Float32Array(data.length), step: new Float32Array(data.length) };
  for (let i = 0; i < data.length; i++) {
    const { scale, zeroPoint } = list[Math.floor(i / inner) % list.length]!;
    const below = Math.floor(Math.fround(data[i]! / scale)) + zeroPoint;
    const free = below >= low && below + 1 <= high;
    made.floor[i] = Math.min(high, Math.max(low, below));
    made.lower[i] = (made.floor[i]! - zeroPoint) * scale;
    made.step[i] = free ? scale : 0;
  }
  return made;
}

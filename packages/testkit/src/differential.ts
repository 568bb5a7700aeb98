import { dtypes, feedsOf, type DType, type Feeds, type Model, type Runtime, type Sample, type Session, type Tensor } from "@lathe/core";
import { difference, ortRuntime, randomFeeds, type RandomFeedsOptions, type TensorDifference } from "@lathe/ort";
import { testkitErrors } from "./errors.ts";

/** An element passes when |before - after| <= abs + rel * |before|. */
export interface Tolerance {
  readonly abs: number;
  readonly rel: number;
}

export interface DifferentialOptions extends Omit<RandomFeedsOptions, "seed"> {
  /** Real inputs to try beside the random ones. */
  readonly feeds?: readonly Sample[];
  /** Seeds of random inputs. Default [0, 1, 2]. */
  readonly seeds?: readonly number[];
  /** By element type of the output, over {@link defaultTolerances}; or one for all. */
  readonly tolerance?: Tolerance | Partial<Record<DType, Tolerance>>;
  /** Default: ONNX Runtime inline. Always loaded with optimization "disabled". */
  readonly runtime?: Runtime;
}

/** Room for a different order of summation, nothing more; every other type must be equal. */
export const defaultTolerances: Partial<Record<DType, Tolerance>> = {
  float64: { abs: 1e-10, rel: 1e-9 },
  float32: { abs: 1e-5, rel: 1e-4 },
  float16: { abs: 5e-3, rel: 5e-3 },
  bfloat16: { abs: 4e-2, rel: 4e-2 },
};

const EXACT: Tolerance = { abs: 0, rel: 0 };

export interface DifferentialResult {
  /** How many sets of inputs were tried. */
  readonly runs: number;
  /** The worst case of each output. */
  readonly outputs: Readonly<Record<string, TensorDifference>>;
}

/**
 * Runs a model before and after a rewrite on the same random and given inputs, without any optimization, and demands the same outputs:
 * names, element types, shapes, values within tolerance.
 * @throws TESTKIT_DIFFERENT naming the output, the inputs and the worst element.
 */
export async function differential(before: Model, after: Model, options: DifferentialOptions = {}): Promise<DifferentialResult> {
  const { feeds = [], seeds = [0, 1, 2], runtime = ortRuntime(), tolerance, ...random } = options;
  const [a, b] = await openBoth(runtime, before, after);
  const worst = new Map<string, TensorDifference>();
  const trials: readonly (readonly [string, Sample])[] = [
    ...seeds.map((seed) => [`random inputs with seed ${seed}`, randomFeeds(before, { ...random, seed })] as const),
    ...feeds.map((sample, i) => [`given inputs ${i}`, sample] as const),
  ];
  try {
    for (const [name, sample] of trials) {
      const [left, right] = [await a.run(feedsOf(a.inputs, sample)), await b.run(feedsOf(b.inputs, sample))];
      for (const [output, difference] of compareOutputs(left, right, name, tolerance)) keepWorse(worst, output, difference);
    }
  } finally {
    await a.dispose();
    await b.dispose();
  }
  return { runs: trials.length, outputs: Object.fromEntries(worst) };
}

async function openBoth(runtime: Runtime, before: Model, after: Model): Promise<[Session, Session]> {
  const a = await runtime.load(before, { optimization: "disabled" });
  try {
    return [a, await runtime.load(after, { optimization: "disabled" })];
  } catch (error) {
    await a.dispose();
    throw error;
  }
}

function* compareOutputs(before: Feeds, after: Feeds, feeds: string, tolerance: DifferentialOptions["tolerance"]): Iterable<[string, TensorDifference]> {
  for (const output of Object.keys(after)) if (!before[output]) throw testkitErrors.TESTKIT_DIFFERENT({ output, feeds, problem: "it is new" });
  for (const [output, a] of Object.entries(before)) {
    const b = after[output];
    const problem = b ? problemOf(a, b, toleranceFor(a.dtype, tolerance)) : "it is gone";
    if (!b || problem !== undefined) throw testkitErrors.TESTKIT_DIFFERENT({ output, feeds, problem: problem ?? "it is gone" });
    yield [output, difference(a, b, output)];
  }
}

function toleranceFor(dtype: DType, given: DifferentialOptions["tolerance"]): Tolerance {
  if (given && "abs" in given) return given as Tolerance;
  return given?.[dtype] ?? defaultTolerances[dtype] ?? EXACT;
}

/** What is wrong with `b`, in words; undefined when nothing is. */
function problemOf(a: Tensor, b: Tensor, { abs, rel }: Tolerance): string | undefined {
  if (a.dtype !== b.dtype) return `its element type was ${a.dtype} and is ${b.dtype}`;
  if (a.dims.join() !== b.dims.join()) return `its shape was [${a.dims}] and is [${b.dims}]`;
  if (dtypes[a.dtype].kind === "string") {
    const at = a.strings().findIndex((value, i) => value !== b.strings()[i]);
    return at < 0 ? undefined : `element ${at} was ${JSON.stringify(a.strings()[at])} and is ${JSON.stringify(b.strings()[at])}`;
  }
  const [x, y] = [a.toFloat64(), b.toFloat64()];
  let at = -1;
  let excess = 0;
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue;
    // A NaN or infinity on one side makes a difference that no comparison holds for.
    const over = Math.abs(x[i]! - y[i]!) - (abs + rel * Math.abs(x[i]!));
    const beyond = over > 0 || Number.isNaN(over);
    if (beyond && (at < 0 || Number.isNaN(over) || over > excess)) [at, excess] = [i, over];
  }
  return at < 0 ? undefined : `element ${at} of [${a.dims}] was ${x[at]} and is ${y[at]}, where a difference of ${abs} + ${rel} |x| is allowed`;
}

function keepWorse(worst: Map<string, TensorDifference>, output: string, next: TensorDifference): void {
  const known = worst.get(output);
  if (!known || next.maxAbs > known.maxAbs) worst.set(output, next);
}

/**
 * The measured planner: builds every scheme that makes sense for a target, times them against the float model on the engine at hand,
 * and takes the fastest whose outputs stay near. What is fastest depends on the model: plain CNNs want static integers, transformers
 * dynamic ones, and small nets of depthwise convolutions often nothing at all.
 */
import { modelSize, type Feeds, type Model, type Runtime } from "@lathe/core";
import { outputSqnr, reference, type Reference } from "./accuracy/noise.ts";
import type { Observations } from "./calibrate/run.ts";
import { quantizeDynamic, type DynamicOptionsInput } from "./dynamic.ts";
import { quantizeErrors } from "./errors.ts";
import type { StaticOptionsInput } from "./options.ts";
import { staticOpTypes } from "./placement.ts";
import { applyStatic, calibrate, planStatic, rangesOf, reachedOnly, simplifyFirst } from "./static.ts";
import type { Target } from "./targets.ts";

export interface SchemeOptions {
  readonly target: Target;
  /** Options for all static candidates. */
  readonly static?: StaticOptionsInput | undefined;
  /** Options for all dynamic candidates. */
  readonly dynamic?: DynamicOptionsInput | undefined;
  /** Least SQNR of the outputs, in decibels; candidates below are out. Default 10. */
  readonly minSqnr?: number | undefined;
  /** Threads to time with. Default 1. */
  readonly threads?: number | undefined;
  /** Timed rounds. Default 15. */
  readonly rounds?: number | undefined;
}

export interface SchemeServices {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly signal?: AbortSignal | undefined;
  /** Times the candidates, in ms by name, where the clock on the wall is not what counts. Default: `timeInTurns` of @lathe/ort, fast end of the samples. */
  readonly time?: ((candidates: Readonly<Record<string, Model>>, feeds: Feeds) => Promise<ReadonlyMap<string, number>>) | undefined;
  readonly onScheme?: ((scheme: string) => void) | undefined;
}

/** One candidate; JSON. */
export interface Scheme {
  readonly name: string;
  readonly bytes: number;
  readonly ms: number;
  /** Float time / its time. */
  readonly speedup: number;
  readonly sqnr: number;
  /** Why it was not eligible. */
  readonly refused?: string;
}

export interface SchemeChoice {
  readonly model: Model;
  readonly chosen: Scheme;
  readonly schemes: readonly Scheme[];
}

/** Schemes whose times are this near count as equal; the more exact one wins. */
const EQUAL_TIME = 1.01;

/** Only what carries weights, and the clips behind it. */
const weightsOnly = ["Conv", "MatMul", "Gemm", "Relu", "Clip"];

/**
 * Tries the schemes on copies of the model. The given model comes back when nothing beats it.
 * @throws QUANT_ALREADY, QUANT_CALIBRATION_EMPTY, QUANT_RANGE_NOT_FINITE
 */
export async function chooseScheme(source: Model, options: SchemeOptions, services: SchemeServices): Promise<SchemeChoice> {
  const float = source.clone();
  await simplifyFirst(float, options.static ?? {});
  const known = await reference(float, services.runtime, services.data, 4, services.signal);
  if (known.samples.length === 0) throw quantizeErrors.QUANT_CALIBRATION_EMPTY({});
  const candidates = { float: source, simplified: float, ...(await staticCandidates(float, options, services)), ...dynamicCandidates(float, options) };
  return pickFastest(candidates, known, options, services);
}

async function staticCandidates(float: Model, options: SchemeOptions, services: SchemeServices): Promise<Record<string, Model>> {
  const base: StaticOptionsInput = { target: options.target, ...options.static };
  const variants: Record<string, StaticOptionsInput> = {
    static: base,
    "static, weighted layers only": { opTypes: weightsOnly, ...base },
    "static, all operators": { opTypes: [...staticOpTypes], constantOperands: true, ...base },
    "static, per tensor": { perChannel: false, ...base },
  };
  const made: Record<string, Model> = {};
  let seen: Observations | undefined;
  for (const [name, variant] of Object.entries(variants)) {
    const first = attempt(() => planStatic(float.clone(), variant));
    if (!first) continue;
    // All operators touch every tensor that the narrower variants do.
    seen ??= await calibrate(planStatic(float.clone(), variants["static, all operators"]!), services, true);
    const reached = seen;
    const plan = attempt(() => reachedOnly(first, variant, reached).plan);
    if (!plan) continue;
    applyStatic(plan, rangesOf(seen, plan), seen.samples);
    made[name] = plan.model;
  }
  return made;
}

/** Operators that gain from dynamic quantization nearly always; Conv only now and then. */
const products = ["MatMul", "Gemm", "LSTM", "Gather", "Attention"];

/** One scale for a whole weight saves a few instructions a value, which counts where matrices are small. */
function dynamicCandidates(float: Model, options: SchemeOptions): Record<string, Model> {
  const base: DynamicOptionsInput = { target: options.target, opTypes: products, ...options.dynamic };
  const variants: Record<string, DynamicOptionsInput> = {
    dynamic: base,
    "dynamic, per tensor": { perChannel: false, ...base },
    "dynamic, with Conv": { ...base, opTypes: options.dynamic?.opTypes ?? [...products, "Conv"] },
  };
  const made: Record<string, Model> = {};
  for (const [name, variant] of Object.entries(variants)) {
    const model = attempt(() => quantizeDynamic(float, variant).model);
    if (model) made[name] = model;
  }
  return made;
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("QUANT_NOTHING_TO_DO")) return undefined;
    throw error;
  }
}

async function pickFastest(candidates: Readonly<Record<string, Model>>, known: Reference, options: SchemeOptions, services: SchemeServices): Promise<SchemeChoice> {
  const { minSqnr = 10 } = options;
  const { runtime, signal } = services;
  const times = await (services.time ?? wallTimes(options, services))(candidates, known.samples[0]!);
  const schemes: Scheme[] = [];
  for (const [name, ms] of times) {
    services.onScheme?.(name);
    const model = candidates[name]!;
    const sqnr = isFloat(name) ? Infinity : await outputSqnr(model, runtime, known, signal);
    schemes.push({ name, bytes: modelSize(model).bytes, ms, speedup: times.get("float")! / ms, sqnr, ...(sqnr < minSqnr ? { refused: `its outputs have ${sqnr.toFixed(1)} dB, less than ${minSqnr}` } : {}) });
  }
  const eligible = schemes.filter((s) => !s.refused);
  const fastest = Math.max(...eligible.map((s) => s.speedup));
  const chosen = eligible.filter((s) => s.speedup * EQUAL_TIME >= fastest).reduce((best, s) => (better(s, best) ? s : best));
  return { model: candidates[chosen.name]!.clone(), chosen, schemes };
}

/** The fast end of the samples: what other work on the machine adds is not the model's. */
const wallTimes = ({ threads = 1, rounds = 15 }: SchemeOptions, { runtime, signal }: SchemeServices): NonNullable<SchemeServices["time"]> => async (candidates, feeds) => {
  const { timeInTurns } = await import("@lathe/ort");
  const timings = await timeInTurns(candidates, feeds, { threads, rounds, runtime, ...(signal ? { signal } : {}) });
  return new Map(timings.map(({ name, p5 }) => [name, p5]));
};

const isFloat = (name: string): boolean => name === "float" || name === "simplified";

/** Between schemes of equal speed: integers before float, which is larger; else the more exact. */
const better = (a: Scheme, b: Scheme): boolean => (isFloat(a.name) === isFloat(b.name) ? a.sqnr > b.sqnr : isFloat(b.name));

/**
 * Accuracy-budget search: the cheapest settings whose loss stays within a budget. One calibration pass serves all methods; they are tried
 * first. When none is good enough, the most sensitive nodes go back to float, in doubling steps and then by bisection, until the budget holds.
 */
import { mainScore, type Evaluate, type Feeds, type Model, type Random, type Runtime, type Tensor } from "@lathe/core";
import { calibrationMethods, type CalibrationMethod } from "../calibrate/choose.ts";
import type { Observations } from "../calibrate/run.ts";
import { quantizeErrors } from "../errors.ts";
import type { StaticOptionsInput } from "../options.ts";
import { finalParams } from "../qdq.ts";
import type { Range } from "../spec.ts";
import { applyStatic, calibrate, excluding, learn, planStatic, rangesOf, simplifyFirst, unreachedNodes, type StaticPlan, type StaticReport } from "../static.ts";
import { mismatchedConcats } from "../tail.ts";
import { reference } from "./noise.ts";
import { rankNodes, type NodeSensitivity } from "./sensitivity.ts";

export interface SearchOptions {
  /** Largest loss allowed: of the main score of `evaluate`, in its own units. */
  readonly maxDrop: number;
  /** Methods to try. Default: all but moving-average. */
  readonly methods?: readonly CalibrationMethod[] | undefined;
  /** Most nodes that may go back to float. Default: half of the weighted ones. */
  readonly maxExcluded?: number | undefined;
  /** Samples that outputs are compared on when nodes are ranked. Default 4. */
  readonly rankSamples?: number | undefined;
}

export interface SearchServices {
  readonly runtime: Runtime;
  readonly data: AsyncIterable<Feeds> | Iterable<Feeds>;
  readonly evaluate: Evaluate;
  readonly signal?: AbortSignal | undefined;
  readonly onTrial?: ((trial: Trial) => void) | undefined;
  /** For `rounding: "adaround"`; see StaticServices. */
  readonly random?: Random | undefined;
  readonly turn?: (() => Promise<void>) | undefined;
}

/** One candidate; JSON. */
export interface Trial {
  readonly method: CalibrationMethod;
  readonly excluded: number;
  readonly score: number;
  readonly drop: number;
}

export interface SearchResult {
  readonly model: Model;
  readonly report: StaticReport;
  readonly floatScore: number;
  readonly trials: readonly Trial[];
  readonly best: Trial;
  /** Nodes that stay float. */
  readonly excluded: readonly string[];
  readonly sensitivity: readonly NodeSensitivity[];
}

/**
 * Quantizes with at most `maxDrop` loss of score.
 * @throws QUANT_BUDGET when even the allowed number of float nodes does not bring the loss under the budget.
 */
export async function searchQuantize(source: Model, options: StaticOptionsInput, search: SearchOptions, services: SearchServices): Promise<SearchResult> {
  const model = source.clone();
  await simplifyFirst(model, options);
  const run = new Search(model, options, search, services);
  return run.find();
}

class Search {
  readonly #model: Model;
  readonly #options: StaticOptionsInput;
  readonly #search: SearchOptions;
  readonly #services: SearchServices;
  readonly #trials: Trial[] = [];
  #floatScore = NaN;
  #learned: { readonly rounded: ReadonlyMap<string, Tensor>; readonly scales: ReadonlyMap<string, string> } | undefined;

  constructor(model: Model, options: StaticOptionsInput, search: SearchOptions, services: SearchServices) {
    this.#model = model;
    this.#search = search;
    this.#services = services;
    this.#options = options;
  }

  async find(): Promise<SearchResult> {
    this.#floatScore = await this.#score(this.#model);
    if (Number.isNaN(this.#floatScore)) throw quantizeErrors.QUANT_SCORE({});
    const observations = await this.#observe();
    const base = this.#base(observations);
    const methods = this.#search.methods ?? calibrationMethods.filter((m) => m !== "moving-average");
    let best: Candidate | undefined;
    for (const method of methods) {
      const made = await this.#try({ ...base, method }, observations, []);
      if (!best || made.trial.drop < best.trial.drop) best = made;
      if (best.trial.drop <= 0) break;
    }
    if (!best) throw quantizeErrors.QUANT_NOTHING_TO_DO({ types: "an empty list of methods" });
    if (this.#fits(best)) return this.#result(best, []);
    return this.#exclude({ ...base, method: best.trial.method }, observations, best);
  }

  /** One pass with histograms: every method's ranges follow from it. */
  async #observe(): Promise<Observations> {
    const plan = planStatic(this.#model.clone(), { ...this.#options, method: "entropy" });
    return calibrate(plan, this.#services, true);
  }

  /** The options without the nodes that no candidate quantizes: Concats of mismatched ranges, and what no sample reached. */
  #base(observations: Observations): StaticOptionsInput {
    const named = planStatic(this.#model.clone(), this.#options).model.graph;
    const options = excluding(this.#options, [...mismatchedConcats(named, observations.tensors)].map((node) => node.name));
    return options.bodies ? excluding(options, unreachedNodes(planStatic(this.#model.clone(), options), observations)) : options;
  }

  async #try(options: StaticOptionsInput, observations: Observations, excluded: readonly string[]): Promise<Candidate> {
    const plan = planStatic(this.#model.clone(), excluding(options, excluded));
    const ranges = rangesOf(observations, plan);
    const report = applyStatic(plan, ranges, observations.samples, await this.#rounded(plan, ranges));
    const score = await this.#score(plan.model);
    // A model that gives no score has lost all.
    const trial = { method: plan.options.method, excluded: excluded.length, score, drop: Number.isNaN(score) ? Infinity : this.#floatScore - score };
    this.#trials.push(trial);
    this.#services.onTrial?.(trial);
    return { model: plan.model, report, trial, excluded };
  }

  /**
   * Learned rounding, for all candidates from the first one. A weight whose scale another candidate has to widen for the sake of a bias
   * (`adjustBias`, the one way in which ranges of activations get to weights) is rounded to nearest there.
   */
  async #rounded(plan: StaticPlan, ranges: ReadonlyMap<string, Range>): Promise<ReadonlyMap<string, Tensor> | undefined> {
    if (plan.options.rounding !== "adaround") return undefined;
    const scales = weightScales(plan, ranges);
    this.#learned ??= { rounded: (await learn(plan, ranges, this.#services))!.rounded, scales };
    const { rounded, scales: known } = this.#learned;
    return new Map([...rounded].filter(([name]) => scales.get(name) === known.get(name)));
  }

  /** Doubles the number of excluded nodes until the budget holds, then bisects down to the fewest. */
  async #exclude(options: StaticOptionsInput, observations: Observations, first: Candidate): Promise<SearchResult> {
    if (this.#search.maxExcluded === 0) throw quantizeErrors.QUANT_BUDGET({ maxDrop: this.#search.maxDrop, drop: first.trial.drop, excluded: 0, worst: "not looked for, as no node may stay float" });
    const sensitivity = await this.#rank(options, observations);
    const most = Math.min(this.#search.maxExcluded ?? Math.ceil(sensitivity.length / 2), sensitivity.length - 1);
    const names = sensitivity.map((s) => s.node);
    const at = (count: number): Promise<Candidate> => this.#try(options, observations, names.slice(0, count));
    let low = 0;
    let good: Candidate | undefined;
    let nearest = first;
    for (let count = Math.min(1, most); count > low; count = Math.min(count * 2, most)) {
      const made = await at(count);
      if (made.trial.drop < nearest.trial.drop) nearest = made;
      if (this.#fits(made)) {
        good = made;
        break;
      }
      low = count;
    }
    if (!good) throw quantizeErrors.QUANT_BUDGET({ maxDrop: this.#search.maxDrop, drop: nearest.trial.drop, excluded: nearest.trial.excluded, worst: names[0] ?? "none" });
    while (good.trial.excluded - low > 1) {
      const middle = await at((low + good.trial.excluded) >> 1);
      if (this.#fits(middle)) good = middle;
      else low = middle.trial.excluded;
    }
    return this.#result(good, sensitivity);
  }

  /** Scores are ratios: the comparison allows for their rounding. */
  #fits({ trial }: Candidate): boolean {
    return trial.drop <= this.#search.maxDrop + 1e-9;
  }

  async #rank(options: StaticOptionsInput, observations: Observations): Promise<NodeSensitivity[]> {
    const { runtime, data, signal } = this.#services;
    const prepared = planStatic(this.#model.clone(), options);
    const known = await reference(this.#model, runtime, data, this.#search.rankSamples ?? 4, signal);
    return rankNodes(this.#model, options, rangesOf(observations, prepared), known, this.#services);
  }

  async #score(model: Model): Promise<number> {
    const signal = this.#services.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    return mainScore(await this.#services.evaluate(model, { signal, progress: () => signal.throwIfAborted() }));
  }

  #result({ model, report, trial, excluded }: Candidate, sensitivity: readonly NodeSensitivity[]): SearchResult {
    return { model, report, floatScore: this.#floatScore, trials: this.#trials, best: trial, excluded, sensitivity };
  }
}

/** Scales and zero points of each weight, as text to compare. */
function weightScales({ plan, emit }: StaticPlan, ranges: ReadonlyMap<string, Range>): Map<string, string> {
  const constants = [...finalParams(plan, ranges, emit.adjustBias)].filter(([value]) => plan.tensors.get(value)?.kind === "constant");
  return new Map(constants.map(([value, { original }]) => [value.name, JSON.stringify(original.list)]));
}

interface Candidate {
  readonly model: Model;
  readonly report: StaticReport;
  readonly trial: Trial;
  readonly excluded: readonly string[];
}

/**
 * Quantization-aware training: the model learns with the rounding in place (Jacob et al. 2018), through which gradients pass as if it were
 * the identity (straight-through); scales may learn too (learned step size, Esser et al. 2020). BatchNormalization is folded beforehand.
 * The result is written by static quantization, with the parameters that were trained with.
 */
import { Tensor, type Dataset, type Model, type Runtime } from "@lathe/core";
import { trainingData, withTeacher, withWeights, type FitEvent, type FitOptions, type FitResult, type Loss, type Optimizer, type Schedule, type TrainerService, type TrainingData } from "@lathe/train";
import { dequantize } from "../accuracy/dequantize.ts";
import type { StaticOptionsInput } from "../options.ts";
import type { Range } from "../spec.ts";
import { applyStatic, calibrate, planStatic, rangesOf, rebalance, simplifyFirst, type StaticReport, type StaticServices } from "../static.ts";
import { fakeQuantize, learnedRanges, weightParams, type FakeQuantized } from "./fake-quantize.ts";

export interface QatOptions {
  /** What static quantization would be given. */
  readonly static?: StaticOptionsInput;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly epochs: number;
  readonly batchSize: number;
  /** Trains scales of weights and activations beside the weights. */
  readonly learnScales: boolean;
  /** Without learned scales: ranges are observed anew after each of the first epochs, and then stay. */
  readonly observeEpochs: number;
  readonly clipNorm?: number | undefined;
  /** Weights that are zero stay zero, also as integers (there: the zero point). */
  readonly keepZeros?: boolean | undefined;
  readonly seed: number;
  readonly trainable?: FitOptions["trainable"];
  /** The float model's own outputs are in each batch under "teacher_logits", for losses that read them. */
  readonly teach: boolean;
}

export interface QatServices {
  readonly runtime: Runtime;
  readonly trainer: TrainerService;
  /** Labelled data; also what ranges are observed on. */
  readonly data: Dataset;
  readonly signal?: AbortSignal | undefined;
  /** `done` and `total` count the steps of all phases. */
  readonly onEvent?: ((event: FitEvent) => void) | undefined;
}

export interface QatResult {
  /** As static quantization writes it. */
  readonly model: Model;
  /** The model that was trained, with its final weights: float weights behind Q/DQ pairs. */
  readonly fakeQuantized: Model;
  readonly report: StaticReport;
  readonly history: FitResult["history"];
  readonly steps: number;
}

/**
 * Trains a copy of the model under quantization.
 * @throws what quantizeStatic and fit throw.
 */
export async function quantizeAware(source: Model, options: QatOptions, services: QatServices): Promise<QatResult> {
  const settings = options.static ?? {};
  const float = source.clone();
  const { signal } = services;
  await simplifyFirst(float, settings);
  signal?.throwIfAborted();
  await rebalance(float, settings, calibrationOf(services));
  const plan = planStatic(float.clone(), { ...settings, simplify: false });
  const prepared = plan.model.clone();
  const data = await trainingData(services.data, prepared);
  signal?.throwIfAborted();
  const taught = options.teach ? await withTeacher(data, source, services.runtime, { signal }) : undefined;
  try {
    return await phases(prepared, taught?.data ?? data, options, services);
  } finally {
    await taught?.dispose();
  }
}

const calibrationOf = ({ runtime, data, signal }: QatServices): StaticServices => ({ runtime, data, signal });

/** Epochs between observations: one by one at first, then all the rest. */
function phaseLengths({ epochs, learnScales, observeEpochs }: QatOptions): number[] {
  const single = learnScales ? 0 : Math.min(observeEpochs, epochs - 1);
  return [...new Array<number>(single).fill(1), epochs - single];
}

async function phases(start: Model, data: TrainingData, options: QatOptions, services: QatServices): Promise<QatResult> {
  const stepsPerEpoch = Math.ceil(data.size / options.batchSize);
  const history: FitResult["history"][number][] = [];
  let float = start;
  let done = 0;
  let last: { fake: FakeQuantized; ranges: ReadonlyMap<string, Range>; weights: ReadonlyMap<string, Tensor> } | undefined;
  for (const epochs of phaseLengths(options)) {
    services.signal?.throwIfAborted();
    const ranges = await observed(float, options, services);
    const fake = fakeQuantize(float, options.static ?? {}, ranges);
    const before = done;
    const { weights, history: part } = await services.trainer.fit({ ...fitOptions(fake, data, options, services), epochs, schedule: (step) => options.schedule(before + step, options.epochs * stepsPerEpoch) }).result;
    history.push(...part.map((record) => ({ ...record, epoch: history.length + record.epoch })));
    done += epochs * stepsPerEpoch;
    float = withWeights(float, weights);
    last = { fake, ranges, weights };
  }
  const { fake, ranges, weights } = last!;
  const overrides = { ...options.static?.overrides, ...weightParams(fake, weights) } as StaticOptionsInput["overrides"];
  const final = planStatic(float.clone(), { ...options.static, simplify: false, overrides });
  const report = applyStatic(final, learnedRanges(fake, ranges, weights));
  const biases = writtenBiases(final.model, fake.model);
  return { model: final.model, fakeQuantized: withWeights(fake.model, new Map([...weights, ...biases])), report, history, steps: done };
}

/** Biases as the written model holds them: rounded to int32, which training did not see. By name, real values. */
function writtenBiases(written: Model, fake: Model): Map<string, Tensor> {
  const stored = new Map([...written.graph.initializers].map((v) => [v.name, v.tensor!]));
  return new Map([...fake.graph.initializers].flatMap(({ name, tensor }) => {
    const [values, scale] = [stored.get(`${name}_quantized`), stored.get(`${name}_quantized_scale`)];
    if (values?.dtype !== "int32" || !scale || !tensor) return [];
    const zeroPoint = Tensor.from("int32", scale.dims, new Int32Array(scale.size));
    return [[name, Tensor.from("float32", tensor.dims, dequantize({ values, scale, zeroPoint, axis: scale.dims.length === 0 ? undefined : 0 }))] as const];
  }));
}

async function observed(float: Model, { static: settings = {} }: QatOptions, services: QatServices): Promise<Map<string, Range>> {
  const plan = planStatic(float.clone(), { ...settings, simplify: false });
  return rangesOf(await calibrate(plan, calibrationOf(services)), plan);
}

function fitOptions(fake: FakeQuantized, data: TrainingData, options: QatOptions, services: QatServices): Omit<FitOptions, "epochs"> {
  const { loss, optimizer, batchSize, clipNorm, keepZeros, seed, trainable } = options;
  const scales = new Set(fake.scales);
  return {
    model: fake.model, data, loss, optimizer, batchSize, clipNorm, keepZeros, seed,
    trainable: (name, tensor) => trainable?.(name, tensor) ?? true,
    signal: services.signal, onEvent: services.onEvent, keep: "last",
    // A step moves a scale by its share of the learning rate, not by as much as a weight.
    ...(options.learnScales ? { include: fake.scales, rate: (name: string, tensor: Tensor) => (scales.has(name) ? mean(tensor) : 1), decay: (name: string, tensor: Tensor) => !scales.has(name) && tensor.dims.length > 1 } : {}),
  };
}

const mean = (tensor: Tensor): number => tensor.toFloat32().reduce((sum, v) => sum + v, 0) / Math.max(1, tensor.size);

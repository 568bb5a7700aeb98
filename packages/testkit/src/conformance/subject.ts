/** What the checks look at: a technique with examples of its use. */
import { encodeModel, pipeline, type AnyTechnique, type Lent, type Model, type Report, type RunEvent, type Step } from "@lathe/core";

export interface ConformanceExample {
  /** For messages; default: its number. */
  readonly name?: string;
  /** Options of the technique; plain data, as a recipe holds them. */
  readonly options?: unknown;
  /** Steps inside, for techniques that take steps. */
  readonly steps?: readonly Step[];
  /** A model on which the technique succeeds. Made anew for each check when given as a function. */
  readonly model: Model | (() => Model | Promise<Model>);
  /** What the technique needs lent. */
  readonly services?: Lent<never>;
}

export interface ConformanceOptions {
  /** At least one; each is run about ten times, so keep the models tiny. */
  readonly examples: readonly ConformanceExample[];
  /** Options that must be refused, beside those that the checks make up from the JSON Schema. */
  readonly invalid?: readonly unknown[];
}

/** One run of an example. */
export interface Trial {
  readonly technique: AnyTechnique;
  readonly example: ConformanceExample;
}

export const modelOf = async ({ model }: ConformanceExample): Promise<Model> => (typeof model === "function" ? model() : model);
export const stepOf = ({ technique, example }: Trial): Step => technique.bind(example.options, example.steps);

export interface RunOverrides {
  readonly signal?: AbortSignal;
  readonly services?: Lent<never>;
  readonly onEvent?: (event: RunEvent) => void;
  readonly steps?: readonly Step[];
}

export type Outcome =
  | { readonly kind: "done"; readonly model: Model; readonly report: Report; readonly touched: boolean }
  | { readonly kind: "failed"; readonly error: unknown; readonly touched: boolean };

/** Runs the example and tells whether the model that was given has changed. */
export async function runExample(trial: Trial, overrides: RunOverrides = {}): Promise<Outcome> {
  const source = await modelOf(trial.example);
  const before = encodeModel(source);
  const { steps = [stepOf(trial)], services = trial.example.services ?? {}, ...settings } = overrides;
  const touched = (): boolean => !sameBytes(before, encodeModel(source));
  try {
    const { model, report } = await pipeline(...steps).run(source, { ...services, seed: 7, ...settings }).result;
    return { kind: "done", model, report, touched: touched() };
  } catch (error) {
    return { kind: "failed", error, touched: touched() };
  }
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);

export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

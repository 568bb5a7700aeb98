/**
 * The technique contract. A technique is a value: a name, a schema of its options and `apply(model, options, ctx)`. Calling it with
 * options gives an inert {@link Step}. Nothing is registered anywhere; hosts receive the techniques they may use.
 */
import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import type { Random } from "../random.ts";
import { techniqueErrors } from "./errors.ts";
import type { Lent, Progress, ServiceName, Services } from "./services.ts";
import { checkOptions, type SchemaInput, type SchemaOutput, type StandardSchemaV1 } from "./standard-schema.ts";

/** Version of this contract. Checked together with the shape of the value, never by `instanceof`. */
export const TECHNIQUE_API_VERSION = 1;

export interface Warning {
  /** Stable, for programs: "DEGENERATE_RANGE". */
  readonly code: string;
  readonly message: string;
  /** The node concerned. */
  readonly node?: string;
}

/** Plain JSON data. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Figures for the report; units belong in the key ("removedChannels", "calibrationMs"). */
export type Metrics = Readonly<Record<string, number | string | boolean>>;

export interface TechniqueResult {
  /** The new model; default: the given one, edited in place. */
  readonly model?: Model;
  readonly metrics?: Metrics;
  readonly details?: Json;
}

export interface TechniqueContext<N extends ServiceName = never> {
  readonly ops: OpTable;
  /** Own to this step: derived from the run's seed and the step's place. */
  readonly seed: number;
  /** A generator with that seed. */
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Tells how far the work is. Throws when the run was aborted, so that a long loop stops here. */
  progress(progress: Progress): void;
  /** Tells of something left alone or doubtful; kept in the report. */
  warn(warning: Warning): void;
  /** Gives the event loop one turn, then throws when the run was aborted. Await it inside long loops that do not await anything else. */
  turn(): Promise<void>;
  /** The services declared by `needs` are there; others may be. */
  readonly services: Lent<N>;
  /** A service that only some options need. @throws SERVICE_MISSING */
  need<K extends ServiceName>(service: K): Services[K];
  /** Steps inside this step (`iterate`, `search`); empty for ordinary techniques. */
  readonly steps: readonly Step[];
  /** Runs a step inside this one, with the same services. The model is edited: clone it when the original matters. */
  run(step: Step, model: Model): Promise<StepResult>;
}

export interface StepResult {
  readonly model: Model;
  readonly metrics: Metrics;
  readonly details: Json;
}

/** Gives a sentence for the user when something does not hold, else undefined. */
export type Predicate<Options = unknown> = (model: Model, options: Options) => string | undefined | Promise<string | undefined>;

export interface TechniqueSpec<S extends StandardSchemaV1, N extends ServiceName> {
  /** Lower-case words joined by dashes; what recipes and the command line say. */
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  readonly apiVersion?: number;
  readonly options: S;
  /** Services without which it cannot run. */
  readonly needs?: readonly N[];
  /** Checked before `apply`; a string is the user's message. */
  readonly expects?: readonly Predicate<SchemaOutput<S>>[];
  /** Checked on the result; a string is a bug of the technique. */
  readonly ensures?: readonly Predicate<SchemaOutput<S>>[];
  /** May edit `model`, a clone that the host lends. Tensors are shared with the caller's model: replace them, never write into them. */
  apply(model: Model, options: SchemaOutput<S>, ctx: TechniqueContext<N>): Applied;
}

// `void` lets an `apply` that only edits its model end without a return.
// oxlint-disable-next-line typescript/no-invalid-void-type
export type Applied = TechniqueResult | void | Promise<TechniqueResult | void>;

/** Any technique, its option types forgotten: what hosts keep in lists. */
export interface AnyTechnique {
  readonly kind: "lathe.technique";
  readonly apiVersion: number;
  readonly name: string;
  readonly summary: string;
  readonly options: StandardSchemaV1;
  readonly needs: readonly ServiceName[];
  /** True when it takes steps inside (`iterate`, `search`). */
  readonly takesSteps: boolean;
  readonly expects: readonly Predicate<never>[];
  readonly ensures: readonly Predicate<never>[];
  apply(model: Model, options: unknown, ctx: TechniqueContext<ServiceName>): Applied;
  /** Makes a step from options of unknown origin (a recipe, a command line). @throws OPTIONS_INVALID */
  bind(options?: unknown, steps?: readonly Step[]): Step;
}

/** A technique bound to options; does nothing until a pipeline runs it. */
export interface Step<N extends ServiceName = ServiceName> {
  readonly kind: "lathe.step";
  readonly apiVersion: number;
  readonly name: string;
  readonly technique: AnyTechnique;
  /** As given by the caller; what a recipe stores. */
  readonly given: unknown;
  /** Checked, with defaults; a promise when the schema is asynchronous. */
  readonly options: unknown;
  /** Services that it and the steps inside need. */
  readonly needs: readonly N[];
  readonly steps: readonly Step[];
}

/** Services that any of the steps needs. */
export type NeedsOf<S extends readonly Step[]> = S[number] extends Step<infer N> ? N : never;

/** The option argument, which may be left out when every option may. */
export type OptionArgs<In> = Record<never, never> extends In ? [options?: In] : [options: In];

export interface Technique<In, Out, N extends ServiceName> extends AnyTechnique {
  (...options: OptionArgs<In>): Step<N>;
  readonly options: StandardSchemaV1<In, Out>;
  readonly needs: readonly N[];
  apply(model: Model, options: Out, ctx: TechniqueContext<N>): Applied;
}

/** A technique over other steps: the needs of the steps become its own. */
export interface CompositeTechnique<In, Out, N extends ServiceName> extends AnyTechnique {
  <const S extends readonly Step[]>(options: In, ...steps: S): Step<N | NeedsOf<S>>;
  readonly options: StandardSchemaV1<In, Out>;
  readonly needs: readonly N[];
  apply(model: Model, options: Out, ctx: TechniqueContext<N>): Applied;
}

/**
 * Makes a technique. Types of options and services are inferred from `options` and `needs`.
 *
 * @example
 * const halve = defineTechnique({
 *   name: "halve", summary: "Stores weights as float16.",
 *   options: z.object({ keep: z.array(z.string()).default([]) }),
 *   apply(model, { keep }) { ... },
 * });
 * pipeline(halve()).run(model);
 * @throws TECHNIQUE_NAME, TECHNIQUE_API_VERSION
 */
export function defineTechnique<S extends StandardSchemaV1, const N extends ServiceName = never>(
  spec: TechniqueSpec<S, N>,
): Technique<SchemaInput<S>, SchemaOutput<S>, N> {
  const call = (...[options]: OptionArgs<SchemaInput<S>>): Step<N> => bind(technique, options, []) as Step<N>;
  const technique = complete<Technique<SchemaInput<S>, SchemaOutput<S>, N>>(call, spec, false);
  return technique;
}

/** Makes a technique over other steps, which it finds in `ctx.steps` and runs with `ctx.run`. */
export function defineComposite<S extends StandardSchemaV1, const N extends ServiceName = never>(
  spec: TechniqueSpec<S, N>,
): CompositeTechnique<SchemaInput<S>, SchemaOutput<S>, N> {
  const call = <T extends readonly Step[]>(options: SchemaInput<S>, ...steps: T): Step<N | NeedsOf<T>> =>
    bind(technique, options, steps) as Step<N | NeedsOf<T>>;
  const technique = complete<CompositeTechnique<SchemaInput<S>, SchemaOutput<S>, N>>(call, spec, true);
  return technique;
}

/** Puts the fields of a technique on the function that callers call. */
function complete<T extends AnyTechnique>(call: object, spec: AnySpec, takesSteps: boolean): T {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(spec.name)) throw techniqueErrors.TECHNIQUE_NAME({ received: spec.name });
  const apiVersion = spec.apiVersion ?? TECHNIQUE_API_VERSION;
  checkVersion(spec.name, apiVersion);
  const facts = { kind: "lathe.technique", apiVersion, takesSteps, needs: spec.needs ?? [], expects: spec.expects ?? [], ensures: spec.ensures ?? [] };
  const { name, summary, options } = spec;
  const methods = {
    apply: spec.apply.bind(spec),
    bind: (given?: unknown, steps?: readonly Step[]) => bind(technique, given, steps ?? []),
  };
  // A function's own `name` and `bind` cannot be assigned, only redefined.
  const fields = Object.entries({ name, summary, options, ...facts, ...methods });
  const technique = Object.defineProperties(call, Object.fromEntries(fields.map(([key, value]) => [key, { value, enumerable: true }]))) as T;
  return Object.freeze(technique);
}

/** A spec with its option types forgotten. */
type AnySpec = Pick<AnyTechnique, "name" | "summary" | "options"> & {
  readonly apiVersion?: number;
  readonly needs?: readonly ServiceName[];
  readonly expects?: AnyTechnique["expects"];
  readonly ensures?: AnyTechnique["ensures"];
  apply(model: Model, options: unknown, ctx: TechniqueContext<ServiceName>): Applied;
};

function bind(technique: AnyTechnique, given: unknown, steps: readonly Step[]): Step {
  if (technique.takesSteps && steps.length === 0) throw techniqueErrors.PIPELINE_EMPTY({ what: `"${technique.name}"` });
  steps.forEach(checkStep);
  const options = checkOptions(technique.name, technique.options, given);
  // An asynchronous check reports when the step runs; until then its failure must not count as unhandled.
  if (options instanceof Promise) options.catch(() => undefined);
  const needs = [...new Set([...technique.needs, ...steps.flatMap((step) => step.needs)])];
  return Object.freeze({ kind: "lathe.step", apiVersion: TECHNIQUE_API_VERSION, name: technique.name, technique, given, options, needs, steps });
}

/** @throws TECHNIQUE_API_VERSION */
function checkVersion(technique: string, received: unknown): void {
  if (received !== TECHNIQUE_API_VERSION) throw techniqueErrors.TECHNIQUE_API_VERSION({ technique, expected: TECHNIQUE_API_VERSION, received });
}

/** True for a technique of any copy and version of core. */
export const isTechnique = (value: unknown): value is AnyTechnique => kindOf(value) === "lathe.technique";

/** @throws NOT_A_TECHNIQUE, TECHNIQUE_API_VERSION */
export function checkTechnique(value: unknown): asserts value is AnyTechnique {
  if (!isTechnique(value)) throw techniqueErrors.NOT_A_TECHNIQUE({ received: describe(value) });
  checkVersion(value.name, value.apiVersion);
}

/** @throws NOT_A_STEP, TECHNIQUE_API_VERSION */
export function checkStep(value: unknown): asserts value is Step {
  if (kindOf(value) !== "lathe.step") throw techniqueErrors.NOT_A_STEP({ received: describe(value) });
  const step = value as Step;
  checkVersion(step.name, step.apiVersion);
}

const kindOf = (value: unknown): unknown =>
  (typeof value === "object" && value !== null) || typeof value === "function" ? (value as { kind?: unknown }).kind : undefined;

/** What error messages call a value that is not what it should be. */
export function describe(value: unknown): string {
  if (isTechnique(value)) return `The technique "${value.name}"`;
  if (Array.isArray(value)) return "An array";
  if (value === null || typeof value !== "object") return typeof value === "string" ? `"${value}"` : String(value).split("\n")[0]!;
  return `An object with ${Object.keys(value).slice(0, 5).join(", ") || "no keys"}`;
}

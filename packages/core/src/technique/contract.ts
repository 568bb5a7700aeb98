/**
 * The technique contract. A technique is a value: a name, a schema of its options and `apply(model, options, ctx)`. Calling it with
 * options gives an inert {@link Step}. Nothing is registered anywhere; hosts receive the techniques they may use.
 */
import type { Model } from "../ir/model.ts";
import type { OpTable } from "../ops/op.ts";
import type { Random } from "../random.ts";
import type { Lent, Progress, ServiceName, Services } from "./services.ts";
import type { SchemaOutput, StandardSchemaV1 } from "./standard-schema.ts";

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

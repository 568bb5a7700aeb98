/**
 * The part of the Standard Schema and Standard JSON Schema interfaces that Lathe reads (https://standardschema.dev). Any schema
 * library that implements them describes a technique's options: zod, ArkType, Valibot and others.
 */
import { techniqueErrors } from "./errors.ts";

export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly jsonSchema?: JsonSchemaConverter | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export interface JsonSchemaConverter {
  readonly input: (options: { readonly target: string }) => JsonSchema;
  readonly output: (options: { readonly target: string }) => JsonSchema;
}

/** A JSON Schema document (draft 2020-12 unless said otherwise). */
export type JsonSchema = Record<string, unknown>;

/** What the caller writes: defaults may be left out. */
export type SchemaInput<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["input"];
/** What the technique receives: defaults filled in, values transformed. */
export type SchemaOutput<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["output"];

/**
 * Checks options; a promise only when the schema itself is asynchronous. An absent value stands for `{}`.
 * @throws OPTIONS_INVALID that lists every issue with its path.
 */
export function checkOptions<T>(technique: string, schema: StandardSchemaV1<unknown, T>, value: unknown): T | Promise<T> {
  const given = value === undefined ? {} : value;
  const result = schema["~standard"].validate(given);
  return result instanceof Promise ? result.then((r) => unwrap(technique, r)) : unwrap(technique, result);
}

function unwrap<T>(technique: string, result: SchemaResult<T>): T {
  if (result.issues) throw techniqueErrors.OPTIONS_INVALID({ technique, issues: result.issues.map(issueText) });
  return result.value;
}

function issueText({ message, path }: SchemaIssue): string {
  const keys = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}

import { techniqueErrors } from "./errors.ts";
import type { ServiceName } from "./services.ts";
import type { JsonSchema } from "./standard-schema.ts";
import type { AnyTechnique } from "./contract.ts";

/** What hosts show of a technique: help texts, service descriptions, documentation. */
export interface TechniqueDescription {
  readonly name: string;
  readonly summary: string;
  /** JSON Schema (draft 2020-12) of the options as callers write them. */
  readonly options: JsonSchema;
  readonly needs: readonly ServiceName[];
  readonly takesSteps: boolean;
}

export function describeTechnique(technique: AnyTechnique): TechniqueDescription {
  const { name, summary, needs, takesSteps } = technique;
  return { name, summary, options: jsonSchemaOf(technique), needs, takesSteps };
}

/**
 * JSON Schema (draft 2020-12) of a technique's options, through Standard JSON Schema, or through a `toJsonSchema()` /
 * `toJSONSchema()` method where the schema has one.
 * @throws JSON_SCHEMA_UNAVAILABLE
 */
export function jsonSchemaOf(technique: Pick<AnyTechnique, "name" | "options">): JsonSchema {
  const { options } = technique;
  const { vendor, jsonSchema } = options["~standard"];
  if (jsonSchema) return jsonSchema.input({ target: "draft-2020-12" });
  const { toJsonSchema, toJSONSchema } = options as { toJsonSchema?: unknown; toJSONSchema?: unknown };
  const method = toJsonSchema ?? toJSONSchema;
  if (typeof method !== "function") throw techniqueErrors.JSON_SCHEMA_UNAVAILABLE({ technique: technique.name, vendor });
  return method.call(options) as JsonSchema;
}

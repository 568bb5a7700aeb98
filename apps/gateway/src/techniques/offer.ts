/**
 * Techniques reach the gateway as modules, not values, because they run in other processes: each child imports the same modules. Which
 * modules is the operator's decision at start; a request can only name techniques that they export.
 */
import { jsonSchemaOf, type AnyTechnique, type JsonSchema } from "@lathe/core";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gatewayErrors } from "../errors.ts";

export interface OfferedTechnique {
  readonly technique: AnyTechnique;
  readonly name: string;
  readonly summary: string;
  readonly schema: JsonSchema;
  readonly needs: readonly string[];
  readonly takesSteps: boolean;
  /** Why it cannot run here; undefined when it can. */
  readonly unavailable: string | undefined;
}

export interface Offer {
  /** Addresses that children import. */
  readonly modules: readonly string[];
  readonly techniques: readonly OfferedTechnique[];
  byName(name: string): OfferedTechnique | undefined;
}

/** Services that an attempt lends; see task/services.ts. */
const lent: readonly string[] = ["data", "runtime", "evaluate", "trainer"];

export const standardModule: string = new URL(import.meta.url.endsWith(".ts") ? "./standard.ts" : "./techniques/standard.js", import.meta.url).href;

/** @throws TECHNIQUE_MODULE, TECHNIQUE_CLASH */
export async function loadOffer(modules: readonly string[]): Promise<Offer> {
  const resolved = modules.map(resolveModule);
  const techniques: OfferedTechnique[] = [];
  const known = new Map<string, OfferedTechnique>();
  for (const [i, url] of resolved.entries()) {
    for (const technique of await techniquesOf(url, modules[i]!)) {
      const offered = describe(technique);
      const clash = known.get(technique.name);
      if (clash?.technique === technique) continue;
      if (clash) throw gatewayErrors.TECHNIQUE_CLASH({ name: technique.name });
      known.set(technique.name, offered);
      techniques.push(offered);
    }
  }
  return { modules: resolved, techniques, byName: (name) => known.get(name) };
}

/** Packages are found from the folder in which the gateway was started. */
function resolveModule(module: string): string {
  if (/^(file|data):/.test(module)) return module;
  try {
    return pathToFileURL(createRequire(join(process.cwd(), "gateway.js")).resolve(module)).href;
  } catch (cause) {
    throw gatewayErrors.TECHNIQUE_MODULE({ module, reason: "it is not installed here" }, cause);
  }
}

/** All techniques that a module exports, alone or in lists. */
export async function techniquesOf(url: string, name: string = url): Promise<AnyTechnique[]> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(url)) as Record<string, unknown>;
  } catch (cause) {
    throw gatewayErrors.TECHNIQUE_MODULE({ module: name, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
  const found = Object.values(exported).flat().filter(isTechnique);
  if (found.length === 0) throw gatewayErrors.TECHNIQUE_MODULE({ module: name, reason: "it exports no technique" });
  return [...new Set(found)];
}

const isTechnique = (value: unknown): value is AnyTechnique => (typeof value === "function" || (typeof value === "object" && value !== null)) && (value as { kind?: unknown }).kind === "lathe.technique";

function describe(technique: AnyTechnique): OfferedTechnique {
  const { name, summary, needs, takesSteps } = technique;
  const missing = needs.filter((need) => !lent.includes(need));
  const unavailable = missing.length === 0 ? undefined : `needs ${missing.join(" and ")}, which this gateway does not lend`;
  return { technique, name, summary, schema: jsonSchemaOf(technique), needs, takesSteps, unavailable };
}

import type { Model } from "@lathe/core";
import { cliErrors } from "./errors.ts";

/** "batch=1" pairs to sizes of symbolic dimensions. */
export function parseBindings(pairs: readonly string[] | undefined): Record<string, number> {
  return Object.fromEntries((pairs ?? []).map((pair) => {
    const at = pair.lastIndexOf("=");
    const size = Number(pair.slice(at + 1));
    if (at < 1 || !Number.isInteger(size) || size < 0) throw cliErrors.CLI_BINDING({ value: pair });
    return [pair.slice(0, at), size];
  }));
}

/** Sizes for all symbols of the model's inputs: those given, and 1 for the rest. @throws CLI_SYMBOL */
export function bindAll(model: Model, given: Readonly<Record<string, number>>): { sizes: Record<string, number>; assumed: string[] } {
  const symbols = new Set(model.graph.inputs.flatMap((v) => (v.shape ?? []).filter((d) => typeof d === "string")));
  const stray = Object.keys(given).find((name) => !symbols.has(name));
  if (stray !== undefined) throw cliErrors.CLI_SYMBOL({ symbol: stray, known: [...symbols] });
  const assumed = [...symbols].filter((s) => given[s] === undefined);
  return { sizes: { ...Object.fromEntries(assumed.map((s) => [s, 1])), ...given }, assumed };
}

/** What to tell of sizes that nobody gave; they are often too small for the model. */
export const assumedText = (assumed: readonly string[], flag: string): string => `symbolic dimensions set to 1: ${assumed.join(", ")} (give sizes with ${flag})\n`;

/** A profile from sizes for the model's symbolic dimensions. */
import { dimSymbols, evaluateDim, type Dim, type Model, type Shape } from "@lathe/core";
import { trtErrors } from "../errors.ts";
import { checkProfiles, fedInputs, type InputProfile, type Profile } from "./profile.ts";

/** A size, or [min, opt, max]. */
export type SizeRange = number | readonly [min: number, opt: number, max: number];

/**
 * Shapes of every dynamic input from sizes by symbolic dimension. A dimension without a name is called by its input and axis ("x.0").
 *
 * @example profileFor(model, { N: [1, 8, 32], T: 128 })
 * @throws TRT_PROFILE_SYMBOL for a symbol that no input has, TRT_PROFILE when a size is missing or the shapes are wrong
 */
export function profileFor(model: Model, sizes: Readonly<Record<string, SizeRange>>): Profile {
  const inputs = fedInputs(model).map((v) => ({ name: v.name, shape: named(v.name, v.shape) }));
  const symbols = new Set(inputs.flatMap(({ shape }) => shape?.flatMap(dimSymbols) ?? []));
  const stray = Object.keys(sizes).find((symbol) => !symbols.has(symbol));
  if (stray !== undefined) throw trtErrors.TRT_PROFILE_SYMBOL({ symbol: stray, known: [...symbols] });
  const profile: Record<string, InputProfile> = {};
  for (const { name, shape } of inputs) {
    if (!shape) throw trtErrors.TRT_PROFILE({ reason: `the rank of input "${name}" is not known` });
    if (shape.every((d) => typeof d === "number")) continue;
    const at = (end: 0 | 1 | 2): number[] => shape.map((d) => size(d, end, sizes, name));
    profile[name] = { min: at(0), opt: at(1), max: at(2) };
  }
  checkProfiles(model, [profile]);
  return profile;
}

/** As inference names what has no name. */
const named = (input: string, shape: Shape | undefined): Shape | undefined => shape?.map((d, axis) => d ?? `${input}.${axis}`);

function size(d: Dim, end: 0 | 1 | 2, sizes: Readonly<Record<string, SizeRange>>, input: string): number {
  const bindings = Object.fromEntries(Object.entries(sizes).map(([symbol, range]) => [symbol, typeof range === "number" ? range : range[end]]));
  const value = evaluateDim(d, bindings);
  if (value === null) throw trtErrors.TRT_PROFILE({ reason: `input "${input}" has the dimension "${d}", for which no size was given` });
  return value;
}

/**
 * Arithmetic on dimensions: numbers stay numbers, symbols combine to a canonical expression, null (unknown) stays null.
 * Equal values written differently meet in one text: "N + 1 + N" is "2*N + 1"; ceil(x/k) is written floor((x + k - 1)/k).
 * Symbols stand for sizes and are taken to be >= 0.
 */
import type { Dim } from "../ir/type.ts";
import * as poly from "./dim-poly.ts";
import { ceilDiv, mod, parseExpression } from "./dim-parse.ts";
import type { Poly } from "./dim-poly.ts";

/** Expressions beyond these sizes become unknown: nothing useful is that long. */
const MAX_TERMS = 64;
const MAX_LENGTH = 1000;

const cache = new Map<string, Poly>();

function toPoly(dim: number | string): Poly {
  if (typeof dim === "number") return poly.constant(dim);
  let found = cache.get(dim);
  if (!found) {
    if (cache.size > 20_000) cache.clear();
    found = parseExpression(dim) ?? poly.symbol(dim);
    cache.set(dim, found);
  }
  return found;
}

function toDim(p: Poly | undefined): Dim {
  if (!p || p.size > MAX_TERMS) return null;
  const value = poly.constantOf(p);
  if (value !== undefined) return value;
  const text = poly.printDim(p);
  if (text.length > MAX_LENGTH) return null;
  if (!cache.has(text)) cache.set(text, p);
  return text;
}

/** Also an axis that is not there, read from the shape of a malformed model. */
const isUnknown = (dim: Dim | undefined): dim is null | undefined => dim === null || dim === undefined;

type Operation = (a: Poly, b: Poly) => Poly | undefined;

const binary = (onNumbers: (a: number, b: number) => number, onPolys: Operation) => (a: Dim, b: Dim): Dim => {
  if (isUnknown(a) || isUnknown(b)) return null;
  if (typeof a === "number" && typeof b === "number") {
    const result = onNumbers(a, b);
    return Number.isNaN(result) || !Number.isFinite(result) ? null : result === 0 ? 0 : result;
  }
  return toDim(onPolys(toPoly(a), toPoly(b)));
};

export const addDims: (a: Dim, b: Dim) => Dim = binary((a, b) => a + b, (a, b) => poly.add(a, b));
export const subDims: (a: Dim, b: Dim) => Dim = binary((a, b) => a - b, (a, b) => poly.add(a, b, -1));
/** floor(a / b); null when b is 0. */
export const divDims: (a: Dim, b: Dim) => Dim = binary((a, b) => Math.floor(a / b), poly.floorDiv);
/** ceil(a / b); null when b is 0. */
export const ceilDivDims: (a: Dim, b: Dim) => Dim = binary((a, b) => Math.ceil(a / b), ceilDiv);
/** a - b * floor(a / b); null when b is 0. */
export const modDims: (a: Dim, b: Dim) => Dim = binary((a, b) => a - b * Math.floor(a / b), mod);

const product2 = binary((a, b) => a * b, (a, b) => poly.mul(a, b));
/** 0 times anything, also unknown, is 0. */
export const mulDims = (a: Dim, b: Dim): Dim => (a === 0 || b === 0 ? 0 : a === 1 ? simplifyDim(b) : b === 1 ? simplifyDim(a) : product2(a, b));

export const maxDims: (a: Dim, b: Dim) => Dim = binary(Math.max, (a, b) => poly.extreme("max", [a, b]));
export const minDims: (a: Dim, b: Dim) => Dim = binary(Math.min, (a, b) => poly.extreme("min", [a, b]));

export const productDims = (dims: readonly Dim[]): Dim => (dims.includes(0) ? 0 : dims.reduce<Dim>(mulDims, 1));

/** True when both are known and equal for every value of the symbols. */
export function sameDim(a: Dim, b: Dim): boolean {
  if (a === null || b === null) return false;
  return a === b || (typeof a === "string" && typeof b === "string" && poly.add(toPoly(a), toPoly(b), -1).size === 0);
}

/** True when the two differ for every value of the symbols (N and N + 1, 3 and 4). */
export function differentDims(a: Dim, b: Dim): boolean {
  const difference = subDims(a, b);
  return typeof difference === "number" && difference !== 0;
}

/** The canonical text of an expression. A lone symbol keeps its spelling. */
export const simplifyDim = (dim: Dim): Dim => (typeof dim === "string" ? toDim(toPoly(dim)) : dim);

export type Bindings = Readonly<Record<string, Dim | undefined>> | ReadonlyMap<string, Dim>;

/** Puts dimensions in place of symbols. */
export function substituteDim(dim: Dim, bindings: Bindings): Dim {
  if (typeof dim !== "string") return dim;
  const lookup = (name: string): Dim | undefined => (isMap(bindings) ? bindings.get(name) : Object.hasOwn(bindings, name) ? bindings[name] : undefined);
  let unknown = false;
  const result = poly.substitute(toPoly(dim), (name) => {
    const value = lookup(name);
    if (value === null) unknown = true;
    return value === undefined || value === null ? undefined : toPoly(value);
  });
  return unknown ? null : toDim(result);
}

const isMap = (bindings: Bindings): bindings is ReadonlyMap<string, Dim> => bindings instanceof Map;

/** The number that a dimension has with these symbols, or null when one is missing. */
export function evaluateDim(dim: Dim, bindings: Bindings): number | null {
  const value = substituteDim(dim, bindings);
  return typeof value === "number" ? value : null;
}

/** Names of the symbols in a dimension. */
export const dimSymbols = (dim: Dim): readonly string[] => (typeof dim === "string" ? [...poly.symbolsOf(toPoly(dim))] : []);

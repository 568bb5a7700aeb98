/** Einsum: the equation gives output axes and cost. */
import type { Dim, Shape } from "../../ir/type.ts";
import { differentDims } from "../dim.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";
import { broadcast } from "../shape.ts";

interface Equation {
  /** Letters per operand; "." stands for the ellipsis. */
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** "bij,bjk->bik"; without "->" the output has the letters that occur once, in alphabetical order, behind the ellipsis. */
export function parseEquation(text: string): Equation {
  const [left = "", right] = text.replace(/\s/g, "").replaceAll("...", ".").split("->");
  const inputs = left.split(",").map((part) => [...part]);
  if (right !== undefined) return { inputs, output: [...right] };
  const all = inputs.flat();
  const once = [...new Set(all)].filter((l) => l !== "." && all.indexOf(l) === all.lastIndexOf(l)).sort();
  return { inputs, output: [...(all.includes(".") ? ["."] : []), ...once] };
}

/** Lengths by letter; the ellipsis has a shape of its own. */
function lengths(equation: Equation, shapes: readonly Shape[], fail: InferContext["fail"]): { of: Map<string, Dim>; rest: Shape } {
  const of = new Map<string, Dim>();
  const rests: Shape[] = [];
  equation.inputs.forEach((letters, at) => {
    const shape = shapes[at]!;
    const extra = shape.length - letters.filter((l) => l !== ".").length;
    if (extra < 0 || (extra > 0 && !letters.includes("."))) fail(`expects rank ${letters.length} of operand ${at}, but [${shape.join(",")}] came`);
    let axis = 0;
    for (const letter of letters) {
      if (letter === ".") {
        rests.push(shape.slice(axis, axis + extra));
        axis += extra;
      } else put(of, letter, shape[axis++]!, fail);
    }
  });
  return { of, rest: broadcast(rests, fail) ?? [] };
}

function put(of: Map<string, Dim>, letter: string, dim: Dim, fail: InferContext["fail"]): void {
  const known = of.get(letter);
  if (known !== undefined && known !== 1 && dim !== 1 && differentDims(known, dim)) fail(`expects one length of "${letter}", but ${known} and ${dim} came`);
  if (known === undefined || known === 1 || known === null || (typeof known === "string" && typeof dim === "number" && dim !== 1)) of.set(letter, dim);
}

export const inferEinsum = (c: InferContext): void => {
  const equation = parseEquation(c.node.string("equation", ""));
  if (equation.inputs.length !== c.inputCount) c.fail(`has ${equation.inputs.length} operands in its equation, but ${c.inputCount} inputs`);
  const shapes = equation.inputs.map((_, i) => c.shape(i));
  if (!shapes.every((s) => s !== undefined)) return c.set(0, undefined, undefined);
  const { of, rest } = lengths(equation, shapes, c.fail);
  c.set(0, undefined, equation.output.flatMap((letter) => (letter === "." ? rest : [of.get(letter) ?? null])));
};

/** One product per combination of all letters, for each operand beyond the first. */
export const einsumCost = (c: CostContext): Cost => {
  const equation = parseEquation(c.node.string("equation", ""));
  const shapes = equation.inputs.map((_, i) => c.shape(i) ?? []);
  const { of, rest } = lengths(equation, shapes, (message): never => { throw new TypeError(message); });
  const combinations = [...of.values(), ...rest].reduce<number>((n, d) => n * Number(d), 1);
  return equation.inputs.length > 1 ? { macs: combinations * (equation.inputs.length - 1) } : { macs: 0, elementOps: combinations };
};

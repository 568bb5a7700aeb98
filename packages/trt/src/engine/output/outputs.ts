/** `--exportOutput`: what an engine computed, as text. */
import { Tensor } from "@lathe/core";
import { engineErrors } from "../errors.ts";
import { number } from "../log/facts.ts";

const fail = (reason: string): Error => engineErrors.TRT_OUTPUT({ what: "file of outputs", reason });

/**
 * Outputs by name, as float64: the file does not tell types, and holds six digits of each number. Names stand in it as they are, so that it is
 * no valid JSON when one holds a quote; it is read by what surrounds them.
 * @throws TRT_OUTPUT
 */
export function parseOutputs(text: string): Record<string, Tensor> {
  if (!/^\s*\[/.test(text) || !/\}\s*\]\s*$/.test(text)) throw fail("it does not begin and end as a list: it was cut short");
  const outputs = new Map<string, Tensor>();
  const open = /\{\s*"name"\s*:\s*"/g;
  const middle = /"\s*,\s*"dimensions"\s*:\s*"([\dx]{0,400}|scalar)"\s*,\s*"values"\s*:\s*\[/g;
  for (let begin = open.exec(text); begin; begin = open.exec(text)) {
    middle.lastIndex = open.lastIndex;
    const found = middle.exec(text);
    const stop = found ? text.indexOf("]", middle.lastIndex) : -1;
    if (!found || stop < 0) throw fail(`output ${outputs.size + 1} is not whole`);
    const name = text.slice(open.lastIndex, found.index);
    outputs.set(name, tensor(name, dimsOf(found[1]!), text.slice(middle.lastIndex, stop)));
    open.lastIndex = stop + 1;
  }
  if (outputs.size === 0) throw fail("it names no output");
  return Object.fromEntries(outputs);
}

const dimsOf = (text: string): number[] => (text === "" || text === "scalar" ? [] : text.split("x").map(Number));

function tensor(name: string, dims: readonly number[], list: string): Tensor {
  const values = list.trim() === "" ? [] : list.split(",").map(number);
  const size = dims.reduce((product, d) => product * d, 1);
  if (values.length !== size) throw fail(`output "${name}" has ${values.length} values for the shape [${dims.join(", ")}]`);
  return Tensor.from("float64", [...dims], values);
}

/** MatMulNBits on whole models, 260 generated and the real ones with a MatMul: every new initializer as ONNX Runtime's tool has it. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { assertValid, decodeModel, isLatheError, standardOps, type Model, type Tensor } from "@lathe/core";
import { quantizeWeightsOf, type WeightOnlyInput } from "@lathe/quantize";
import { golden } from "./golden.ts";
import { initializersOf, readModel } from "./models.ts";
import { randomGraph } from "./random/graphs.ts";

type Runs = Readonly<Record<string, Readonly<Record<string, string>>>>;
const { models, generated } = golden<{ models: Readonly<Record<string, Runs>>; generated: readonly Runs[] }>("weight-only");

const options: Readonly<Record<string, WeightOnlyInput>> = { symmetric: {}, asymmetric: { symmetric: false }, "8 bits": { bits: 8 }, rtn: { algorithm: "rtn" } };

function digest(tensor: Tensor): string {
  const type = tensor.dtype === "float32" ? "FLOAT" : tensor.dtype.toUpperCase();
  return createHash("sha256").update(`${type}[${tensor.dims.join(", ")}]`).update(tensor.bytes()).digest("hex").slice(0, 12);
}

/** The rtn tool names things differently. */
const ourName = (theirs: string): string => theirs.replace(/G32$/, "").replace(/_scale$/, "_scales");

async function quantized(model: Model, run: string): Promise<Model | undefined> {
  try {
    return (await quantizeWeightsOf(model, { opTypes: ["MatMul"], minElements: 0, ...options[run] })).model;
  } catch (error) {
    if (isLatheError(error, "WEIGHT_ONLY_NOTHING")) return undefined;
    throw error;
  }
}

/** Initializers of theirs that ours lacks or has otherwise. A row with an error is one that the tool could not do. */
async function differences(model: Model, runs: Runs): Promise<string[]> {
  const found: string[] = [];
  for (const [run, theirs] of Object.entries(runs)) {
    const made = await quantized(model, run);
    if (made) assertValid(made, { ops: standardOps });
    if ("error" in theirs) continue;
    const ours = new Map(made ? [...initializersOf(made.graph)].map(([path, tensor]): [string, Tensor] => [path.split("/").at(-1)!, tensor]) : []);
    for (const [name, expected] of Object.entries(theirs)) {
      const tensor = ours.get(ourName(name));
      if (!tensor || digest(tensor) !== expected) found.push(`${run}: ${name} ${tensor ? "differs" : "is missing"}`);
    }
    const extra = [...ours.keys()].filter((name) => /_(Q[48]|scales|zero_points)$/.test(name) && !Object.keys(theirs).some((t) => ourName(t) === name));
    found.push(...extra.map((name) => `${run}: ${name} is more`));
  }
  return found;
}

describe("weights of MatMul", () => {
  it.each(Object.keys(models))("of %s", async (name) => {
    expect(await differences(decodeModel(readModel(name)), models[name]!)).toEqual([]);
  });

  it.each(generated.map((runs, seed) => ({ seed, runs })))("of generated model $seed", async ({ seed, runs }) => {
    expect(await differences(randomGraph(seed), runs)).toEqual([]);
  });
});

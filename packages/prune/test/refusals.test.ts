/** What is refused: with a code, a remedy, and the caller's model as it was. */
import { describe, expect, it } from "vitest";
import { encodeModel, isLatheError, pipeline, random, Tensor, type Model } from "@lathe/core";
import { lenet } from "@lathe/train";
import { clusterWeights, pruneBlocks, pruneChannels, pruneWeights } from "@lathe/prune";

const model = (): Model => {
  const source = random(1);
  return lenet({ random: () => source.float() });
};

/** Every float constant as int8, as quantized models store them. */
function quantized(): Model {
  const made = model();
  for (const value of [...made.graph.initializers]) if (value.tensor!.dtype === "float32") made.graph.setInitializer(value, Tensor.from("int8", value.tensor!.dims, new Int8Array(value.tensor!.size)));
  return made;
}

const cases = [
  ["a share that leaves nothing", model, () => pruneChannels({ ratio: 1 }), "OPTIONS_INVALID"],
  ["a group that is to stay whole and to be cut", model, () => pruneChannels({ exclude: ["Conv_0"], ratios: { Conv_0: 0.5 } }), "PRUNE_CONFLICT"],
  ["a group that is not there", model, () => pruneChannels({ ratios: { nope: 0.5 } }), "PRUNE_UNKNOWN_GROUP"],
  ["quantized weights, cut", quantized, () => pruneChannels({}), "EXPECTATION_FAILED"],
  ["quantized weights, zeroed", quantized, () => pruneWeights({}), "EXPECTATION_FAILED"],
  ["quantized weights, clustered", quantized, () => clusterWeights({}), "EXPECTATION_FAILED"],
  ["a model without residual blocks", model, () => pruneBlocks({ blocks: ["x"] }), "PRUNE_NO_BLOCKS"],
] as const;

describe("pruning refuses", () => {
  it.each(cases)("%s", async (_, make, bind, code) => {
    const given = make();
    const before = encodeModel(given);
    const run = async (): Promise<unknown> => pipeline(bind()).run(given).result;
    const error: unknown = await run().then(() => undefined, (e: unknown) => e);
    expect(isLatheError(error) && error.code).toBe(code);
    expect(isLatheError(error) && error.remedy).toMatch(/\w/);
    expect(Buffer.compare(encodeModel(given), before)).toBe(0);
  });

  it("never leaves a group empty, however much is asked for", async () => {
    const { report } = await pipeline(pruneChannels({ ratio: 0.99, maxRatio: 0.99, scope: "group" })).run(model()).result;
    const { widths } = report.data.steps[0]!.details as unknown as { widths: readonly { after: number }[] };
    expect(Math.min(...widths.map((w) => w.after))).toBeGreaterThanOrEqual(1);
  });
});

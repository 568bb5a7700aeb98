/** The contract of techniques, checked by the suite that third parties use. */
import { describe, expect, it } from "vitest";
import { dataset, pipeline, stats, Tensor, type Model } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { clusterWeights, pruneBlocks, pruneChannels, pruneOneShot, pruneSearch, pruneWeights } from "@lathe/prune";
import { registerConformance, tinyCnn, tinyTransformer } from "@lathe/testkit";

const runtime = ortRuntime();
const cnn = tinyCnn();
const transformer = tinyTransformer();
const images = dataset([0, 1, 2].map((seed) => ({ ...randomFeeds(cnn, { seed, unbound: 2 }), labels: Tensor.int64([seed, 3]) })));
const tokens = dataset([0, 1].map((seed) => randomFeeds(transformer, { seed, unbound: 4 })));

registerConformance(pruneChannels, {
  examples: [
    { name: "cnn", model: cnn },
    { name: "cnn, half the multiply-adds, refit", model: cnn, options: { ratio: 0.5, target: "macs", refit: true, estimateBatchNorm: true, samples: 3 }, services: { data: images, runtime } },
    { name: "transformer, each kind of group", model: transformer, options: { scope: "isomorphic" } },
  ],
  invalid: [{ ratio: 1 }, { ratio: -0.1 }, { criterion: "nope" }],
}, { describe, it });

registerConformance(pruneWeights, { examples: [{ name: "2:4, permuted", model: cnn, options: { pattern: "2:4", permute: true } }] }, { describe, it });
registerConformance(pruneOneShot, { examples: [{ name: "transformer", model: transformer, options: { samples: 2, places: 64 }, services: { data: tokens, runtime } }] }, { describe, it });
registerConformance(pruneBlocks, { examples: [{ name: "transformer", model: transformer, services: { data: tokens, runtime } }], invalid: [{ ratio: 1 }, { blocks: [] }] }, { describe, it });
registerConformance(clusterWeights, { examples: [{ name: "gather form", model: cnn, options: { form: "gather", clusters: 8, minimum: 16 } }] }, { describe, it });

/** A judge that needs no data: how much of the parameters is left. */
const evaluate = (model: Model): number => stats(model).parameters / stats(cnn).parameters;
registerConformance(pruneSearch, { examples: [{ name: "cnn", model: cnn, options: { maxDrop: 0.4, trialRatios: [0.5], rounds: 3 }, services: { evaluate } }] }, { describe, it });

it("prune-search stays within the budget", async () => {
  const { report, model } = await pipeline(pruneSearch({ maxDrop: 0.4, roundTo: 1 })).run(cnn, { evaluate }).result;
  expect(1 - evaluate(model)).toBeLessThanOrEqual(0.4);
  expect(report.data.steps[0]!.metrics["removedUnits"]).toBeGreaterThan(0);
});

it("prune-channels says when no cut reaches a latency target", async () => {
  const impossible = pipeline(pruneChannels({ target: "latency", ratio: 0.99, rounds: 2 })).run(cnn, { data: images, runtime });
  await expect(impossible.result).rejects.toThrow(/PRUNE_LATENCY/);
});

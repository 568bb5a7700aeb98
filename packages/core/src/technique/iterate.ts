import * as z from "zod";
import { defineComposite } from "./technique.ts";

/**
 * Runs the given steps in order, `times` times over. With `times: 1` it is a group.
 *
 * @example iterate({ times: 3 }, prune({ ratio: 0.2 }), finetune({ epochs: 1 }))
 */
export const iterate = defineComposite({
  name: "iterate",
  summary: "Repeats steps, for instance to prune a little and fine-tune in turns.",
  options: z.strictObject({ times: z.int().min(1).max(1000).describe("how often the steps run") }),
  async apply(model, { times }, ctx) {
    const total = times * ctx.steps.length;
    let current = model;
    let done = 0;
    for (let round = 0; round < times; round++) {
      for (const step of ctx.steps) {
        current = (await ctx.run(step, current)).model;
        ctx.progress({ done: ++done, total, message: `round ${round + 1} of ${times}` });
      }
    }
    return { model: current, metrics: { rounds: times } };
  },
});

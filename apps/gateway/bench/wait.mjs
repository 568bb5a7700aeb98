/** A technique that only waits, for measurements. Plain JavaScript, so that a built gateway can import it too. */
import { defineTechnique } from "@lathe/core";
import { z } from "zod";

export const wait = defineTechnique({
  name: "wait",
  summary: "Waits, telling how far it is.",
  options: z.object({ ms: z.number().default(100) }),
  async apply(_model, { ms }, ctx) {
    await ctx.turn();
    const end = Date.now() + ms;
    for (let left = ms; left > 0; left = end - Date.now()) {
      ctx.progress({ done: ms - left, total: ms, message: "waiting" });
      await new Promise((resolve) => void setTimeout(resolve, Math.min(20, left)));
    }
  },
});

/** Techniques for tests: real ones, one with every kind of option, and some that behave badly. Children import this module too. */
import { defineTechnique } from "@lathe/core";
import { z } from "zod";

export { iterate, simplify } from "@lathe/core";
export { dynamicQuantize, quantizeSearch, staticQuantize } from "@lathe/quantize";
export { finetune } from "@lathe/train";

export const zoo = defineTechnique({
  name: "option-zoo",
  summary: "Does nothing, with every kind of option.",
  options: z.object({
    share: z.number().min(0).max(1).default(0.5).describe("a share"),
    count: z.number().int().min(1),
    mode: z.enum(["x64-vnni", "arm64"]).describe("a choice"),
    clash: z.enum(["a-b", "a_b"]).optional(),
    names: z.array(z.string()).default([]),
    modes: z.array(z.enum(["fast", "small"])).optional(),
    nested: z.object({ depth: z.number().int().default(1), flag: z.boolean().optional() }).optional(),
    table: z.record(z.string(), z.number().nullable()).optional(),
    maybe: z.number().nullable().optional(),
    either: z.union([z.string(), z.number()]).optional(),
  }),
  apply: (_model, options) => ({ metrics: { given: JSON.stringify(options) } }),
});

export const wait = defineTechnique({
  name: "wait",
  summary: "Waits, telling how far it is.",
  options: z.object({ ms: z.number().default(100), deaf: z.boolean().default(false) }),
  async apply(_model, { ms, deaf }, ctx) {
    await ctx.turn();
    const end = Date.now() + ms;
    if (deaf) while (Date.now() < end);
    for (let left = ms; left > 0; left = end - Date.now()) {
      ctx.signal.throwIfAborted();
      ctx.progress({ done: ms - left, total: ms, message: "waiting" });
      await new Promise((resolve) => setTimeout(resolve, Math.min(20, left)));
    }
  },
});

export const crash = defineTechnique({
  name: "crash",
  summary: "Ends its process, as a fault in native code does.",
  options: z.object({}),
  apply: () => process.kill(process.pid, "SIGSEGV") as unknown as void,
});

export const hog = defineTechnique({
  name: "hog",
  summary: "Takes memory without end.",
  options: z.object({}),
  async apply(_model, _options, ctx) {
    for (const kept: Uint8Array[] = []; ; ) {
      kept.push(new Uint8Array(64 * 2 ** 20).fill(1));
      await ctx.turn();
    }
  },
});

export const quit = defineTechnique({
  name: "quit",
  summary: "Ends its process with a word about why, as a library does that finds no way on.",
  options: z.object({}),
  async apply() {
    await new Promise((written) => process.stderr.write("first\nengine: cannot map \"/opt/secret/lib.so\" with lathe_notForOthers1\n    at run (/opt/secret/run.js:3:7)\nGiving up.\n", written));
    process.exit(1);
  },
});

export const talk = defineTechnique({
  name: "talk",
  summary: "Says much: in its figures, its details or its warnings.",
  options: z.object({ figures: z.number().int().default(0), details: z.number().int().default(0), warnings: z.number().int().default(0) }),
  apply(_model, { figures, details, warnings }, ctx) {
    for (let i = 0; i < warnings; i++) ctx.warn({ code: "TALK", message: `warning ${i}` });
    return { metrics: { said: "x".repeat(figures) }, details: { text: "y".repeat(details) } };
  },
});

import type { Json } from "@lathe/core";
import type { OfferedTechnique } from "../techniques/offer.ts";
import type { Builder } from "./builder.ts";
import { camel } from "./step-input.ts";

export const techniqueType = (builder: Builder) =>
  builder.objectRef<OfferedTechnique>("Technique").implement({
    description: "Something that can be done to a model. Which there are is decided where the gateway is started.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "What recipes and the command line call it." }),
      input: t.string({ description: "Its field in StepInput.", resolve: ({ name }) => camel(name) }),
      summary: t.exposeString("summary", { description: "One sentence." }),
      options: t.field({ type: "JSON", description: "JSON Schema (draft 2020-12) of its options.", resolve: ({ schema }) => schema as Json }),
      needs: t.stringList({ description: "What it cannot do without: data, runtime, evaluate.", resolve: ({ needs }) => [...needs] }),
      takesSteps: t.exposeBoolean("takesSteps", { description: "Whether it runs other steps inside." }),
      available: t.boolean({ description: "Whether it can run on this gateway.", resolve: ({ unavailable }) => unavailable === undefined }),
      unavailableReason: t.string({ nullable: true, description: "Why not.", resolve: ({ unavailable }) => unavailable }),
    }),
  });

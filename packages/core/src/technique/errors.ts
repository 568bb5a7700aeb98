import { defineErrors } from "../errors.ts";

const list = (items: readonly string[]): string => (items.length === 0 ? "none" : items.join(", "));
const where = (d: { step: string; position: string }): string => `Step ${d.position} "${d.step}"`;

export const techniqueErrors = defineErrors({
  OPTIONS_INVALID: {
    text: (d: { technique: string; issues: readonly string[] }) => `The options of "${d.technique}" are not valid: ${d.issues.join("; ")}.`,
    remedy: "Correct the options named; describeTechnique(...) gives their JSON Schema.",
  },
  NOT_A_TECHNIQUE: {
    text: (d: { received: string }) => `${d.received} was given where a technique was expected.`,
    remedy: "Pass the value that defineTechnique(...) returns.",
  },
  NOT_A_STEP: {
    text: (d: { received: string }) => `${d.received} was given where a step was expected.`,
    remedy: "Call the technique to make a step: pipeline(prune({ ratio: 0.5 })), not pipeline(prune).",
  },
  TECHNIQUE_API_VERSION: {
    text: (d: { technique: string; expected: number; received: unknown }) =>
      `Technique "${d.technique}" was made for version ${String(d.received)} of the technique contract; this copy of @lathe/core speaks version ${d.expected}.`,
    remedy: "Install versions of the two packages that agree.",
  },
  TECHNIQUE_NAME: {
    text: (d: { received: string }) => `"${d.received}" cannot name a technique: lower-case letters, digits and dashes are expected, starting with a letter.`,
    remedy: 'Use a name such as "prune" or "my-technique".',
  },
  TECHNIQUE_RESULT: {
    text: (d: { technique: string; received: string }) => `Technique "${d.technique}" returned ${d.received} where a model, or nothing, was expected.`,
    remedy: "Return { model, metrics?, details? }, or nothing after editing the given model in place.",
  },
  SERVICE_MISSING: {
    text: (d: { technique: string; service: string; lent: readonly string[] }) =>
      `Technique "${d.technique}" needs the service "${d.service}", which was not lent (lent: ${list(d.lent)}).`,
    remedy: "Pass it to run: pipeline(...).run(model, { <service>: ... }).",
  },
  EXPECTATION_FAILED: {
    text: (d: { technique: string; reason: string }) => `Technique "${d.technique}" cannot work on this model: ${d.reason}`,
    remedy: "Change the model or the order of the steps so that what is expected holds.",
  },
  PROMISE_BROKEN: {
    text: (d: { technique: string; reason: string }) => `Technique "${d.technique}" finished, but its result fails its own check: ${d.reason}`,
    remedy: "This is a bug of the technique; report it with the model and the options.",
  },
  STEP_FAILED: {
    text: (d: { step: string; position: string; reason: string }) => `${where(d)} failed: ${d.reason}`,
    remedy: "See the cause.",
  },
  ABORTED: {
    text: (d: { step: string; position: string }) => `${where(d)} was aborted.`,
    remedy: "Run again without aborting the signal; the model given to run is unchanged.",
  },
  PIPELINE_EMPTY: {
    text: (d: { what: string }) => `${d.what} has no steps.`,
    remedy: "Give at least one step.",
  },
  RECIPE_INVALID: {
    text: (d: { at: string; expected: string; received: string }) => `The recipe is not valid at ${d.at}: ${d.expected} was expected, ${d.received} came.`,
    remedy: 'A recipe is a list such as [{ "use": "prune", "with": { "ratio": 0.3 } }].',
  },
  RECIPE_UNKNOWN_TECHNIQUE: {
    text: (d: { use: string; at: string; known: readonly string[]; meant: string | undefined }) =>
      `The recipe asks for the technique "${d.use}" at ${d.at}, which this host does not offer (it offers: ${list(d.known)}).${d.meant === undefined ? "" : ` Did you mean "${d.meant}"?`}`,
    remedy: "Correct the name, or add the technique to the list given to fromRecipe.",
  },
  RECIPE_DUPLICATE_TECHNIQUE: {
    text: (d: { technique: string }) => `Two of the techniques offered are named "${d.technique}".`,
    remedy: "Offer each name once.",
  },
  RECIPE_NOT_JSON: {
    text: (d: { technique: string; at: string; received: string }) => `Option ${d.at} of "${d.technique}" is ${d.received}, which JSON cannot hold.`,
    remedy: "Keep such a pipeline in code, or use options that are plain data.",
  },
  JSON_SCHEMA_UNAVAILABLE: {
    text: (d: { technique: string; vendor: string }) => `The options of "${d.technique}" are described by ${d.vendor}, which does not give a JSON Schema.`,
    remedy: "Use a schema library that implements Standard JSON Schema (zod 4.2 or later does), or wrap the schema with jsonSchema given by hand.",
  },
  EVALUATE_LABELS: {
    text: (d: { labels: string | undefined; known: readonly string[] }) =>
      `The data to judge models with has no labels${d.labels === undefined ? "" : ` "${d.labels}"`} (beside the model's inputs it has: ${list(d.known)}).`,
    remedy: "Add an array of labels to the data, or name the one that holds them.",
  },
  EVALUATE_OUTPUT: {
    text: (d: { output: string | undefined; known: readonly string[] }) =>
      `${d.output === undefined ? "It is not clear which output is to be judged" : `The model has no output "${d.output}" to be judged`} (it has: ${list(d.known)}).`,
    remedy: "Name one of the outputs.",
  },
  EVALUATE_EMPTY: {
    text: () => "There is no data to judge models with.",
    remedy: "Give labelled samples, several hundred if the score is a share.",
  },
  SEARCH_NOTHING_FITS: {
    text: (d: { tried: number; constraint: string; best: string }) => `None of the ${d.tried} candidates tried satisfies ${d.constraint}; the nearest: ${d.best}.`,
    remedy: "Allow a larger drop, or offer gentler candidates.",
  },
});

import { defineErrors } from "@lathe/core";

export const testkitErrors = defineErrors({
  TESTKIT_DIFFERENT: {
    text: (d: { output: string; problem: string; feeds: string }) => `Output "${d.output}" changed on ${d.feeds}: ${d.problem}.`,
    remedy: "Look at the node that produces it in both graphs, or allow a tolerance that this kind of change deserves.",
  },
  TESTKIT_GOLDEN: {
    text: (d: { what: string; line: number; expected: string; received: string }) =>
      `${d.what} is not as recorded: line ${d.line} was expected to be ${JSON.stringify(d.expected)} but is ${JSON.stringify(d.received)}.`,
    remedy: "If the new text is right, record it (LATHE_UPDATE=1).",
  },
  TESTKIT_TEXT: {
    text: (d: { line: number; expected: string; received: string }) => `The model's text has ${JSON.stringify(d.received)} in line ${d.line} where ${d.expected} was expected.`,
    remedy: "Write it as printModel does; parseModel(printModel(model, { elements: Infinity })) shows the form.",
  },
  TESTKIT_CASE: {
    text: (d: { folder: string; problem: string }) => `Case folder ${d.folder}: ${d.problem}.`,
    remedy: "A case holds model.onnx or model.txt, recipe.json and expected.txt.",
  },
  TESTKIT_CONFORMANCE: {
    text: (d: { technique: string; check: string; example: string | undefined; problem: string }) =>
      `Technique "${d.technique}" fails "${d.check}"${d.example === undefined ? "" : ` on example ${d.example}`}: ${d.problem}.`,
    remedy: "See the guide for technique authors; each check is a promise that every host relies on.",
  },
});

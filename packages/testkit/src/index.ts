/** Conformance suite and helpers for anyone who writes a technique, a pass or an operator. */
export { testkitErrors } from "./errors.ts";
export { conformance, registerConformance, type ConformanceCheck, type ConformanceExample, type ConformanceOptions, type TestRunner } from "./conformance/index.ts";
export { differential, defaultTolerances, type DifferentialOptions, type DifferentialResult, type Tolerance } from "./differential.ts";
export { golden, expectGolden, type GoldenOptions } from "./golden.ts";
export { casesIn, type Case, type CaseOptions } from "./cases.ts";
export { parseModel } from "./text/parse.ts";
export { finiteDifferences } from "./gradients.ts";
export { tinyMlp, type TinyMlpOptions } from "./models/mlp.ts";
export { tinyCnn, type TinyCnnOptions } from "./models/cnn.ts";
export { tinyTransformer, type TinyTransformerOptions } from "./models/transformer.ts";
export { LayerBuilder } from "./models/builder.ts";

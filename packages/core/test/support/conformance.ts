/** Infers the output types of one backend case with all declared types removed, and compares them with the stored outputs. */
import { inferShapes, MAX_OPSET, opTable, standardOps, typeToString, type Dim, type Model, type OpTable, type Shape, type ValueType } from "@lathe/core";
import { readInputs, readModel, readOutputs, type Actual, type OnnxCase } from "./onnx-cases.ts";

/**
 * equal: type and every dimension; symbolic: nothing wrong, but some dimension is a symbol (it depends on data);
 * unknown: type, rank or a dimension is missing; wrong: contradicts the stored output, or a problem was reported.
 */
export type Verdict = "equal" | "symbolic" | "unknown" | "wrong" | "skipped";

export interface Outcome {
  readonly name: string;
  readonly verdict: Verdict;
  readonly ops: readonly string[];
  readonly reason: string;
}

/** `values`: rules may read the stored inputs (shapes, axes and sizes that the case feeds as inputs). */
export type Knowledge = "types" | "values";

/** Evaluating a case's only node would show nothing about shape rules; models of several nodes may compute their shapes. */
const rulesOnly: OpTable = opTable(standardOps.all.map((op) => {
  const { evaluate: _, ...rest } = op;
  return rest;
}));

export function inferCase(c: OnnxCase, knowledge: Knowledge): Outcome {
  const model = readModel(`${c.folder}/model.onnx`);
  const ops = [...new Set([...model.graph.allNodes()].map((n) => n.op))];
  const done = (verdict: Verdict, reason = ""): Outcome => ({ name: c.name, verdict, ops, reason });
  if (model.opset > MAX_OPSET) return done("skipped", `opset ${model.opset}`);
  const declared = model.graph.outputs.map((o) => o.type);
  const actual = readOutputs(c, declared);
  if (knowledge === "values") freezeInputs(model, c);
  forgetTypes(model);
  const { problems } = inferShapes(model, { ops: model.graph.nodeCount > 1 ? standardOps : rulesOnly });
  const [problem] = problems;
  if (problem) return done(problem.code === "OP_UNKNOWN" || problem.code === "OP_VERSION" ? "unknown" : "wrong", problem.message);
  return worst(model.graph.outputs.map((o, i) => compare(o.type, actual[i], declared[i])), done);
}

function freezeInputs(model: Model, c: OnnxCase): void {
  const tensors = readInputs(c, model);
  [...model.graph.inputs].forEach((input, i) => {
    if (!tensors[i]) return;
    input.tensor = tensors[i];
    model.graph.freezeInput(input);
  });
}

function forgetTypes(model: Model): void {
  for (const node of model.graph.allNodes()) for (const output of node.outputs) if (output) output.type = undefined;
}

const ranking: readonly Verdict[] = ["wrong", "unknown", "symbolic", "equal"];

function worst(results: readonly { verdict: Verdict; reason: string }[], done: (v: Verdict, reason?: string) => Outcome): Outcome {
  const sorted = [...results].sort((a, b) => ranking.indexOf(a.verdict) - ranking.indexOf(b.verdict));
  return sorted[0] ? done(sorted[0].verdict, sorted[0].reason) : done("equal");
}

function compare(inferred: ValueType | undefined, actual: Actual | undefined, declared: ValueType | undefined): { verdict: Verdict; reason: string } {
  const say = (verdict: Verdict): { verdict: Verdict; reason: string } =>
    ({ verdict, reason: verdict === "equal" ? "" : `${typeToString(inferred)} for ${actual ? `${actual.kind} ${actual.dtype}${JSON.stringify(actual.dims)}` : typeToString(declared)}` });
  if (!inferred) return say("unknown");
  // Optional and map outputs have no stored form that is read here: their kind must be what the model declared.
  if (!actual) return say(inferred.kind === declared?.kind ? "equal" : "wrong");
  if (inferred.kind !== actual.kind) return say("wrong");
  const type = inferred.kind === "sequence" ? inferred.element : inferred;
  if (!type) return say("unknown");
  if (type.kind !== "tensor") return say("wrong");
  if (type.dtype === undefined) return say("unknown");
  if (actual.dtype !== undefined && type.dtype !== actual.dtype) return say("wrong");
  return say(actual.kind === "sequence" ? sequenceShapes(type.shape, actual.dims) : shapes(type.shape, actual.dims[0] ?? []));
}

/** Elements of a sequence may differ: the inferred shape must hold for each. */
function sequenceShapes(shape: Shape | undefined, all: readonly (readonly number[])[]): Verdict {
  const verdicts = all.map((dims) => (shape ? shapes(shape, dims) : "equal"));
  return verdicts.includes("wrong") ? "wrong" : "equal";
}

function shapes(shape: Shape | undefined, dims: readonly number[]): Verdict {
  if (!shape) return "unknown";
  if (shape.length !== dims.length || shape.some((d, i) => typeof d === "number" && d !== dims[i])) return "wrong";
  const missing = (d: Dim): boolean => d === null;
  return shape.some(missing) ? "unknown" : shape.some((d) => typeof d === "string") ? "symbolic" : "equal";
}

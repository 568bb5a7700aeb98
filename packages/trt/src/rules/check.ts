/** The check of a model against what TensorRT takes, without a GPU and without TensorRT. */
import { inferShapes, inlineFunctions, isLatheError, passContext, typeToString, type Model } from "@lathe/core";
import type { TensorRTVersion } from "../engine/version.ts";
import { profileProblems, type Profiles } from "../profiles/profile.ts";
import type { Facts } from "./facts.ts";
import { finding, type Finding } from "./finding.ts";
import { halfFindings } from "./half.ts";
import { operatorFindings, tensorFinding, tensorFindings } from "./operators.ts";
import { placementFindings } from "./placement.ts";
import { quantizerFindings } from "./quantizers.ts";
import { engineTypeFindings, typingFindings } from "./typing.ts";
import { isCovered, releaseOf } from "./release.ts";

export interface CheckOptions {
  /** Release to check for: "10.3", "11" (the latest 11 that the tables know), or the parts. */
  readonly version: string | TensorRTVersion;
  /** Profiles that the engine will be built with. Left out: dynamic inputs are not reported. */
  readonly profiles?: Profiles | undefined;
  /** Operator names that plugins will serve. */
  readonly plugins?: readonly string[] | undefined;
}

const perNode = [operatorFindings, tensorFindings, quantizerFindings, typingFindings, halfFindings, placementFindings] as const;

/**
 * What TensorRT would refuse, run slowly or compute otherwise: operators, types, attributes, explicit quantization, strong typing, float16
 * pitfalls, profiles; in the bodies of If, Loop and Scan too. The model is not changed. Findings come in graph order, those of the whole model first.
 * An empty list says that the rules found nothing, not that every engine is fast: what fuses with what is the builder's choice.
 * @throws TRT_VERSION for a release before 10
 */
export function checkTensorRT(model: Model, { version, profiles, plugins = [] }: CheckOptions): Finding[] {
  const release = releaseOf(version);
  const copy = model.clone();
  const inlining = attempt(() => void inlineFunctions.run(copy, passContext()));
  const inferred = inferShapes(copy);
  const facts: Facts = { model: copy, version: release, plugins: new Set(plugins) };
  const found: Finding[] = [...inlining, ...(isCovered(release) ? [] : [finding("version-range", `Release ${release.major}.${release.minor} is not covered.`)])];
  for (const problem of inferred.problems) if (problem.code !== "OP_UNKNOWN") found.push(finding("model-unsound", problem.message.replace(`${problem.code}: `, "").replace(problem.remedy, "").trim()));
  const unknown = inferred.unknown.filter((v) => v.type?.kind !== "sequence" && v.type?.kind !== "optional");
  if (unknown.length > 0) found.push(finding("type-unknown", `Of ${unknown.length} tensors type or rank is not known, such as "${unknown[0]!.name}" (${typeToString(unknown[0]!.type)}).`));
  if (copy.opset < 9) found.push(finding("opset-old", `The model is of opset ${copy.opset}.`));
  found.push(...endFindings(copy), ...engineTypeFindings(copy, facts), ...(profiles ? profileProblems(copy, profiles) : []));
  for (const node of copy.graph.allNodes()) for (const rule of perNode) found.push(...rule(node, facts));
  return found;
}

function endFindings(model: Model): Finding[] {
  const { inputs, outputs } = model.graph;
  const names = new Set(inputs.map((v) => v.name));
  const renamed = outputs.filter((v) => names.has(v.name)).map((v) => finding("io-rename", `Output "${v.name}" bears the name of an input.`));
  return [...inputs.flatMap((v) => tensorFinding(v)), ...renamed];
}

/** Functions that call each other in circles cannot be inlined. */
function attempt(run: () => void): Finding[] {
  try {
    run();
    return [];
  } catch (error) {
    if (!isLatheError(error)) throw error;
    return [finding("model-unsound", error.message.replace(`${error.code}: `, "").replace(error.remedy, "").trim())];
  }
}

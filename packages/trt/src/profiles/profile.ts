/** Optimization profiles: the shapes that an engine is built for. */
import { inferShapes, isLatheError, isStatic, type Model, type Shape, type Value } from "@lathe/core";
import { trtErrors } from "../errors.ts";
import { finding, type Finding } from "../rules/finding.ts";

/** Shapes of one input: the least, the one that tactics are timed on, and the greatest. */
export interface InputProfile {
  readonly min: readonly number[];
  readonly opt: readonly number[];
  readonly max: readonly number[];
}

/** One profile: input name to its shapes. Inputs of static shape may be left out. */
export type Profile = Readonly<Record<string, InputProfile>>;
export type Profiles = readonly Profile[];

const ends = ["min", "opt", "max"] as const;

/** Inputs that callers feed, initializers that older models list as inputs left out. */
export const fedInputs = (model: Model): Value[] => model.graph.inputs.filter((v) => !v.tensor);

/** Names of inputs whose shape is not fixed by the model. */
export const dynamicInputs = (model: Model): string[] => fedInputs(model).filter((v) => !isStatic(v.shape)).map((v) => v.name);

/**
 * Everything wrong with profiles, as findings: unknown and missing inputs, ranks, sizes, order, fixed dimensions, shared symbols, and shapes
 * that the model itself refuses. Edits nothing.
 */
export function profileProblems(model: Model, profiles: Profiles): Finding[] {
  if (profiles.length === 0) {
    const dynamic = dynamicInputs(model);
    return dynamic.length === 0 ? [] : [finding("profile-missing", `Of dynamic shape: ${quoted(dynamic)}; no profile was given.`)];
  }
  return profiles.flatMap((profile, i) => problemsOf(model, profile, profiles.length === 1 ? "The profile" : `Profile ${i + 1}`));
}

/** @throws TRT_PROFILE with the first problem */
export function checkProfiles(model: Model, profiles: Profiles): void {
  const [first] = profileProblems(model, profiles);
  if (first) throw trtErrors.TRT_PROFILE({ reason: first.message.replace(/\.$/, "") });
}

function problemsOf(model: Model, profile: Profile, label: string): Finding[] {
  const inputs = new Map(fedInputs(model).map((v) => [v.name, v]));
  const found: Finding[] = [];
  for (const name of Object.keys(profile)) {
    if (!inputs.has(name)) found.push(finding("profile-input", `${label} names "${name}", which is no input of the model (there are: ${[...inputs.keys()].join(", ") || "none"}).`));
  }
  const missing = dynamicInputs(model).filter((name) => !Object.hasOwn(profile, name));
  if (missing.length > 0) found.push(finding("profile-missing", `${label} leaves out what is of dynamic shape: ${quoted(missing)}.`));
  for (const [name, value] of inputs) if (Object.hasOwn(profile, name)) found.push(...inputProblems(name, value.shape, profile[name]!, label));
  if (found.length > 0) return found;
  return [...symbolProblems(inputs, profile, label), ...shapeProblems(model, profile, label)];
}

function inputProblems(name: string, shape: Shape | undefined, given: InputProfile, label: string): Finding[] {
  for (const end of ends) {
    const sizes = given[end];
    if (shape && sizes.length !== shape.length) return [finding("profile-rank", `${label} gives "${name}" a ${end} shape of ${sizes.length} dimensions; the model's has ${shape.length}.`)];
    const least = end === "min" ? 0 : 1;
    const bad = sizes.find((d) => !Number.isInteger(d) || d < least);
    if (bad !== undefined) return [finding("profile-size", `${label} gives "${name}" the ${end} shape [${sizes.join(", ")}], where ${bad} is no size.`)];
  }
  const found: Finding[] = [];
  if (given.min.length !== given.opt.length || given.opt.length !== given.max.length) return [finding("profile-rank", `${label} gives "${name}" shapes of different rank.`)];
  given.opt.forEach((opt, axis) => {
    const [min, max, fixed] = [given.min[axis]!, given.max[axis]!, shape?.[axis]];
    if (!(min <= opt && opt <= max)) found.push(finding("profile-order", `${label} gives axis ${axis} of "${name}" min ${min}, opt ${opt}, max ${max}.`));
    if (typeof fixed === "number" && [min, opt, max].some((d) => d !== fixed)) {
      found.push(finding("profile-static", `${label} gives axis ${axis} of "${name}" the sizes ${[...new Set([min, opt, max])].join(", ")}, but the model fixes it to ${fixed}.`));
    }
  });
  return found;
}

/** A symbol stands for one size, wherever it occurs. */
function symbolProblems(inputs: ReadonlyMap<string, Value>, profile: Profile, label: string): Finding[] {
  const seen = new Map<string, { name: string; sizes: string }>();
  const found: Finding[] = [];
  for (const [name, value] of inputs) {
    (Object.hasOwn(profile, name) ? (value.shape ?? []) : []).forEach((d, axis) => {
      if (typeof d !== "string") return;
      const sizes = ends.map((end) => profile[name]![end][axis]).join(", ");
      const known = seen.get(d);
      if (known && known.sizes !== sizes) found.push(finding("profile-symbol", `${label} gives "${d}" the sizes ${known.sizes} in "${known.name}" and ${sizes} in "${name}".`));
      seen.set(d, known ?? { name, sizes });
    });
  }
  return found;
}

/** The model is inferred with each of the three sets of shapes: what contradicts an operator is refused here, not by the builder. */
function shapeProblems(model: Model, profile: Profile, label: string): Finding[] {
  const found: Finding[] = [];
  for (const end of ends) {
    const shapes = Object.fromEntries(Object.entries(profile).map(([name, given]) => [name, given[end]]));
    if (Object.values(shapes).some((dims) => dims.includes(0))) continue;
    try {
      inferShapes(model.clone(), { inputs: shapes, ignoreDeclared: true, strict: true });
    } catch (error) {
      if (!isLatheError(error)) throw error;
      if (error.code !== "SHAPE_MISMATCH") continue;
      found.push(finding("profile-shape", `${label} has ${end} shapes that the model does not accept: ${error.message.replace(/^\w+: /, "").replace(error.remedy, "").trim()}`));
    }
  }
  return found;
}

const quoted = (names: readonly string[]): string => names.map((n) => `"${n}"`).join(", ");

/** Shape and type rules of ai.onnx.ml (classical machine learning). Data is [rows, features], or [features] for one row. */
import { type DType } from "../../dtype.ts";
import type { Dim } from "../../ir/type.ts";
import { mulDims } from "../dim.ts";
import type { InferContext } from "../op.ts";

type Infer = (c: InferContext) => void;

const rows = (c: InferContext): Dim => {
  const x = c.shape(0);
  return x ? (x.length < 2 ? 1 : x[0]!) : null;
};

const lengthOf = (c: InferContext, ...names: readonly string[]): number | undefined => {
  for (const name of names) {
    const found = c.node.attributes.get(name)?.value;
    if (Array.isArray(found) && found.length > 0) return found.length;
  }
  return undefined;
};

/** Shape of the input, element type of the result. */
export const typed = (dtype: DType): Infer => (c) => c.set(0, dtype, c.shape(0));

export const inferArrayFeatureExtractor: Infer = (c) => {
  const [x, indices] = [c.shape(0), c.shape(1)];
  const count = indices?.reduce<Dim>(mulDims, 1) ?? null;
  if (x) c.set(0, c.dtype(0), [...(x.length === 1 ? [1] : x.slice(0, -1)), count]);
};

const castTypes: Readonly<Record<string, DType>> = { TO_FLOAT: "float32", TO_STRING: "string", TO_INT64: "int64" };
export const inferCastMap: Infer = (c) => c.set(0, castTypes[c.node.string("cast_to", "TO_FLOAT")], [1, c.node.string("map_form") === "SPARSE" ? c.node.int("max_map", 1) : null]);

/** Strings become numbers and the other way round. */
export const inferCategoryMapper: Infer = (c) => c.set(0, c.dtype(0) === "string" ? "int64" : "string", c.shape(0));

export const inferDictVectorizer: Infer = (c) => {
  const map = c.type(0);
  const value = map?.kind === "map" && map.value?.kind === "tensor" ? map.value.dtype : undefined;
  c.set(0, value, [1, lengthOf(c, "string_vocabulary", "int64_vocabulary") ?? null]);
};

export const inferFeatureVectorizer: Infer = (c) => {
  const sizes = c.node.ints("inputdimensions");
  c.set(0, "float32", [rows(c), sizes ? sizes.reduce((a, b) => a + b, 0) : null]);
};

/** The attribute that holds the values says their type; version 1 mapped strings to int64 and back. */
export const inferLabelEncoder: Infer = (c) => {
  const named: readonly (readonly [string, DType])[] = [["values_strings", "string"], ["values_int64s", "int64"], ["values_floats", "float32"]];
  const byList = named.find(([name]) => c.node.attributes.has(name))?.[1];
  const byTensor = c.node.attribute("values_tensor", "tensor")?.dtype;
  const old = c.node.attributes.has("classes_strings") ? (c.dtype(0) === "string" ? "int64" : "string") : undefined;
  c.set(0, byList ?? byTensor ?? old, c.shape(0));
};

export const inferOneHotEncoder: Infer = (c) => {
  const x = c.shape(0);
  c.set(0, "float32", x && [...x, lengthOf(c, "cats_strings", "cats_int64s") ?? null]);
};

export const inferZipMap: Infer = (c) => {
  const key = c.node.attributes.has("classlabels_strings") ? "string" : "int64";
  c.setType(0, { kind: "sequence", element: { kind: "map", key, value: { kind: "tensor", dtype: "float32", shape: [] } } });
};

/** Labels [rows] and scores [rows, classes]. */
export const inferClassifier = (strings: string, ints: string): Infer => (c) => {
  const classes = lengthOf(c, strings, ints);
  c.set(0, lengthOf(c, strings) === undefined ? "int64" : "string", [rows(c)]);
  c.set(1, "float32", [rows(c), classes !== undefined && classes > 1 ? classes : null]);
};

/** [rows, targets]; the count is in this attribute. */
export const inferRegressor = (targets: string | undefined, dtype?: DType): Infer => (c) =>
  c.set(0, dtype ?? c.dtype(0), [rows(c), targets === undefined ? 1 : c.node.int(targets) ?? (targets === "targets" ? 1 : null)]);

import type { LatheError } from "../errors.ts";
import type { Model } from "../ir/model.ts";
import type { Dim, Shape, ValueType } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";
import { Inference } from "./inference.ts";
import type { OpTable } from "./op.ts";
import { opErrors } from "./op-errors.ts";

export interface InferOptions {
  readonly ops?: OpTable;
  /** Shapes to give to graph inputs; others keep their own. Declared types of inner values are then ignored. */
  readonly inputs?: Readonly<Record<string, Shape>>;
  /** Content to assume for graph inputs: shapes that are fed, switches that choose a branch. */
  readonly values?: Readonly<Record<string, Tensor>>;
  /** Disregards what the model says of values inside, for instance after an edit; symbols of graph outputs still name unknown sizes. */
  readonly ignoreDeclared?: boolean;
  /** Throws at the first contradiction instead of listing it. */
  readonly strict?: boolean;
}

export interface InferResult {
  /** Values without element type or rank. */
  readonly unknown: readonly Value[];
  /** Values whose rank is known but some dimension is not even symbolic. */
  readonly partial: readonly Value[];
  /** Contradictions (SHAPE_MISMATCH, TYPE_DECLARED, OP_INPUTS, OP_VERSION) and operators without rule (OP_UNKNOWN). */
  readonly problems: readonly LatheError[];
  /** Elements of small integer values (shapes being computed), where they were followed. */
  readonly dims: ReadonlyMap<Value, readonly Dim[]>;
}

/**
 * Gives every value of the model its element type and shape, symbolic where needed, and writes them to `value.type`.
 * What the model declares is kept where it says more: names of output sizes, sizes of operators that are not known. Sizes of
 * graph inputs that have no name get one, made of the input's name and the axis.
 * Linear in the number of nodes.
 *
 * @throws INFER_INPUT for an unknown name in `inputs` or `values`; with `strict` also SHAPE_MISMATCH, TYPE_DECLARED, OP_INPUTS, OP_VERSION.
 */
export function inferShapes(model: Model, options: InferOptions = {}): InferResult {
  const inputs = new Map(model.graph.inputs.map((v) => [v.name, v]));
  for (const [name, shape] of Object.entries(options.inputs ?? {})) {
    const value = inputNamed(inputs, name);
    value.type = { kind: "tensor", ...(value.type?.kind === "tensor" ? value.type : {}), dtype: value.dtype, shape };
  }
  nameInputSizes(model);
  const inference = new Inference(model, options);
  for (const [name, tensor] of Object.entries(options.values ?? {})) inference.assume(inputNamed(inputs, name), tensor);
  inference.walk(model.graph);
  inference.nameOutputSizes(model.graph);
  const values = [...model.graph.allGraphs()].flatMap((graph) => [...graph.values()]);
  return {
    unknown: values.filter((v) => !isTyped(v.type)),
    partial: values.filter((v) => isTyped(v.type) && v.shape?.includes(null)),
    problems: inference.problems,
    dims: inference.dims,
  };
}

function isTyped(type: ValueType | undefined): boolean {
  if (type?.kind === "tensor" || type?.kind === "sparse") return type.dtype !== undefined && type.shape !== undefined;
  return type !== undefined;
}

function inputNamed(inputs: ReadonlyMap<string, Value>, name: string): Value {
  const value = inputs.get(name);
  if (!value) throw opErrors.INFER_INPUT({ input: name, known: [...inputs.keys()] });
  return value;
}

/** Sizes of inputs that have no name get one ("state.1"), so that what follows from them can be said. */
function nameInputSizes(model: Model): void {
  for (const value of model.graph.inputs) {
    const { type } = value;
    if (type?.kind !== "tensor" || !type.shape?.includes(null)) continue;
    value.type = { ...type, shape: type.shape.map((d, axis) => d ?? `${value.name}.${axis}`) };
  }
}

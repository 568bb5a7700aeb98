/** Which inputs and outputs of a node may be 16-bit floats: read from the operator's signature. */
import { dtypes, standardOps, Tensor, attr, type DType, type Node, type OpSchema, type Parameter, type Value, type ValueType } from "@lathe/core";
import type { HalfType } from "./element.ts";

/** True for float32 tensors, and sequences and optionals of them. */
export function carriesFloat(type: ValueType | undefined): boolean {
  if (type?.kind === "tensor" || type?.kind === "sparse") return type.dtype === "float32";
  return (type?.kind === "sequence" || type?.kind === "optional") && carriesFloat(type.element);
}

/** The type with float32 replaced. */
export function withFloat(type: ValueType | undefined, dtype: DType): ValueType | undefined {
  if (type?.kind === "tensor" || type?.kind === "sparse") return { ...type, dtype };
  return type?.kind === "sequence" || type?.kind === "optional" ? { ...type, element: withFloat(type.element, dtype) } : type;
}

/** As signatures spell it, of a type that carries float32. */
const spelled = (type: ValueType, dtype: DType): string => (type.kind === "sequence" || type.kind === "optional" ? `${type.kind}(${spelled(type.element!, dtype)})` : type.kind === "sparse" ? `sparse(${dtype})` : dtype);

export const schemaOf = (node: Node, opsets: ReadonlyMap<string, number>): OpSchema | undefined => standardOps.schema(node.domain, node.opType, opsets.get(node.domain) ?? 0);

/** True when the signature lets this float32 input or output be `dtype`. */
export function admits(schema: OpSchema, formals: readonly Parameter[], index: number, value: Value, dtype: HalfType): boolean {
  const formal = formals[Math.min(index, formals.length - 1)];
  return formal !== undefined && (schema.types.get(formal.type)?.includes(spelled(value.type!, dtype)) ?? false);
}

/** Attributes that name the element type of the result; what they mean when absent. */
const typeAttributes: Readonly<Record<string, { readonly name: string; readonly absent: "float32" | "as input" }>> = {
  Cast: { name: "to", absent: "float32" },
  RandomNormal: { name: "dtype", absent: "float32" },
  RandomUniform: { name: "dtype", absent: "float32" },
  SequenceEmpty: { name: "dtype", absent: "float32" },
  RandomNormalLike: { name: "dtype", absent: "as input" },
  RandomUniformLike: { name: "dtype", absent: "as input" },
  EyeLike: { name: "dtype", absent: "as input" },
  Bernoulli: { name: "dtype", absent: "as input" },
  DequantizeLinear: { name: "output_dtype", absent: "as input" },
  HannWindow: { name: "output_datatype", absent: "float32" },
  HammingWindow: { name: "output_datatype", absent: "float32" },
  BlackmanWindow: { name: "output_datatype", absent: "float32" },
  MelWeightMatrix: { name: "output_datatype", absent: "float32" },
};

/** Makes a node whose result becomes `dtype` say so. */
export function retype(node: Node, dtype: HalfType, convert: (tensor: Tensor) => Tensor): void {
  if (node.domain !== "") return;
  if (node.opType === "ConstantOfShape") {
    const value = node.attribute("value", "tensor");
    if (!value) node.setAttribute("value", attr.tensor(Tensor.from(dtype, [1], [0])));
    else if (value.dtype === "float32") node.setAttribute("value", attr.tensor(convert(value)));
    return;
  }
  const known = typeAttributes[node.opType];
  if (!known) return;
  const stated = node.int(known.name);
  if (stated === dtypes.float32.id || (stated === undefined && known.absent === "float32")) node.setAttribute(known.name, attr.int(dtypes[dtype].id));
}

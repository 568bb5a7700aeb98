/** Each operator against the support table. */
import { dtypes, type DType, type Node, type Value } from "@lathe/core";
import { atLeast, isDq, isQ, type Facts } from "./facts.ts";
import { finding, type Finding } from "./finding.ts";
import { integerOps, support, vendorOps } from "./support.ts";

const named = (types: readonly DType[]): string => types.join(", ");
const release = ([major, minor]: readonly [number, number]): string => `${major}.${minor}`;

export function operatorFindings(node: Node, facts: Facts): Finding[] {
  if (facts.plugins.has(node.opType)) return [];
  if (integerOps.has(node.opType)) return [finding("integer-op", `Node "${node.label}" is a ${node.op}.`, node)];
  const vendor = vendorOps[node.opType];
  if (vendor) return atLeast(facts.version, vendor) ? [] : [finding("op-since", `Node "${node.label}": ${node.opType} came with TensorRT ${release(vendor)}.`, node)];
  if (node.domain !== "") return [finding("op-custom", `Node "${node.label}" is a ${node.op}, which is no ONNX operator.`, node)];
  const row = support[node.opType];
  if (!row) return [finding("op-unsupported", `Node "${node.label}" is a ${node.op}, for which TensorRT ${facts.version.major} has no importer.`, node)];
  if (row.since && !atLeast(facts.version, row.since)) return [finding("op-since", `Node "${node.label}": ${node.opType} came with TensorRT ${release(row.since)}.`, node)];
  const found: Finding[] = [];
  const value = row.port === "out" ? node.output(0) : node.input(row.port ?? 0);
  const dtype = value?.dtype === "float64" ? "float32" : value?.dtype;
  // Types that no operator computes in are named where the tensor is made.
  if (dtype && !row.types.includes(dtype) && isPlain(dtype) && !isDq(node)) found.push(finding("op-type", `Node "${node.label}": ${node.opType} of ${dtype} is not among what TensorRT has (${named(row.types)}).`, node));
  for (const { id, breaks, until } of row.limits ?? []) {
    if (until && atLeast(facts.version, until)) continue;
    const how = breaks(node, facts);
    if (how) found.push(finding(id, `Node "${node.label}" (${node.opType}) ${how}.`, node));
  }
  return found;
}

/** Types that layers compute in. */
const plain: ReadonlySet<DType> = new Set(["float32", "float16", "bfloat16", "float64", "int32", "int64", "bool"]);
const isPlain = (dtype: DType): boolean => plain.has(dtype);
/** Types that exist between Q and DQ. */
const quantized: ReadonlySet<DType> = new Set(["int8", "float8e4m3fn", "int4", "float4e2m1", "float8e8m0"]);

/** What a tensor may be, by where it stands. */
export function tensorFindings(node: Node): Finding[] {
  // A constant is looked at where it is read first.
  const constants = node.inputs.filter((v) => v?.isInitializer && v.consumers[0] === node);
  return [...node.outputs.flatMap((v) => (v ? tensorFinding(v, node) : [])), ...[...new Set(constants)].flatMap((v) => tensorFinding(v!))];
}

export function tensorFinding(value: Value, node?: Node): Finding[] {
  const { type, dtype } = value;
  if (type && type.kind !== "tensor") return [finding("tensor-type", `"${value.name}" is a ${type.kind}.`, node)];
  if (!dtype || isPlain(dtype)) {
    return dtype === "float64" ? [finding("double-cast", `"${value.name}" is float64.`, node)] : [];
  }
  if (quantized.has(dtype)) {
    const between = node === undefined ? value.consumers.every((c) => isDq(c) || isQ(c) || c.opType in vendorOps) : isQ(node) || node.is("Constant") || node.opType in vendorOps || value.consumers.every(isDq);
    return between ? [] : [finding("tensor-type", `"${value.name}" is ${dtype} outside a pair of Q and DQ.`, node)];
  }
  const atEnd = value.isGraphInput || value.isGraphOutput || value.consumers.every((c) => c.is("Cast"));
  if (dtype === "uint8" && atEnd) return [];
  // A uint8 zero point of Q or weight of DQ breaks rules that say more.
  if (dtype === "uint8" && (isQ(node) || value.consumers.every((c) => isDq(c) || isQ(c)))) return [];
  return [finding("tensor-type", `"${value.name}" is ${dtype}${dtypes[dtype].kind === "string" ? "" : ", in which no layer computes"}.`, node)];
}

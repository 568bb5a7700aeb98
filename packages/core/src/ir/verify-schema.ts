import type { OpSchema, OpTable, Parameter } from "../ops/op.ts";
import type { Attribute } from "./attribute.ts";
import type { Model } from "./model.ts";
import type { Node } from "./node.ts";
import type { ValueType } from "./type.ts";
import type { Value } from "./value.ts";
import type { Report } from "./verify.ts";
import { verifyErrors } from "./verify-errors.ts";
import { calledFunction } from "./verify-functions.ts";

/** A node against its operator's signature. Unknown operators give a warning. */
export function checkSchema(node: Node, model: Model, opsets: ReadonlyMap<string, number>, ops: OpTable | undefined, report: Report): void {
  if (calledFunction(model, node)) return;
  const opset = opsets.get(node.domain);
  if (opset === undefined) return report(verifyErrors.VERIFY_OPSET({ domain: node.domain || "ai.onnx", node: node.label, op: node.op }));
  if (!ops) return;
  if (!ops.of(node)) return report(verifyErrors.VERIFY_UNKNOWN_OP({ node: node.label, op: node.op }), "warning");
  const schema = ops.schema(node.domain, node.opType, opset);
  if (!schema) return report(verifyErrors.VERIFY_OP_VERSION({ node: node.label, op: node.op, opset, reason: "does not exist yet" }));
  if (schema.deprecated) return report(verifyErrors.VERIFY_OP_VERSION({ node: node.label, op: node.op, opset, reason: "is deprecated" }));
  checkPorts(node, "input", schema.inputs, node.inputs, report);
  checkPorts(node, "output", schema.outputs, node.outputs, report);
  checkAttributes(node, schema, report);
  checkTypes(node, schema, report);
}

function checkPorts(node: Node, port: "input" | "output", formal: readonly Parameter[], actual: readonly (Value | null)[], report: Report): void {
  const last = formal[formal.length - 1];
  const variadic = last?.option === "variadic" ? last : undefined;
  const max = variadic ? Infinity : formal.length;
  const least = formal.filter((p) => p.option === "single").length + (variadic?.min ?? 0);
  if (actual.length > max) {
    report(verifyErrors.VERIFY_ARITY({ node: node.label, op: node.op, port: `${port}s`, expected: `at most ${max}`, received: actual.length }));
  } else if (variadic && actual.length < least) {
    report(verifyErrors.VERIFY_ARITY({ node: node.label, op: node.op, port: `${port}s`, expected: `at least ${least}`, received: actual.length }));
  }
  formal.forEach((p, i) => {
    if (p.option === "single" && !actual[i]) report(verifyErrors.VERIFY_REQUIRED({ node: node.label, op: node.op, port, name: p.name }));
  });
}

function checkAttributes(node: Node, schema: OpSchema, report: Report): void {
  for (const [name, attribute] of node.attributes) {
    const expected = schema.attributes.get(name);
    const fail = (reason: string): void => report(verifyErrors.VERIFY_ATTRIBUTE({ node: node.label, op: node.op, attribute: name, reason }));
    if (!expected) fail("is not an attribute of this operator version");
    else if (!fits(attribute, expected.kind)) fail(`is of kind ${attribute.kind} where ${expected.kind} is expected`);
  }
  for (const { name, required } of schema.attributes.values()) {
    if (required && !node.attributes.has(name)) report(verifyErrors.VERIFY_REQUIRED({ node: node.label, op: node.op, port: "attribute", name }));
  }
}

/** An empty list has no element type, and a string may hold bytes that are no text. */
function fits(attribute: Attribute, kind: string): boolean {
  const { kind: received, value } = attribute;
  return received === kind || (Array.isArray(value) && value.length === 0) || (received === "bytes" && kind === "string") || (received === "bytesList" && kind === "strings");
}

/** Inputs and outputs of known type against the constraints; one type variable means one type. */
function checkTypes(node: Node, schema: OpSchema, report: Report): void {
  const bound = new Map<string, string>();
  const check = (port: "Input" | "Output", formal: readonly Parameter[], actual: readonly (Value | null)[]): void => {
    actual.forEach((value, i) => {
      const parameter = formal[Math.min(i, formal.length - 1)];
      const received = value && parameter && typeName(value.type);
      if (!received) return;
      const fail = (expected: string): void => report(verifyErrors.VERIFY_TYPE({ node: node.label, op: node.op, port: `${port} ${i} ("${value.name}")`, expected, received }));
      const allowed = schema.types.get(parameter.type);
      if (!(allowed ?? [parameter.type]).includes(received)) return fail(allowed ? `one of ${allowed.join(", ")}` : parameter.type);
      if (!allowed || (parameter.option === "variadic" && !parameter.homogeneous)) return;
      const known = bound.get(parameter.type);
      if (known !== undefined && known !== received) fail(`${known} (like the other ${parameter.type})`);
      bound.set(parameter.type, known ?? received);
    });
  };
  check("Input", schema.inputs, node.inputs);
  check("Output", schema.outputs, node.outputs);
}

/** The type as operator signatures spell it ("float32", "sequence(float32)"); undefined when it is not fully known. */
export function typeName(type: ValueType | undefined): string | undefined {
  switch (type?.kind) {
    case "tensor":
      return type.dtype;
    case "sparse":
      return type.dtype && `sparse(${type.dtype})`;
    case "sequence":
    case "optional": {
      const element = typeName(type.element);
      return element && `${type.kind}(${element})`;
    }
    case "map": {
      const value = typeName(type.value);
      return value && `map(${type.key},${value})`;
    }
    default:
      return undefined;
  }
}

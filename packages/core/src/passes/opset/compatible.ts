/** Which steps from one version of an operator to the next need no change, read off the signatures. */
import type { OpSchema, Parameter } from "../../ops/op.ts";

/**
 * Why a node written for `before` may be wrong under `after`; undefined when it stays right as it is: only optional inputs, outputs
 * and attributes were added, and nothing lost its place or changed its default. Allowed types are left to the verifier.
 * Changes of meaning under an unchanged signature are listed in adapters.ts.
 */
export function incompatibility(before: OpSchema, after: OpSchema): string | undefined {
  if (after.deprecated && !before.deprecated) return "the operator was withdrawn";
  const ports = portChange("input", before.inputs, after.inputs) ?? portChange("output", before.outputs, after.outputs);
  if (ports) return ports;
  for (const [name, was] of before.attributes) {
    const is = after.attributes.get(name);
    if (!is) return `attribute "${name}" was removed`;
    if (is.kind !== was.kind) return `attribute "${name}" changed its kind`;
    if (!was.required && JSON.stringify(is.default) !== JSON.stringify(was.default)) return `the default of attribute "${name}" changed`;
  }
  for (const [name, is] of after.attributes) if (is.required && !before.attributes.has(name)) return `attribute "${name}" is required now`;
  return undefined;
}

function portChange(port: string, before: readonly Parameter[], after: readonly Parameter[]): string | undefined {
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    const was = before[i];
    const is = after[i];
    if (!is) return `${port} ${i} was removed`;
    if (!was) {
      if (is.option !== "optional") return `${port} ${i} ("${is.name}") was added`;
    } else if (was.option !== is.option && !(was.option === "single" && is.option === "optional")) return `${port} ${i} became ${is.option}`;
  }
  return undefined;
}

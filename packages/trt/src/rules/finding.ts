/** What the check found. */
import type { Node } from "@lathe/core";
import { rules, type RuleId, type Severity } from "./catalogue.ts";

/** One breach of a rule; JSON. */
export interface Finding {
  /** Stable, for programs and suppressions. */
  readonly id: RuleId;
  readonly severity: Severity;
  /** Name of the node, or what stands for it; undefined when the model as a whole is meant. */
  readonly node?: string;
  readonly op?: string;
  /** The nodes whose bodies hold it, outermost first. */
  readonly inside?: readonly string[];
  /** One sentence that names what was found. */
  readonly message: string;
  readonly remedy: string;
}

/** A finding by its rule. `remedy` replaces the rule's own where a closer one is known. */
export function finding(id: RuleId, message: string, node?: Node, remedy?: string): Finding {
  const inside = node ? enclosing(node) : [];
  return {
    id, severity: rules[id].severity,
    ...(node ? { node: node.label, op: node.op } : {}),
    ...(inside.length > 0 ? { inside } : {}),
    message, remedy: remedy ?? rules[id].remedy,
  };
}

function enclosing(node: Node): string[] {
  const labels: string[] = [];
  for (let parent = node.graph?.parent; parent; parent = parent.graph?.parent) labels.unshift(parent.label);
  return labels;
}

/** True when nothing stands in the way of an engine. */
export const passes = (findings: readonly Finding[]): boolean => findings.every((f) => f.severity !== "error");

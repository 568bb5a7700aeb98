import { defineErrors } from "@lathe/core";

export const pruneErrors = defineErrors({
  PRUNE_EMPTIES: {
    text: (d: { group: string; width: number; cut: number }) => `Group "${d.group}" has ${d.width} units and ${d.cut} of them would be cut: nothing would be left.`,
    remedy: "Lower the ratio, or set a larger minimum width.",
  },
  PRUNE_UNKNOWN_GROUP: {
    text: (d: { group: string; known: readonly string[] }) => `There is no prunable group "${d.group}"; the model has ${d.known.slice(0, 8).join(", ")}${d.known.length > 8 ? ", ..." : ""}.`,
    remedy: "Take a name from the list that dependencyGraph(model).groups gives.",
  },
  PRUNE_NOTHING: {
    text: (d: { held: readonly string[] }) => `Nothing in this model can be cut; axes are held by ${d.held.slice(0, 5).join("; ") || "its inputs and outputs"}.`,
    remedy: "Infer shapes first, or see the report for what holds each axis.",
  },
});

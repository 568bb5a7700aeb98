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
  PRUNE_NO_BATCH_NORM: {
    text: (d: { group: string }) => `The criterion bn-scale needs a BatchNormalization in group "${d.group}".`,
    remedy: "Prune before BatchNormalization is folded into the convolutions, or use another criterion.",
  },
  PRUNE_NO_WEIGHTS: {
    text: () => "The model has no float32 kernel or matrix whose weights could be zeroed.",
    remedy: "Give a float model; a quantized one cannot be pruned.",
  },
  PRUNE_UNKNOWN_WEIGHT: {
    text: (d: { weight: string }) => `The model has no weight "${d.weight}".`,
    remedy: "Use a name that lathe inspect --layers shows.",
  },
  PRUNE_PATTERN: {
    text: (d: { pattern: string }) => `"${d.pattern}" is not an N:M pattern: N must be smaller than M.`,
    remedy: 'Use for instance "2:4" or "4:8".',
  },
});

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
  PRUNE_CONFLICT: {
    text: (d: { group: string }) => `Group "${d.group}" stands in \`exclude\`, so that it stays whole, and in \`ratios\`, so that it is cut.`,
    remedy: "Take its name out of one of them.",
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
  PRUNE_UNKNOWN_LAYER: {
    text: (d: { layer: string; known: readonly string[] }) => `The model has no matrix or convolution layer "${d.layer}"; it has ${d.known.slice(0, 8).join(", ")}${d.known.length > 8 ? ", ..." : ""}.`,
    remedy: "Use the name of a node that lathe inspect --layers shows.",
  },
  PRUNE_PATTERN: {
    text: (d: { pattern: string }) => `"${d.pattern}" is not an N:M pattern: N must be smaller than M.`,
    remedy: 'Use for instance "2:4" or "4:8".',
  },
  PRUNE_SINGULAR: {
    text: (d: { layer: string }) => `The statistics of layer "${d.layer}" cannot be inverted, however much they are damped: its inputs are not finite or all zero.`,
    remedy: "Look at the calibration samples, or leave the layer out.",
  },
  PRUNE_NO_DATA: {
    text: () => "The dataset has no samples to measure activations with.",
    remedy: "Give a few dozen samples of what the model will see; labels are not needed.",
  },
  PRUNE_NO_LABELS: {
    text: (d: { criterion: string; label: string; known: readonly string[] }) => `The criterion ${d.criterion} needs the loss, so samples must have "${d.label}"; they have ${d.known.join(", ")}.`,
    remedy: "Add int64 class labels to the samples, or use a criterion that needs none (l2, activation, apoz).",
  },
  PRUNE_TARGET: {
    text: (d: { target: string; wanted: number; reached: number }) => `No cut within maxRatio takes ${(d.wanted * 100).toFixed(1)} % of the ${d.target} away; the largest takes ${(d.reached * 100).toFixed(1)} %.`,
    remedy: "Ask for less, raise maxRatio, or lower roundTo and minimum.",
  },
  PRUNE_UNKNOWN_WORK: {
    text: (d: { target: string; unbound: readonly string[] }) => `The ${d.target} of this model cannot be counted, because input dimensions have no size: ${d.unbound.join(", ")}.`,
    remedy: "Give data: the shapes of the first sample are counted with; or choose the target units or parameters.",
  },
  PRUNE_LATENCY: {
    text: (d: { wanted: number; reached: number }) => `No cut within maxRatio is ${d.wanted} times as fast; the fastest measured is ${d.reached.toFixed(2)} times.`,
    remedy: "Ask for less, raise maxRatio, or quantize as well.",
  },
  PRUNE_NO_BLOCKS: {
    text: (d: { branches: number; size: number }) => `The model has ${d.branches} residual branches with weights, too few in a row for a block of ${d.size}.`,
    remedy: "Blocks are found where an Add puts a branch onto the tensor it started from; lower `branches`, or prune channels.",
  },
  PRUNE_UNKNOWN_BLOCK: {
    text: (d: { block: string; known: readonly string[] }) => `There is no residual block "${d.block}"; the model has ${d.known.slice(0, 8).join(", ")}${d.known.length > 8 ? ", ..." : ""}.`,
    remedy: "Take a name from the report's list of blocks.",
  },
  PACK_FORMAT: {
    text: (d: { path: string }) => `"${d.path}" is no packed model.`,
    remedy: "Packed models are made by `lathe pack` or savePacked; plain ONNX files are read by loadModel.",
  },
  PACK_VERSION: {
    text: (d: { version: number; known: number }) => `The packed model has format version ${d.version}; this release reads ${d.known}.`,
    remedy: "Unpack it with the release that made it, or update.",
  },
  PACK_LIMIT: {
    text: (d: { bytes: number; limit: number }) => `Unpacked, the model would have ${d.bytes} bytes; ${d.limit} are allowed.`,
    remedy: "Raise maxBytes if you trust the file.",
  },
  PACK_DAMAGED: {
    text: (d: { reason: string }) => `The packed model is damaged: ${d.reason}.`,
    remedy: "Get the file again.",
  },
  PRUNE_BLOCK: {
    text: (d: { block: string }) => `"${d.block}" is not a block size: it is outputs x inputs, each 1 or more.`,
    remedy: 'Use for instance "4x1".',
  },
});

/**
 * Steps between operator versions that need a change: one row per operator and version. Sources: the operator changelog of ONNX;
 * for Upsample and Resize before 11, whose rounding the text leaves open, the behaviour of ONNX Runtime.
 */
import type { Adapter } from "./adapter.ts";
import { attributeToInput, checkDropped, dropDefault } from "./adapter.ts";
import { batchNormalization14, clip, dropout12, groupNormalization, gridSample, pad, roiAlign, slice, split13, split18, topK } from "./adapt-arguments.ts";
import { resize11, upsample10, upsample9 } from "./adapt-resize.ts";
import { softmax } from "./adapt-softmax.ts";

const each = (names: string, to: number, convert: Adapter["convert"]): Adapter[] => names.split(" ").map((op) => ({ op, to, convert }));

const axisBroadcast = checkDropped("broadcast", 0, "it broadcasts along an axis in the way of opset 6");
const inference = checkDropped("is_test", 1, "it is in training mode");
const axes = attributeToInput("axes", 1);

export const adapters: readonly Adapter[] = [
  ...each("Add Sub Mul Div Pow And Or Xor Equal Less Greater", 7, (c) => (axisBroadcast(c), c.node.removeAttribute("axis"))),
  ...each("Gemm", 7, dropDefault("broadcast")),
  ...each("LSTM GRU RNN", 7, dropDefault("output_sequence")),
  ...each("PRelu", 7, (c) => {
    const rank = c.node.input(1)?.rank;
    if (rank !== undefined && rank === 1 && c.node.input(1)?.shape?.[0] !== 1) c.refuse("its slope is aligned to the channel axis in the way of opset 6");
  }),
  ...each("BatchNormalization Dropout", 7, inference),
  ...each("Upsample", 7, (c) => c.refuse("height_scale and width_scale are from before opset 7")),
  ...each("BatchNormalization", 9, checkDropped("spatial", 1, "it has statistics per position (spatial = 0)")),
  ...each("Scan", 9, (c) => c.refuse("Scan 8 has another layout of inputs")),
  ...each("Upsample", 9, upsample9),
  ...each("Dropout", 10, (c) => {
    if (c.node.output(1) && !c.node.output(1)!.isUnused) c.refuse("its mask is read and changes its type at opset 10");
  }),
  ...each("Slice", 10, slice),
  ...each("TopK", 10, topK),
  ...each("Upsample", 10, upsample10),
  ...each("Clip", 11, clip),
  ...each("Pad", 11, pad),
  ...each("Resize", 11, resize11),
  ...each("Scatter", 11, (c) => void (c.node.opType = "ScatterElements")),
  ...each("Dropout", 12, dropout12),
  ...each("Softmax LogSoftmax Hardmax", 13, softmax),
  ...each("Split", 13, split13),
  ...each("Squeeze Unsqueeze ReduceSum", 13, axes),
  ...each("BatchNormalization", 14, batchNormalization14),
  ...each("RoiAlign", 16, roiAlign),
  ...each("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare", 18, axes),
  ...each("Split", 18, split18),
  ...each("GridSample", 20, gridSample),
  ...each("DFT", 20, attributeToInput("axis", 2, 1)),
  ...each("GroupNormalization", 21, groupNormalization),
];

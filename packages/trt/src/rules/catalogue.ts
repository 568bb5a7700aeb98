/**
 * The rules of the check, one row each: how bad a breach is, what the rule says, and what to do. Findings and the docs page read this table.
 * Sources: NVIDIA's documentation of explicit quantization and strong typing, and the operator list of the ONNX parser of TensorRT 10.1.
 */

export type Severity = "error" | "warning" | "note";

export interface Rule {
  /** error: the engine is not built or computes something else; warning: it is built, but is likely slow or inexact; note: worth knowing. */
  readonly severity: Severity;
  readonly says: string;
  readonly remedy: string;
}

const rule = (severity: Severity, says: string, remedy: string): Rule => ({ severity, says, remedy });
const SIMPLIFY = "Run `simplify` with fixed input shapes, or export the model with that argument as a constant.";
const REQUANTIZE = "Quantize the float model with `trt-int8`, which writes what TensorRT takes.";

export const rules = {
  // The model as a whole.
  "version-range": rule("note", "The tables of the check cover the releases from 10.0 to 11.1.", "Take what the check says of newer releases for a guess, and read their release notes."),
  "model-unsound": rule("error", "Operators' inputs fit their signatures and shapes.", "Correct the model, or export it again."),
  "type-unknown": rule("warning", "The type of every tensor is known, so that every rule can look at it.", "Give the shapes of the inputs, or run `simplify`."),
  "opset-old": rule("warning", "The parser covers opset 9 and later.", "Convert the model with `simplify` and an opset from 13 on."),
  "io-rename": rule("note", "An output that bears the name of an input is renamed: the engine puts `__` before it.", "Give the output a name of its own."),

  // Operators.
  "op-custom": rule("error", "Operators outside ai.onnx need a plugin of their name.", "Export without them (ONNX Runtime's own fusions stop at level `basic`), or name the plugin in `plugins`."),
  "op-unsupported": rule("error", "The parser has an importer for the operator.", "Replace the operator by ones of the support table, or write a plugin and name it in `plugins`."),
  "op-since": rule("error", "The operator came with a later release.", "Build with that release, or replace the operator."),
  "op-type": rule("error", "The operator computes in this element type.", "Cast to a type that the operator takes."),
  "tensor-type": rule("error", "Tensors are float32, float16, bfloat16, int32, int64 or bool inside the network; uint8 only at its ends; int8, float8 and 4-bit types only between Q and DQ.", "Cast where the tensor is made."),
  "double-cast": rule("note", "float64 is computed as float32, and values beyond its range are clamped.", "Convert the model to float32, so that the results you compare with are those of the engine."),
  "argument-constant": rule("error", "The argument is known when the engine is built.", SIMPLIFY),
  "pool-rank": rule("error", "Windows are of one to three dimensions.", "Reshape around the operator."),
  "pool-dilation": rule("error", "Pools have no dilation.", "Export without dilation, or write the pool as slices and Max."),
  "pool-indices": rule("error", "MaxPool gives values only.", "Export without the indices; MaxUnpool has no importer either."),
  "topk-limit": rule("error", "TopK takes fewer than 3840 elements.", "Select in two steps, or keep TopK out of the engine."),
  "topk-sorted": rule("error", "TopK sorts its results.", "Set sorted to 1."),
  "resize-mode": rule("error", "Resize is nearest or linear, without antialiasing, with one of five coordinate rules, over all axes.", "Export with mode nearest or linear."),
  "branch-rank": rule("error", "Both branches of If give outputs of the same rank and of different names.", "Make the branches agree, or fix the condition and run `simplify`."),
  "rnn-attributes": rule("error", "LSTM, GRU and RNN have layout 0, no input_forget, and the same activations in both directions.", "Export without these attributes."),
  "training-op": rule("error", "Dropout and BatchNormalization are in inference mode.", "Export for inference."),
  "grid-rank": rule("error", "GridSample samples images: four dimensions.", "Reshape around the operator."),
  "norm-outputs": rule("error", "LayerNormalization gives its first output only.", "Compute mean and deviation apart."),
  "scatter-reduction": rule("error", "ScatterND has no reduction.", "Use ScatterElements, which has one."),
  "static-shape": rule("error", "The size is known when the engine is built.", "Fix the input shapes."),
  "random-seed": rule("note", "Seeds are ignored: each run draws other numbers.", "Feed the random numbers as an input when runs must repeat."),
  "deform-pads": rule("error", "DeformConv pads both ends of an axis alike.", "Pad before the operator."),
  "conv-weight": rule("warning", "A convolution whose weight is computed at run time takes slow paths, and is not quantized.", "Fold the weight to a constant with `simplify`."),

  // Explicit quantization.
  "qdq-symmetric": rule("error", "Zero points are constants, all zero, of the shape of the scale.", REQUANTIZE),
  "qdq-zero-point": rule("error", "Each Q and DQ names an int8 (or float8, int4, float4) zero point: without one ONNX means uint8 and TensorRT int8.", REQUANTIZE),
  "qdq-axis": rule("error", "Per-channel Q and DQ name their axis: without it ONNX means 1 and TensorRT 0.", "Set the attribute axis."),
  "qdq-scale": rule("error", "Scales are constants, positive and finite: one number, one for each channel, or one for each block.", REQUANTIZE),
  "qdq-activation": rule("error", "Activations have one scale; per-channel scales are for weights.", REQUANTIZE),
  "qdq-weight-axis": rule("error", "Per-channel scales of a weight count its output channels.", REQUANTIZE),
  "qdq-shape": rule("error", "Q and DQ do not take scalars; the last dimension of int4 tensors is even.", "Leave the tensor in float."),
  "qdq-scale-type": rule("error", "The scale of Q has the type of its input.", "Cast the input, or write the scale in its type (opset 19 on)."),
  "qdq-scale-tiny": rule("warning", "A 16-bit scale below its smallest normal number keeps few digits.", "Keep this Q and DQ in float32."),
  "qdq-block": rule("error", "Blocks are for float8, int4 and float4, along the last or second-last axis, and divide it.", "Use per-channel scales for int8; choose a block size that divides the axis."),
  "qdq-bias": rule("error", "Biases stay in float.", REQUANTIZE),
  "integer-op": rule("error", "Quantization is written as Q and DQ; integer operators have no importer.", REQUANTIZE),
  "qdq-one-side": rule("warning", "A layer computes in low precision when both of its operands do.", "Quantize the other operand too, or neither."),
  "qdq-both-branches": rule("warning", "Of a residual Add only the skip branch is quantized: the layer that makes the other branch takes the Add in.", REQUANTIZE),
  "qdq-flag": rule("note", "TensorRT 10 without strong typing runs Q and DQ in int8 only when the builder has the INT8 flag.", "Build with --stronglyTyped."),

  // Types.
  "mixed-types": rule("error", "Float inputs of an operator have one type: nothing is cast silently.", "Put a Cast before the odd input; `trt-fp16` does."),
  "float32-engine": rule("note", "The engine computes in the types of the graph: this one gives a float32 engine.", "Run `trt-fp16` or `trt-int8` first: precision flags no longer exist."),

  // 16-bit arithmetic.
  "half-variance": rule("warning", "A variance in pieces squares values in float16, which end at 65504: inputs above 255 overflow.", "Fuse it to LayerNormalization (`simplify` with opset 17), or keep Pow and ReduceMean in float32."),
  "half-infinity": rule("warning", "An infinite mask in float16 gives NaN where a whole row is masked.", "Use -65504 in place of -inf."),
  "half-epsilon": rule("warning", "An epsilon below 6.1e-5 loses its digits in float16, below 6e-8 it is zero.", "Keep the division in float32, or use a larger epsilon."),
  "half-index": rule("warning", "Positions and running sums in float16 are exact up to 2048 only.", "Keep Range and CumSum in float32 or integers."),

  // Optimization profiles.
  "profile-missing": rule("error", "Inputs of dynamic shape need an optimization profile.", "Give one with `profileFor`."),
  "profile-input": rule("error", "A profile names inputs of the model.", "Correct the name."),
  "profile-rank": rule("error", "A profile gives one size for each dimension.", "Give as many sizes as the input has dimensions."),
  "profile-size": rule("error", "Sizes are whole numbers of at least 0 (1 for opt and max).", "Correct the size."),
  "profile-order": rule("error", "min <= opt <= max in each dimension.", "Correct the order."),
  "profile-static": rule("error", "Fixed dimensions keep their size.", "Give the size that the model fixes."),
  "profile-symbol": rule("error", "Dimensions that share a symbol have the same sizes.", "Give both inputs the same sizes; `profileFor` does."),
  "profile-shape": rule("error", "The model accepts the shapes of the profile.", "Correct the sizes, or the model."),
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof rules;

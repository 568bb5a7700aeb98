/**
 * Connectionist temporal classification (Graves et al. 2006): the loss of recognisers that read a sequence without knowing where each label is.
 * The forward variables alpha and backward variables beta are two Scans in log space; their product is the probability of each state at each
 * step, and its sum by class the target whose cross-entropy has the gradient of the loss (equation 16 of the paper).
 */
import { Graph, Node, Tensor, Value, attr, dtypes, tensorType } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { LossBuilder, type Loss } from "./losses.ts";

export interface CtcOptions {
  /** Value with unnormalised logits [N, T, classes], or [T, N, classes]; default: the first output. For a model that ends in Softmax, what goes into it. */
  readonly logits?: string;
  /** The logits are [T, N, classes], as PyTorch has them. */
  readonly timeFirst?: boolean;
  /** Name of the int64 [N, L] input with the labels; what stands behind a sequence's end is not read. Default "labels". */
  readonly labels?: string;
  /** Name of the int64 [N] input with the numbers of labels. Default "label_lengths". */
  readonly labelLengths?: string;
  /** Name of an int64 [N] input with the numbers of steps that count; default: all of them count. */
  readonly inputLengths?: string;
  /** Class that stands for no label. Default 0. */
  readonly blank?: number;
  /** `mean`: each loss is divided by its number of labels, and averaged over the batch; `sum`: added up. Default mean. */
  readonly reduction?: "mean" | "sum";
  /** Sequences whose labels do not fit into their steps count as 0. By default they make the loss infinite, which ends the run. */
  readonly zeroInfinity?: boolean;
}

/** Log of a probability of 0 that can be added up without becoming NaN. */
const NEVER = -1e30;

/** -log p(labels | logits), equal to PyTorch's CTCLoss over log_softmax. @throws TRAIN_LOSS_SHAPE */
export const ctc = (options: CtcOptions = {}): Loss => (b) => {
  const { timeFirst = false, blank = 0, zeroInfinity = false } = options;
  const logits = options.logits ? b.value(options.logits) : b.graph.outputs[0]!;
  if (logits.shape?.length !== 3) throw trainErrors.TRAIN_LOSS_SHAPE({ loss: "ctc", value: logits.name, expected: "[N, T, classes]" });
  const log = b.emit("LogSoftmax", [timeFirst ? logits : b.emit("Transpose", [logits], { perm: attr.ints([1, 0, 2]) })], { axis: attr.int(-1) });
  const batch = logits.shape[timeFirst ? 1 : 0]!;
  const labels = b.input(options.labels ?? "labels", "int64", [batch, "label_count"]);
  const lengths = b.emit("Unsqueeze", [b.input(options.labelLengths ?? "label_lengths", "int64", [batch]), b.axes([1])]);
  const steps = options.inputLengths ? b.emit("Unsqueeze", [b.input(options.inputLengths, "int64", [batch]), b.axes([1])]) : undefined;
  const { posterior, logTotal } = forwardBackward(b, b.detach(log), statesOf(b, labels, lengths, blank), steps);
  const possible = b.emit("Greater", [logTotal, b.scalar(NEVER / 10)]);
  const each = b.emit("Where", [possible, b.emit("Neg", [logTotal]), b.scalar(zeroInfinity ? 0 : Infinity)]);
  const weight = weightOf(b, lengths, options.reduction ?? "mean");
  const target = posterior(b.emit("Where", [possible, weight, b.scalar(0)]));
  const surrogate = b.emit("Neg", [total(b, b.emit("Mul", [log, target]))], {}, []);
  // The value is the loss, the gradient the surrogate's.
  return b.emit("Add", [b.detach(total(b, b.emit("Mul", [each, weight]))), b.emit("Sub", [surrogate, b.detach(surrogate)], {}, [])], {}, []);
};

const total = (b: LossBuilder, x: Value): Value => b.emit("ReduceSum", [x], { keepdims: attr.int(0) }, []);
const int = (b: LossBuilder, value: number): Value => b.constant(Tensor.from("int64", [], [value]));
const size = (b: LossBuilder, x: Value, axis: number): Value => b.emit("Gather", [b.emit("Shape", [x]), int(b, axis)]);
const count = (b: LossBuilder, end: Value): Value => b.emit("Range", [int(b, 0), end, int(b, 1)]);
/** Moves [N, S] by `by` states to the right, or to the left when negative. */
const moved = (b: LossBuilder, x: Value, by: number, fill: Value): Value => b.emit("Pad", [x, b.axes([0, by, 0, -by]), fill]);

/** 1 / (N * labels), or 1: what a sequence's loss counts, [N, 1]. */
function weightOf(b: LossBuilder, lengths: Value, reduction: "mean" | "sum"): Value {
  const float = (x: Value): Value => b.emit("Cast", [x], { to: attr.int(dtypes.float32.id) });
  const least = b.emit("Max", [float(lengths), b.scalar(1)]);
  return reduction === "sum" ? b.emit("Div", [least, least]) : b.emit("Reciprocal", [b.emit("Mul", [least, float(size(b, lengths, 0))])]);
}

interface States {
  /** Class of each state, int64 [N, S] with S = 2 L + 1: blank, first label, blank, second label ... blank. */
  readonly classes: Value;
  /** 0 in the first state, NEVER elsewhere, [N, S]: nothing has been read before the first step. */
  readonly start: Value;
  /** 0 in the two states in which a sequence may end, NEVER elsewhere. */
  readonly end: Value;
  /** 0 where a state may follow the one before the last (different labels with a blank between), NEVER elsewhere. */
  readonly skip: Value;
}

function statesOf(b: LossBuilder, labels: Value, lengths: Value, blank: number): States {
  const valid = b.emit("Less", [count(b, size(b, labels, 1)), lengths]);
  const known = b.emit("Unsqueeze", [b.emit("Where", [valid, labels, int(b, blank)]), b.axes([2])]);
  const pairs = b.emit("Reshape", [b.emit("Pad", [known, b.axes([0, 0, 1, 0, 0, 0]), int(b, blank)]), b.axes([0, -1])]);
  const classes = b.emit("Pad", [pairs, b.axes([0, 0, 0, 1]), int(b, blank)]);
  const state = count(b, size(b, classes, 1));
  const left = b.emit("Sub", [b.emit("Mul", [lengths, int(b, 2)]), state]);
  const ends = b.emit("And", [b.emit("GreaterOrEqual", [left, int(b, 0)]), b.emit("LessOrEqual", [left, int(b, 1)])]);
  const same = b.emit("Or", [b.emit("Equal", [classes, int(b, blank)]), b.emit("Equal", [classes, moved(b, classes, 2, int(b, -1))])]);
  const unless = (condition: Value, yes: number, no: number): Value => b.emit("Where", [condition, b.scalar(yes), b.scalar(no)]);
  return {
    classes,
    start: b.emit("Expand", [unless(b.emit("Equal", [state, int(b, 0)]), 0, NEVER), b.emit("Shape", [classes])]),
    end: unless(ends, 0, NEVER),
    skip: unless(same, NEVER, 0),
  };
}

/** log(e^x + e^y + e^z), elementwise. */
function logSum(b: LossBuilder, terms: readonly Value[]): Value {
  const most = b.emit("Max", terms);
  return b.emit("Add", [most, b.emit("Log", [b.emit("Sum", terms.map((x) => b.emit("Exp", [b.emit("Sub", [x, most])])))])]);
}

/**
 * `log` is [T, N, classes]. Gives log p [N, 1] and, for a weight [N, 1] of each sequence, the weighted probabilities [T, N, classes] of each class at
 * each step. Steps at or beyond a sequence's length change nothing.
 */
function forwardBackward(b: LossBuilder, log: Value, { classes, start, end, skip }: States, steps: Value | undefined): { logTotal: Value; posterior: (weight: Value) => Value } {
  const time = count(b, size(b, log, 0));
  const index = b.emit("Expand", [b.emit("Unsqueeze", [classes, b.axes([0])]), b.emit("Concat", [b.emit("Unsqueeze", [size(b, log, 0), b.axes([0])]), b.axes([1, 1])], { axis: attr.int(0) })]);
  const emitted = b.emit("GatherElements", [log, index], { axis: attr.int(2) });
  const unlessOver = (inner: LossBuilder, t: Value, next: Value, old: Value): Value => (steps ? inner.emit("Where", [inner.emit("Less", [t, steps]), next, old]) : next);
  const [last, alpha] = scan(b, start, emitted, time, false, (inner, old, now, t) => {
    const jump = inner.emit("Add", [moved(inner, old, 2, inner.scalar(NEVER)), skip]);
    const next = unlessOver(inner, t, inner.emit("Add", [logSum(inner, [old, moved(inner, old, 1, inner.scalar(NEVER)), jump]), now]), old);
    return { next, result: next };
  });
  const [, beta] = scan(b, end, emitted, time, true, (inner, old, now, t) => {
    const later = inner.emit("Add", [old, now]);
    const jump = moved(inner, inner.emit("Add", [later, skip]), -2, inner.scalar(NEVER));
    const next = unlessOver(inner, t, logSum(inner, [later, moved(inner, later, -1, inner.scalar(NEVER)), jump]), old);
    return { next, result: old };
  });
  const logTotal = b.emit("ReduceLogSumExp", [b.emit("Add", [last, end]), b.axes([1])], { keepdims: attr.int(1) });
  return {
    logTotal,
    posterior(weight) {
      const share = b.emit("Mul", [b.emit("Exp", [b.emit("Sub", [b.emit("Add", [alpha, beta]), logTotal])]), weight]);
      const counted = steps ? b.emit("Where", [b.emit("Less", [b.emit("Reshape", [time, b.axes([-1, 1, 1])]), steps]), share, b.scalar(0)]) : share;
      const none = b.emit("ConstantOfShape", [b.emit("Shape", [log])]);
      return b.emit("ScatterElements", [none, index, counted], { axis: attr.int(2), reduction: attr.string("add") });
    },
  };
}

type Body = (inner: LossBuilder, old: Value, now: Value, t: Value) => { readonly next: Value; readonly result: Value };

/** Goes over the steps (backwards when asked) with a state [N, S]: the state after the last step, and the results of all steps [T, N, S] in order. */
function scan(b: LossBuilder, start: Value, emitted: Value, time: Value, backwards: boolean, body: Body): readonly [last: Value, all: Value] {
  const name = b.label("Scan");
  const inner = new LossBuilder(new Graph(`${name}/body`), name);
  const given = (what: string, dtype: "float32" | "int64", rank: number): Value => inner.graph.addInput(`${name}/${what}`, tensorType(dtype, new Array<null>(rank).fill(null)));
  const [old, now, t] = [given("old", "float32", 2), given("now", "float32", 2), given("t", "int64", 0)];
  const { next, result } = body(inner, old, now, t);
  for (const value of [next, result]) {
    const output = inner.emit("Identity", [value]);
    output.type = tensorType("float32", [null, null]);
    inner.graph.addOutput(output);
  }
  const [last, all] = [new Value(`${name}/last`), new Value(`${name}/all`)];
  const direction = backwards ? 1 : 0;
  b.graph.append(new Node({
    opType: "Scan", name, inputs: [start, emitted, time], outputs: [last, all],
    attributes: { body: attr.graph(inner.graph), num_scan_inputs: attr.int(2), scan_input_directions: attr.ints([direction, direction]), scan_output_directions: attr.ints([direction]) },
  }));
  return [last, all];
}

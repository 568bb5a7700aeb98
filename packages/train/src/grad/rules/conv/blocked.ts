/**
 * Convolutions in ONNX Runtime's blocked memory layout (domain com.microsoft.nchwc): channels in blocks of the width of a vector register.
 * ONNX Runtime takes this layout by itself only for constant kernels, and those of a training step are inputs; here the graph arranges the
 * kernel itself. A kernel [O, I, k...] is laid out as [O / b, I / b, k..., b of I, b of O], or as [O / b, I, k..., b of O] when a group has
 * fewer input channels than a block. Source: onnxruntime/core/mlas/lib/snchwc.cpp and reorder.cpp (MlasReorderFilterOIHWBiBo and -Bo).
 */
import { attr, type Attribute, type Value } from "@lathe/core";

export const NCHWC = "com.microsoft.nchwc";

/** Writes nodes; `domain` "" is the standard one. */
export interface Emitter {
  emit(opType: string, inputs: readonly (Value | null)[], attributes?: Readonly<Record<string, Attribute>>, domain?: string): Value;
  ints(values: readonly number[]): Value;
}

export interface BlockedConv {
  /** Channels in a block: 8 or 16, see `blockOf`. */
  readonly block: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  /** 1, or as many as there are channels (depthwise). */
  readonly group: number;
}

/**
 * Whether a two-dimensional convolution can be written so, and gains by it: ONNX Runtime reorders multiples of 4 channels only, depthwise
 * kernels take whole blocks; and 1x1 kernels are matrix products, which need no other layout.
 */
export function fits({ block, inChannels, outChannels, kernel, group }: BlockedConv): boolean {
  if (kernel.length !== 2 || kernel.every((k) => k === 1)) return false;
  if (group > 1) return group === inChannels && inChannels === outChannels && inChannels % block === 0;
  return outChannels % 4 === 0 && outChannels * 2 >= block && (inChannels < block || inChannels % 4 === 0);
}

/** Each value is reordered once, however many convolutions read it. */
const reordered = new WeakMap<Value, Value>();

export function reorder(e: Emitter, x: Value): Value {
  const made = reordered.get(x) ?? e.emit("ReorderInput", [x], {}, NCHWC);
  reordered.set(x, made);
  return made;
}

/** Conv(x, weight, bias) with x [N, I, H, W], weight [O, I, k, k] and bias [O]. */
export function blockedConv(e: Emitter, x: Value, weight: Value, bias: Value | null, g: BlockedConv): Value {
  const narrow = g.group > 1 || g.inChannels < g.block;
  const plain = g.group === 1 && g.inChannels < g.block;
  const outside = Math.ceil(g.outChannels / g.block) * g.block;
  const paddedBias = bias && outside !== g.outChannels ? e.emit("Pad", [bias, e.ints([0, outside - g.outChannels])]) : bias;
  const inputs = [plain ? x : reorder(e, x), narrow ? narrowKernel(e, weight, g, outside) : blockedKernel(e, weight, g, outside)];
  const y = blockedNode(e, paddedBias ? [...inputs, paddedBias] : inputs, g);
  return e.emit("ReorderOutput", [y], { channels: attr.int(g.outChannels) }, NCHWC);
}

/** The convolution alone, on a value and a kernel that are laid out already. */
const blockedNode = (e: Emitter, inputs: readonly Value[], g: Pick<BlockedConv, "kernel" | "strides" | "dilations" | "pads" | "group">): Value =>
  e.emit("Conv", inputs, {
    kernel_shape: attr.ints(g.kernel), strides: attr.ints(g.strides), dilations: attr.ints(g.dilations), pads: attr.ints(g.pads), group: attr.int(g.group),
  }, NCHWC);

function filled(e: Emitter, weight: Value, missingOut: number, missingIn: number): Value {
  return missingOut === 0 && missingIn === 0 ? weight : e.emit("Pad", [weight, e.ints([0, 0, 0, 0, missingOut, missingIn, 0, 0])]);
}

function blockedKernel(e: Emitter, weight: Value, { block, inChannels, outChannels, kernel }: BlockedConv, outside: number): Value {
  const inside = Math.ceil(inChannels / block) * block;
  const [kh = 1, kw = 1] = kernel;
  const split = e.emit("Reshape", [filled(e, weight, outside - outChannels, inside - inChannels), e.ints([outside / block, block, inside / block, block, kh, kw])]);
  return e.emit("Reshape", [e.emit("Transpose", [split], { perm: attr.ints([0, 2, 4, 5, 3, 1]) }), e.ints([outside, inside, kh, kw])]);
}

function narrowKernel(e: Emitter, weight: Value, { block, inChannels, outChannels, kernel, group }: BlockedConv, outside: number): Value {
  const [kh = 1, kw = 1] = kernel;
  const inside = inChannels / group;
  const split = e.emit("Reshape", [filled(e, weight, outside - outChannels, 0), e.ints([outside / block, block, inside, kh, kw])]);
  return e.emit("Reshape", [e.emit("Transpose", [split], { perm: attr.ints([0, 2, 3, 4, 1]) }), e.ints([outside, inside, kh, kw])]);
}

/**
 * Kernel gradient as a convolution: batch and channels change places, so that x is a batch of Ci images with N channels and dy is a kernel
 * [Co, N, oh, ow] whose dilations are the strides of the forward pass. N must be a multiple of the block. `source` is x with its padding.
 */
export function blockedKernelGradient(e: Emitter, source: Value, dy: Value, g: BlockedConv & { readonly large: readonly number[]; readonly small: readonly number[] }): Value {
  const { block, outChannels, kernel, large, small } = g;
  const image = reorder(e, e.emit("Transpose", [source], { perm: attr.ints([1, 0, 2, 3]) }));
  const split = e.emit("Reshape", [reorder(e, dy), e.ints([-1, block, outChannels / block, small[0]! * small[1]!, block])]);
  const arranged = e.emit("Reshape", [e.emit("Transpose", [split], { perm: attr.ints([2, 0, 3, 1, 4]) }), e.ints([outChannels, -1, ...small])]);
  const y = blockedNode(e, [image, arranged], { kernel: small, strides: g.dilations, dilations: g.strides, pads: [0, 0, 0, 0], group: 1 });
  const taps = e.emit("ReorderOutput", [y], { channels: attr.int(outChannels) }, NCHWC);
  const extents = large.map((size, i) => Math.floor((size - (small[i]! - 1) * g.strides[i]! - 1) / g.dilations[i]!) + 1);
  const cut = extents.every((extent, i) => extent === kernel[i]) ? taps : e.emit("Slice", [taps, e.ints([0, 0]), e.ints([...kernel]), e.ints([2, 3])]);
  return e.emit("Transpose", [cut], { perm: attr.ints([1, 0, 2, 3]) });
}

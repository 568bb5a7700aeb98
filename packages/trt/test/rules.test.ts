/** The check: one small model for each rule, and none for what is right. */
import { decodeModel } from "@lathe/core";
import { parseModel } from "@lathe/testkit";
import { checkTensorRT, operatorSupport, passes, rules, type CheckOptions, type Finding, type RuleId } from "@lathe/trt";
import { describe, expect, it } from "vitest";
import { readModel } from "../../quantize/test/models.ts";

interface Case {
  readonly breaks: RuleId;
  readonly says: string;
  readonly inputs?: string;
  readonly body: string;
  readonly outputs?: string;
  readonly opset?: number;
  readonly imports?: string;
  readonly check?: Partial<CheckOptions>;
}

const modelOf = ({ inputs = "x: float32[4,16]", outputs = "y: float32[...]", body, opset = 21, imports = "" }: Omit<Case, "breaks" | "says">) =>
  parseModel(`model ir 10, ai.onnx ${opset}${imports}\ngraph main(${inputs}) -> (${outputs}) {\n${body}\n}`);

const run = (c: Omit<Case, "breaks" | "says">): Finding[] => checkTensorRT(modelOf(c), { version: "10.3", ...c.check });

const image = "x: float32[1,16,8,8]";
const kernel = (dims: string) => `w: float32[${dims}] = [${dims.split(",").reduce((n, d) => n * Number(d), 1) === 1 ? 1 : Array.from({ length: dims.split(",").reduce((n, d) => n * Number(d), 1) }, (_, i) => (i % 7) - 3).join(", ")}]`;
const pair = (scale: string, zero: string, extra = "") => `s: ${scale}\nz: ${zero}\nq: int8[...] = QuantizeLinear(x, s, z)${extra}\ny: float32[...] = DequantizeLinear(q, s, z)${extra}`;
const eight = (value: number | string): string => `[${Array(8).fill(value).join(", ")}]`;

const cases: readonly Case[] = [
  { breaks: "version-range", says: "Release 12.0 is not covered.", body: "y: float32[...] = Relu(x)", check: { version: "12.0" } },
  { breaks: "model-unsound", says: "Add", inputs: "x: float32[4,16], b: float32[3]", body: "y: float32[...] = Add(x, b)" },
  { breaks: "type-unknown", says: 'such as "y" (?)', body: "y: ? = Mystery(x)", outputs: "y: ?" },
  { breaks: "opset-old", says: "of opset 8", body: "y: float32[...] = Relu(x)", opset: 8 },
  { breaks: "io-rename", says: 'Output "x" bears', body: "y: float32[...] = Relu(x)", outputs: "x: float32[4,16], y: float32[...]" },
  { breaks: "op-custom", says: "is a com.microsoft.FusedGelu, which is no ONNX operator", body: "y: float32[...] = com.microsoft.FusedGelu(x)", imports: ", com.microsoft 1" },
  { breaks: "op-unsupported", says: "is a Det, for which TensorRT 10 has no importer", inputs: "x: float32[4,4]", body: "y: float32[...] = Det(x)" },
  { breaks: "op-since", says: "RMSNormalization came with TensorRT 10.15", body: "w: float32[16] = [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\ny: float32[...] = RMSNormalization(x, w)", opset: 23 },
  { breaks: "op-since", says: "stores float4e2m1, which came with TensorRT 10.8", body: `v: float4e2m1[16,2] = [${Array(32).fill(1).join(",")}]\ns: float32[] = 0.5\nw: float32[16,2] = DequantizeLinear(v, s)\ny: float32[...] = MatMul(x, w)`, opset: 23 },
  { breaks: "op-type", says: "MatMul of int32 is not among what TensorRT has (float32, float16, bfloat16)", inputs: "x: int32[4,16], w: int32[16,2]", body: "y: int32[...] = MatMul(x, w)", outputs: "y: int32[...]" },
  { breaks: "tensor-type", says: '"a" is uint16, in which no layer computes', body: "a: uint16[...] = Cast(x) {to=4}\nb: uint16[...] = Identity(a)\ny: float32[...] = Cast(b) {to=1}" },
  { breaks: "tensor-type", says: '"table" is uint16, in which no layer computes', body: `table: uint16[16,2] = [${Array(32).fill(1).join(",")}]\ni: int64[4] = [0,1,2,3]\ng: uint16[...] = Gather(table, i)\ny: float32[...] = Cast(g) {to=1}` },
  { breaks: "double-cast", says: '"y" is float64', body: "y: float64[...] = Cast(x) {to=11}", outputs: "y: float64[...]" },
  { breaks: "argument-constant", says: 'has axes ("axes") computed at run time', inputs: "x: float32[4,16], axes: int64[1]", body: "y: float32[...] = ReduceMean(x, axes)" },
  { breaks: "pool-rank", says: "slides over 4 dimensions", inputs: "x: float32[1,2,4,4,4,4]", body: "y: float32[...] = MaxPool(x) {kernel_shape=[2, 2, 2, 2]}" },
  { breaks: "pool-dilation", says: "has dilations 2, 2", inputs: image, body: "y: float32[...] = MaxPool(x) {kernel_shape=[2, 2], dilations=[2, 2]}" },
  { breaks: "pool-indices", says: 'gives indices ("i")', inputs: image, body: "y: float32[...], i: int64[...] = MaxPool(x) {kernel_shape=[2, 2]}", outputs: "y: float32[...], i: int64[...]" },
  { breaks: "topk-limit", says: "takes 4000 elements", inputs: "x: float32[1,5000]", body: "k: int64[1] = [4000]\ny: float32[...], i: int64[...] = TopK(x, k)" },
  { breaks: "topk-sorted", says: "does not sort", body: "k: int64[1] = [2]\ny: float32[...], i: int64[...] = TopK(x, k) {sorted=0}" },
  { breaks: "resize-mode", says: 'has mode "cubic"', inputs: image, body: 's: float32[4] = [1, 1, 2, 2]\ny: float32[...] = Resize(x, -, s) {mode="cubic"}' },
  { breaks: "branch-rank", says: "has branches whose outputs have ranks 2 and 1", inputs: "x: float32[4,16], c: bool[]", body: "y: float32[...] = If(c)\nthen_branch yes() -> (a: float32[4,16]) {\n a: float32[4,16] = Relu(x)\n}\nelse_branch no() -> (b: float32[64]) {\n f: int64[1] = [-1]\n b: float32[64] = Reshape(x, f)\n}" },
  { breaks: "rnn-attributes", says: "has layout 1", inputs: "x: float32[2,3,4]", body: `w: float32[1,4,4] = [${Array(16).fill(1).join(",")}]\nr: float32[1,4,1] = [1,1,1,1]\n-, y: float32[...] = LSTM(x, w, r) {hidden_size=1, layout=1}` },
  { breaks: "training-op", says: "may drop values at run time", inputs: "x: float32[4,16], mode: bool[]", body: "r: float32[] = 0.5\ny: float32[...] = Dropout(x, r, mode)" },
  { breaks: "grid-rank", says: "samples a tensor of 5 dimensions", inputs: "x: float32[1,2,4,4,4], g: float32[1,4,4,4,3]", body: "y: float32[...] = GridSample(x, g)" },
  { breaks: "norm-outputs", says: 'gives "m" beside its first output', body: `w: float32[16] = [${Array(16).fill(1).join(",")}]\ny: float32[...], m: float32[...] = LayerNormalization(x, w)`, outputs: "y: float32[...], m: float32[...]" },
  { breaks: "scatter-reduction", says: 'has reduction "add"', body: `i: int64[1,1] = [0]\nu: float32[1,16] = [${Array(16).fill(1).join(",")}]\ny: float32[...] = ScatterND(x, i, u) {reduction="add"}` },
  { breaks: "static-shape", says: 'of the size of "x", which is known at run time only', inputs: "x: float32[N,N]", body: "y: float32[...] = EyeLike(x)" },
  { breaks: "random-seed", says: "has the seed 3", body: "y: float32[...] = RandomUniformLike(x) {seed=3.0}" },
  { breaks: "deform-pads", says: "has pads 1, 0, 0, 1", inputs: "x: float32[1,1,8,8], o: float32[1,18,6,6]", body: `${kernel("1,1,3,3")}\ny: float32[...] = DeformConv(x, w, o) {pads=[1, 0, 0, 1]}` },
  { breaks: "conv-weight", says: 'has a weight ("w") computed at run time', inputs: `${image}, w: float32[4,16,1,1]`, body: "y: float32[...] = Conv(x, w)" },
  { breaks: "qdq-symmetric", says: "has the zero point 3", body: pair("float32[] = 0.5", "int8[] = 3") },
  { breaks: "qdq-zero-point", says: "stores uint8; TensorRT reads int8 in its place", body: pair("float32[] = 0.5", "uint8[] = 0").replaceAll("q: int8", "q: uint8") },
  { breaks: "qdq-axis", says: "has 8 scales and no axis", body: `v: int8[16,8] = [${Array(128).fill(1).join(",")}]\ns: float32[8] = ${eight(0.5)}\nz: int8[8] = ${eight(0)}\nw: float32[16,8] = DequantizeLinear(v, s, z)\ny: float32[...] = MatMul(x, w)` },
  { breaks: "qdq-scale", says: "has the scale 0", body: pair("float32[] = 0", "int8[] = 0") },
  { breaks: "qdq-activation", says: 'has 4 scales for an activation ("x")', body: pair("float32[4] = [1, 1, 1, 1]", "int8[4] = [0, 0, 0, 0]", " {axis=0}") },
  { breaks: "qdq-weight-axis", says: "has its scales along axis 0; the outputs of", body: `v: int8[16,8] = [${Array(128).fill(1).join(",")}]\ns: float32[16] = [${Array(16).fill(0.5).join(",")}]\nz: int8[16] = [${Array(16).fill(0).join(",")}]\nw: float32[16,8] = DequantizeLinear(v, s, z) {axis=0}\ny: float32[...] = MatMul(x, w)` },
  { breaks: "qdq-shape", says: "stands at a scalar", inputs: "x: float32[]", body: pair("float32[] = 0.5", "int8[] = 0") },
  { breaks: "qdq-scale-type", says: "has a float32 scale and a float16 input", inputs: "x: float16[4,16]", body: pair("float32[] = 0.5", "int8[] = 0") },
  { breaks: "qdq-scale-tiny", says: "has the float16 scale 1.", inputs: "x: float16[4,16]", body: pair("float16[] = 0.00001", "int8[] = 0").replace("y: float32", "y: float16"), outputs: "y: float16[...]" },
  { breaks: "qdq-block", says: "quantizes int8 in blocks", body: `v: int8[16,8] = [${Array(128).fill(1).join(",")}]\ns: float32[2,8] = [${Array(16).fill(0.5).join(",")}]\nz: int8[2,8] = [${Array(16).fill(0).join(",")}]\nw: float32[16,8] = DequantizeLinear(v, s, z) {axis=0, block_size=8}\ny: float32[...] = MatMul(x, w)` },
  { breaks: "qdq-bias", says: 'gives a bias from "v", which is int32', body: `v: int32[16] = [${Array(16).fill(1).join(",")}]\ns: float32[] = 0.5\nb: float32[16] = DequantizeLinear(v, s)\ny: float32[...] = Add(x, b)` },
  { breaks: "integer-op", says: "is a MatMulInteger", inputs: "x: int8[4,16], w: int8[16,2]", body: "y: int32[...] = MatMulInteger(x, w)", outputs: "y: int32[...]" },
  { breaks: "qdq-one-side", says: "and computes in float", body: `s: float32[] = 0.5\nz: int8[] = 0\nq: int8[...] = QuantizeLinear(x, s, z)\nd: float32[...] = DequantizeLinear(q, s, z)\nw: float32[16,2] = [${Array(32).fill(1).join(",")}]\ny: float32[...] = MatMul(d, w)` },
  { breaks: "qdq-both-branches", says: "also the one that", body: `w: float32[16,16] = [${Array(256).fill(1).join(",")}]\nm: float32[4,16] = MatMul(x, w)\ns: float32[] = 0.5\nz: int8[] = 0\nq: int8[...] = QuantizeLinear(m, s, z)\nd: float32[...] = DequantizeLinear(q, s, z)\np: int8[...] = QuantizeLinear(x, s, z)\ne: float32[...] = DequantizeLinear(p, s, z)\ny: float32[...] = Add(d, e)` },
  { breaks: "qdq-flag", says: "The model has Q and DQ.", body: pair("float32[] = 0.5", "int8[] = 0") },
  { breaks: "mixed-types", says: 'reads "x" of float32 and "h" of float16', inputs: "x: float32[4,16], h: float16[4,16]", body: "y: float32[...] = Add(x, h)" },
  { breaks: "float32-engine", says: "neither 16-bit tensors nor Q and DQ", body: "y: float32[...] = Relu(x)", check: { version: "11" } },
  { breaks: "half-variance", says: "sums the squares", inputs: "x: float16[4,16]", body: "a: int64[1] = [1]\ns: float16[4,16] = Mul(x, x)\ny: float16[...] = ReduceMean(s, a)", outputs: "y: float16[...]" },
  { breaks: "half-infinity", says: 'reads "m", which holds infinite values', inputs: "x: float16[4,1]", body: "m: float16[1] = [-Infinity]\ny: float16[...] = Add(x, m)", outputs: "y: float16[...]" },
  { breaks: "half-epsilon", says: 'adds "e", which is 0 in float16', inputs: "x: float16[4,1]", body: "e: float16[1] = [0.00000001]\na: float16[4,1] = Add(x, e)\ny: float16[...] = Sqrt(a)", outputs: "y: float16[...]" },
  { breaks: "half-index", says: "counts in float16", inputs: "x: float16[4,16]", body: "a: int64[] = 1\ny: float16[...] = CumSum(x, a)", outputs: "y: float16[...]" },
  { breaks: "profile-missing", says: "no profile was given", inputs: "x: float32[N,16]", body: "y: float32[...] = Relu(x)", check: { profiles: [] } },
];

describe("each rule", () => {
  it.each(cases)("$breaks: $says", (c) => {
    const found = run(c).filter((f) => f.id === c.breaks);
    expect(found.map((f) => f.message).join("\n")).toContain(c.says);
    expect(found[0]).toMatchObject({ severity: rules[c.breaks].severity });
    expect(found[0]!.remedy).not.toBe("");
  });

  it("has a case here, or in the tests of profiles", () => {
    const shown = new Set(cases.map((c) => c.breaks));
    expect(Object.keys(rules).filter((id) => !shown.has(id as RuleId) && !id.startsWith("profile-"))).toEqual([]);
  });
});

describe("what is right gives no findings", () => {
  it.each<[string, Omit<Case, "breaks" | "says">]>([
    ["plain layers", { body: "y: float32[...] = Relu(x)" }],
    ["half precision", { inputs: "x: float16[4,16]", body: "y: float16[...] = Softmax(x)", outputs: "y: float16[...]", check: { version: "11" } }],
    ["symmetric pairs", { body: `${pair("float32[] = 0.5", "int8[] = 0")}`, check: { version: "11" } }],
    ["int4 weights in blocks beside float activations", {
      body: `v: int4[16,8] = [${Array(128).fill(1).join(",")}]\ns: float32[2,8] = [${Array(16).fill(0.5).join(",")}]\nz: int4[2,8] = [${Array(16).fill(0).join(",")}]\nw: float32[16,8] = DequantizeLinear(v, s, z) {axis=0, block_size=8}\ny: float32[...] = MatMul(x, w)`, check: { version: "11" },
    }],
    ["uint8 at the ends", { inputs: "x: uint8[1,3,4,4]", body: "y: float32[...] = Cast(x) {to=1}" }],
    ["one-dimensional pools, which the parser widens", { inputs: "x: float32[1,2,8]", body: "y: float32[...] = MaxPool(x) {kernel_shape=[2]}" }],
    ["a custom operator with a plugin", { body: "y: float32[4,16] = my.Thing(x)", outputs: "y: float32[4,16]", imports: ", my 1", check: { plugins: ["Thing"] } }],
    ["a dynamic CumSum on a release that has it", { inputs: "x: float32[4,16], a: int64[]", body: "y: float32[...] = CumSum(x, a)", check: { version: "10.8" } }],
    ["an operator of a later release", { body: "y: float32[...] = Swish(x)", opset: 24, check: { version: "11.0" } }],
  ])("%s", (_, c) => {
    expect(run(c).filter((f) => f.severity !== "note")).toEqual([]);
  });
});

it("names the nodes around a finding in a body", () => {
  const c = { inputs: "x: float32[4,4], c: bool[]", body: "y: float32[...] = If(c)\nthen_branch yes() -> (a: float32[...]) {\n a: float32[...] = Det(x)\n}\nelse_branch no() -> (b: float32[...]) {\n b: float32[...] = Det(x)\n}" };
  expect(run(c).filter((f) => f.id === "op-unsupported")).toMatchObject([{ node: "Det(a)", inside: ["If(y)"] }, { node: "Det(b)", inside: ["If(y)"] }]);
});

it("leaves the model as it is", () => {
  const model = modelOf({ inputs: "x: float32[4,16]", body: "z: ? = Relu(x)\ny: float32[...] = Relu(z)" });
  checkTensorRT(model, { version: "11" });
  expect(model.graph.value("z")!.type).toBeUndefined();
});

it.each(["9.2", "8.6.1", "latest", ""])("refuses to check for %j", (version) => {
  expect(() => run({ body: "y: float32[...] = Relu(x)", check: { version } })).toThrow("TRT_VERSION");
});

it("has a row for every operator of its list, and none for what the list leaves out", () => {
  expect(Object.keys(operatorSupport).length).toBeGreaterThan(140);
  for (const name of ["Unique", "StringConcat", "SequenceAt", "MaxUnpool", "Bernoulli", "DFT", "Col2Im"]) expect(operatorSupport).not.toHaveProperty(name);
});

describe("real models", () => {
  it.each(["fashion-mobilenet", "mnist-lenet", "ch_ppocr_mobile_v2.0_cls_infer", "ch_PP-OCRv4_rec_infer", "ch_PP-OCRv4_det_infer", "mlsd_320x320_tiny"])("%s can be built", (name) => {
    const findings = checkTensorRT(decodeModel(readModel(name)), { version: "11" });
    expect(findings.map((f) => f.id)).toEqual(["float32-engine"]);
  });

  it("the branches of a speech detector differ in rank", () => {
    const findings = checkTensorRT(decodeModel(readModel("silero_vad_v5")), { version: "11" });
    expect(passes(findings)).toBe(false);
    expect(new Set(findings.filter((f) => f.severity === "error").map((f) => f.id))).toEqual(new Set(["branch-rank"]));
  });
});

import { attr, Model, Tensor, tensorType, type DType } from "@lathe/core";
import { differential, tinyCnn, tinyMlp, tinyTransformer } from "@lathe/testkit";
import { describe, expect, it } from "vitest";

/** y = x + c, element by element. */
function plus(c: number, dtype: DType = "float32", output = "y"): Model {
  const model = new Model();
  const x = model.graph.addInput("x", tensorType(dtype, ["N"]));
  const constant = model.graph.addInitializer("c", Tensor.from(dtype, [1], [c]));
  const y = model.graph.add({ opType: "Add", inputs: [x, constant], outputs: [output] }).out;
  y.type = tensorType(dtype, ["N"]);
  model.graph.addOutput(y);
  return model;
}

describe("differential", () => {
  it.each([["tinyMlp", tinyMlp()], ["tinyCnn", tinyCnn()], ["tinyTransformer", tinyTransformer()]])("finds %s equal to its clone", async (_name, model) => {
    const { runs, outputs } = await differential(model, model.clone(), { bindings: { N: 2, T: 4 } });
    expect(runs).toBe(3);
    for (const output of Object.values(outputs)) expect(output.differing).toBe(0);
  });

  it("allows what reordering sums does and tells how much it was", async () => {
    const { outputs } = await differential(plus(1), plus(1 + 1e-6));
    expect(outputs["y"]!.maxAbs).toBeGreaterThan(0);
  });

  const changes: [string, Model, Model, RegExp][] = [
    ["another value", plus(1), plus(1.01), /"y" changed on random inputs with seed 0: element \d of \[1\] was .* and is .*, where a difference of 0\.00001 \+ 0\.0001 \|x\| is allowed/],
    ["an integer off by one", plus(1, "int32"), plus(2, "int32"), /element 0/],
    ["NaN", plus(1), plus(NaN), /is NaN/],
    ["a renamed output", plus(1), plus(1, "float32", "z"), /"z" changed on .*: it is new/],
    ["another element type", plus(1), withCast("float64"), /element type was float32 and is float64/],
    ["another shape", plus(1), withReshape(), /shape was \[1\] and is \[1,1\]/],
  ];
  it.each(changes)("notices %s", async (_what, before, after, message) => {
    await expect(differential(before, after)).rejects.toMatchObject({ code: "TESTKIT_DIFFERENT", message: expect.stringMatching(message) });
  });

  it("tries the inputs that it is given", async () => {
    const relu = plus(0);
    const node = relu.graph.add({ opType: "Relu", inputs: [relu.graph.value("x")!], outputs: ["r"] });
    relu.graph.replaceUses(relu.graph.value("y")!, node.out);
    const positive = { x: Tensor.from("float32", [2], [1, 2]), label: Tensor.int64([1]) };
    const negative = { x: Tensor.from("float32", [2], [1, -2]) };
    await differential(plus(0), relu, { seeds: [], feeds: [positive] });
    await expect(differential(plus(0), relu, { seeds: [], feeds: [positive, negative] })).rejects.toMatchObject({ message: expect.stringContaining("given inputs 1: element 1") });
  });

  it("takes a tolerance for all or by element type", async () => {
    await differential(plus(1), plus(1.01), { tolerance: { abs: 0.1, rel: 0 } });
    await differential(plus(1), plus(1.01), { tolerance: { float32: { abs: 0.1, rel: 0 } } });
    await expect(differential(plus(1), plus(1.01), { tolerance: { float64: { abs: 0.1, rel: 0 } } })).rejects.toMatchObject({ code: "TESTKIT_DIFFERENT" });
  });
});

function withCast(to: "float64"): Model {
  const model = plus(1);
  const cast = model.graph.add({ opType: "Cast", inputs: [model.graph.value("y")!], outputs: ["cast"], attributes: { to: attr.int(11) } });
  return swapOutput(model, cast.out, to);
}

function withReshape(): Model {
  const model = plus(1);
  const shape = model.graph.addInitializer("shape", Tensor.int64([-1, 1]));
  const reshaped = model.graph.add({ opType: "Reshape", inputs: [model.graph.value("y")!, shape], outputs: ["reshaped"] });
  return swapOutput(model, reshaped.out, "float32");
}

/** Makes `value` the output and gives it the name "y". */
function swapOutput(model: Model, value: Model["graph"]["outputs"][number], dtype: DType): Model {
  model.graph.value("y")!.name = "inner";
  model.graph.setOutput(0, value);
  value.name = "y";
  value.type = tensorType(dtype);
  return model;
}

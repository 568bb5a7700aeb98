/** Results written into tensors of the caller's. */
import { encodeModel, Model, Tensor, tensorType } from "@lathe/core";
import { ortErrors, ortRuntime } from "@lathe/ort";
import { describe, expect, it } from "vitest";

const runtime = ortRuntime({ load: { threads: 1 } });
const floats = (...values: number[]): Tensor => Tensor.from("float32", [values.length], values);

/** y = -x, z = |x|, of any length. */
function model(opset = 17): Model {
  const made = new Model({ opset, irVersion: 7 });
  const x = made.graph.addInput("x", tensorType("float32", ["N"]));
  for (const [opType, name] of [["Neg", "y"], ["Abs", "z"]] as const) {
    const out = made.graph.add({ opType, inputs: [x], outputs: [name] }).out;
    out.type = tensorType("float32", ["N"]);
    made.graph.addOutput(out);
  }
  return made;
}

describe("tensors to write results to", () => {
  it("are filled, and come back themselves", async () => {
    const session = await runtime.load(model(), { into: true });
    expect(session.outputs.map((o) => o.name)).toEqual(["y", "z"]);
    const into = { y: floats(0, 0), z: floats(0, 0) };
    for (const [a, b] of [[1, -2], [3, 4]] as const) {
      const out = await session.run({ x: floats(a, b) }, { into });
      expect([out.y === into.y, out.z === into.z]).toEqual([true, true]);
      expect([[...into.y.toFloat32()], [...into.z.toFloat32()]]).toEqual([[-a, -b], [Math.abs(a), Math.abs(b)]]);
    }
    await session.dispose();
  });

  it("may be for some outputs, when only those are fetched", async () => {
    const session = await runtime.load(model(), { into: true });
    const z = floats(0, 0);
    expect((await session.run({ x: floats(1, -2) }, { fetches: ["z"], into: { z } })).z).toBe(z);
    const both = await session.run({ x: floats(5, -6) }, { into: { z } });
    expect([[...both.y!.toFloat32()], [...both.z!.toFloat32()], [...z.toFloat32()]]).toEqual([[-5, 6], [5, 6], [1, 2]]);
    await session.dispose();
  });

  it("are left alone where they are no use: unaligned bytes, a session not loaded for it, files, old operator sets", async () => {
    const expectFresh = async (source: Model | Uint8Array, into: Tensor, options = {}): Promise<void> => {
      const session = await runtime.load(source, options);
      const { y } = await session.run({ x: floats(1, -2) }, { fetches: ["y"], into: { y: into } });
      expect([y === into, [...y!.toFloat32()], [...into.toFloat32()]]).toEqual([false, [-1, 2], [0, 0]]);
      await session.dispose();
    };
    await expectFresh(model(), Tensor.fromBytes("float32", [2], new Uint8Array(9).subarray(1)), { into: true });
    await expectFresh(model(), floats(0, 0));
    await expectFresh(encodeModel(model()), floats(0, 0), { into: true });
    await expectFresh(model(9), floats(0, 0), { into: true });
  });

  it("of another shape are refused", async () => {
    const session = await runtime.load(model(), { into: true });
    await expect(session.run({ x: floats(1, 2) }, { fetches: ["y"], into: { y: floats(0, 0, 0) } })).rejects.toMatchObject({ code: ortErrors.ORT_RUN_FAILED({ model: "", reason: "" }).code });
    await session.dispose();
  });
});

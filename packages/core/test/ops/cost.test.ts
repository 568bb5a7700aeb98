/** Cost rules of operators without multiply-accumulates. */
import { expect, test } from "vitest";
import { standardOps, type CostContext, type Tensor } from "@lathe/core";
import { build, f, ints, row, runCase, type OpCase } from "./harness.ts";

async function cost(c: OpCase): Promise<unknown> {
  const { node } = build(c);
  const outputs: readonly Tensor[] = await runCase(c);
  const context: CostContext = { node, shape: (i) => c.inputs[i]?.tensor.dims, outShape: (o) => outputs[o]?.dims, dtype: (i) => c.inputs[i]?.tensor.dtype, constant: (i) => (c.inputs[i]?.constant ? c.inputs[i].tensor : undefined) };
  return standardOps.of(node)!.cost!(context);
}

test.each<readonly [OpCase, object]>([
  [row("Relu", [f(2, 3)]), { macs: 0, elementOps: 6 }],
  [row("Add", [f(2, 3), f(3)]), { macs: 0, elementOps: 6 }],
  [row("Sum", [f(4), f(4), f(4)]), { macs: 0, elementOps: 8 }],
  [row("ReduceSum", [f(2, 3), ints(1)]), { macs: 0, elementOps: 6 }],
  [row("Softmax", [f(2, 3)]), { macs: 0, elementOps: 30 }],
  [row("Transpose", [f(2, 3)]), { macs: 0, elementOps: 0 }],
  [row("Reshape", [f(2, 3), ints(6)]), { macs: 0, elementOps: 0, bytesRead: 0, bytesWritten: 0 }],
  [row("STFT", [f(1, 32, 1), { ...ints(8), tensor: ints(8).tensor.reshape([]) }, null, { ...ints(16), tensor: ints(16).tensor.reshape([]) }]), { macs: 0, elementOps: 2.5 * 3 * 16 * 4 }],
])("$note", async (c, wanted) => expect(await cost(c)).toEqual(wanted));

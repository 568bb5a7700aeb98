/** Patterns, and a pass of one's own made with them. */
import { describe, expect, test } from "vitest";
import { attr, nodePass, Node, pattern, type Value } from "@lathe/core";
import { applied, Build, expectUntouched, opsOf } from "./build.ts";

const { any, constant, either, match, matchWhole, op, opWith, scalar } = pattern;

function sample() {
  const b = new Build();
  const [x, y] = [b.input("x", [2]), b.input("y", [2])];
  return { b, x, y };
}

describe("a pattern", () => {
  test("captures values by name, and nodes from the root inwards", () => {
    const { b, x, y } = sample();
    const inner = b.op("Sub", [x, y]);
    const root = b.op("Exp", [inner]);
    const found = match(op("Exp", opWith("Sub", { as: "difference" }, any("a"), any("b"))), root)!;
    expect(found.values).toEqual({ a: x, b: y });
    expect(found.nodes).toEqual([root.producer, inner.producer]);
    expect(found.named["difference"]).toBe(inner.producer);
  });

  test("means the same value by the same name", () => {
    const { b, x, y } = sample();
    const square = op("Mul", any("x"), any("x"));
    expect(match(square, b.op("Mul", [x, x]))).toBeDefined();
    expect(match(square, b.op("Mul", [x, y]))).toBeUndefined();
  });

  test("tries operands of commutative operators in both orders, also after a later part failed", () => {
    const { b, x, y } = sample();
    // The first way to read the sum (a = x) fails at the product; the second (a = y) fits.
    const sum = b.op("Add", [x, b.op("Neg", [y])]);
    const root = b.op("Mul", [sum, y]);
    const found = match(op("Mul", op("Add", any("rest"), op("Neg", any("a"))), any("a")), root)!;
    expect(found.values).toEqual({ rest: x, a: y });
    const symmetric = match(op("Sub", op("Add", any("a"), any("b")), any("b")), b.op("Sub", [b.op("Add", [y, x]), y]))!;
    expect(symmetric.values).toEqual({ a: x, b: y });
  });

  test("keeps the order of operands that matters", () => {
    const { b, x } = sample();
    const minusOne = op("Sub", any("x"), scalar(1));
    expect(match(minusOne, b.op("Sub", [x, b.scalar(1)]))).toBeDefined();
    expect(match(minusOne, b.op("Sub", [b.scalar(1), x]))).toBeUndefined();
  });

  test("reads constants up to rounding, or by a condition", () => {
    const { b, x } = sample();
    const root = b.op("Mul", [x, b.scalar(Math.SQRT2)]);
    expect(match(op("Mul", any("x"), scalar(1.41421356)), root)).toBeDefined();
    expect(match(op("Mul", any("x"), scalar(1.4143)), root)).toBeUndefined();
    expect(match(op("Mul", any("x"), scalar((k) => k > 1)), root)).toBeDefined();
    expect(match(op("Mul", any("x"), constant("k")), root)!.values["k"]!.constant!.size).toBe(1);
  });

  test("may have several forms and look at attributes", () => {
    const { b, x } = sample();
    const leaky = opWith("LeakyRelu", { check: (node) => node.float("alpha", 0.01) === 0.5 }, any("x"));
    const form = either(op("Relu", any("x")), leaky);
    expect(match(form, b.op("Relu", [x]))).toBeDefined();
    expect(match(form, b.op("LeakyRelu", [x], { alpha: attr.float(0.5) }))).toBeDefined();
    expect(match(form, b.op("LeakyRelu", [x]))).toBeUndefined();
  });

  test("matched as a whole has no readers outside of its inner values", () => {
    const { b, x } = sample();
    const inner = b.op("Neg", [x]);
    const root = b.op("Exp", [inner]);
    const form = op("Exp", op("Neg", any("x")));
    expect(matchWhole(form, root)).toBeDefined();
    b.op("Abs", [inner]);
    expect(match(form, root)).toBeDefined();
    expect(matchWhole(form, root)).toBeUndefined();
  });
});

describe("a pass of one's own", () => {
  /** log(exp(x)) is x. */
  const logExp = nodePass("log-exp", "Removes a logarithm of an exponential.", ({ node, graph }) => {
    const found = node.is("Log") ? match(op("Log", op("Exp", any("x"))), node.out) : undefined;
    if (!found) return false;
    graph.replaceNode(node, graph.insertBefore(node, new Node({ opType: "Identity", inputs: [found.values["x"]!] })));
    return true;
  });
  const logOf = (b: Build, x: Value): Value => b.op("Log", [x]);

  test("works on nodes of the model and of its subgraphs, verified like the others", async () => {
    const { b, x } = sample();
    b.output(logOf(b, b.op("Exp", [x])));
    expect(opsOf((await applied(logExp, b)).model)).toEqual(["Exp", "Identity"]);
    const other = sample();
    await expectUntouched(logExp, other.b.output(logOf(other.b, other.b.op("Abs", [other.x]))));
  });
});

/** Gradients of elementwise operators. `y` is the output, `dy` its gradient. */
import { attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { add, castLike, div, each, mul, neg, rule, scalar, shapeOf, sub, sumTo, unsupported } from "../build.ts";

/** A rule for one input: dx from x, y and dy. */
const unary = (name: string, dx: (c: GradContext, x: Value, y: Value, dy: Value) => Value): OpRules => ({
  domain: "",
  name,
  grad: (c) => [dx(c, c.input(0), c.output(0), c.dy(0)!)],
});

/** A rule for two broadcast inputs: the gradients before summing over broadcast axes. */
const binary = (name: string, da: (c: GradContext, dy: Value) => Value, db: (c: GradContext, dy: Value) => Value): OpRules => ({
  domain: "",
  name,
  grad: (c) => {
    const dy = c.dy(0)!;
    const from = shapeOf(c, c.output(0));
    return each(c, [() => sumTo(c, da(c, dy), from, c.input(0)), () => sumTo(c, db(c, dy), from, c.input(1))]);
  },
});

const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** 1 where x > 0, else 0, in one pass: HardSigmoid with an immense slope (exact at 0, which gives 0). */
const step = (c: GradContext, x: Value): Value =>
  x.dtype === "float64" ? castLike(c, c.emit("Greater", [x, scalar(c, 0, x)]), x) : c.emit("HardSigmoid", [x], { alpha: attr.float(1e38), beta: attr.float(0) });

const select = (c: GradContext, mask: Value, a: Value, b: Value): Value => c.emit("Where", [mask, a, b]);

/** dx = dy * (s + x s (1 - s) alpha) for x * sigmoid(alpha x). */
function swish(c: GradContext, x: Value, dy: Value, alpha: number): Value {
  const one = scalar(c, 1, x);
  const scaled = alpha === 1 ? x : mul(c, x, scalar(c, alpha, x));
  const s = c.emit("Sigmoid", [scaled]);
  return mul(c, dy, mul(c, s, add(c, one, mul(c, scaled, sub(c, one, s)))));
}

/** Gelu: exact form Phi(x) + x phi(x); tanh form by its own derivative (Hendrycks & Gimpel 2016). */
function gelu(c: GradContext, x: Value, dy: Value, approximate: string): Value {
  const half = scalar(c, 0.5, x);
  const one = scalar(c, 1, x);
  if (approximate === "tanh") {
    const k = Math.sqrt(2 / Math.PI);
    const x2 = mul(c, x, x);
    const inner = mul(c, mul(c, x, scalar(c, k, x)), add(c, one, mul(c, x2, scalar(c, 0.044715, x))));
    const t = c.emit("Tanh", [inner]);
    const dinner = mul(c, scalar(c, k, x), add(c, one, mul(c, x2, scalar(c, 3 * 0.044715, x))));
    const left = mul(c, half, add(c, one, t));
    const right = mul(c, mul(c, half, x), mul(c, sub(c, one, mul(c, t, t)), dinner));
    return mul(c, dy, add(c, left, right));
  }
  const cdf = mul(c, half, add(c, one, c.emit("Erf", [mul(c, x, scalar(c, SQRT_HALF, x))])));
  const pdf = mul(c, c.emit("Exp", [mul(c, mul(c, x, x), scalar(c, -0.5, x))]), scalar(c, INV_SQRT_2PI, x));
  return mul(c, dy, add(c, cdf, mul(c, x, pdf)));
}

/** d/da a^b = b a^(b-1); d/db a^b = a^b ln a. */
const pow: GradRule = (c) => {
  const [a, b, y, dy] = [c.input(0), c.input(1), c.output(0), c.dy(0)!];
  const from = shapeOf(c, y);
  const base = (): Value => {
    const exponent = b.constant?.size === 1 ? b.constant.toNumbers()[0] : undefined;
    if (exponent === 2) return mul(c, dy, mul(c, a, scalar(c, 2, a)));
    return mul(c, dy, mul(c, b, c.emit("Pow", [a, sub(c, b, scalar(c, 1, b))])));
  };
  return each(c, [() => sumTo(c, base(), from, a), () => sumTo(c, mul(c, dy, mul(c, y, c.emit("Log", [a]))), from, b)]);
};

/** Gradient goes where the output came from; ties share it with equal weight among equal inputs of Max/Min. */
const extremum: GradRule = (c) => {
  const [y, dy] = [c.output(0), c.dy(0)!];
  const from = shapeOf(c, y);
  const masks = c.node.inputs.map((x) => castLike(c, c.emit("Equal", [x, y]), y));
  const count = masks.reduce((a, b) => add(c, a, b));
  const shared = masks.length === 1 ? dy : div(c, dy, count);
  return each(c, masks.map((mask, i) => () => sumTo(c, mul(c, shared, mask), from, c.input(i))));
};

/** Passes dy where nothing was clipped, like PyTorch's clamp also at the bounds themselves: there y equals x. */
const clip: GradRule = (c) => [mul(c, c.dy(0)!, castLike(c, c.emit("Equal", [c.input(0), c.output(0)]), c.input(0)))];

const where: GradRule = (c) => {
  const [mask, y, dy] = [c.input(0), c.output(0), c.dy(0)!];
  const from = shapeOf(c, y);
  const zero = scalar(c, 0, y);
  return [undefined, c.wants(1) ? sumTo(c, select(c, mask, dy, zero), from, c.input(1)) : undefined, c.wants(2) ? sumTo(c, select(c, mask, zero, dy), from, c.input(2)) : undefined];
};

/** The same gradient for every operand. */
const summed = (c: GradContext, dy: Value): (Value | undefined)[] => each(c, c.node.inputs.map((_, i) => () => sumTo(c, dy, shapeOf(c, c.output(0)), c.input(i))));

const prelu: GradRule = (c) => {
  const [x, slope, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const from = shapeOf(c, c.output(0));
  const negative = c.emit("Less", [x, scalar(c, 0, x)]);
  return each(c, [
    () => select(c, negative, mul(c, dy, slope), dy),
    () => sumTo(c, select(c, negative, mul(c, dy, x), scalar(c, 0, x)), from, slope),
  ]);
};

const leaky = (c: GradContext, x: Value, dy: Value): Value => {
  const alpha = c.node.float("alpha", 0.01);
  return select(c, c.emit("Less", [x, scalar(c, 0, x)]), mul(c, dy, scalar(c, alpha, x)), dy);
};

/** Elu: dy where x > 0, else dy * alpha * exp(x). */
const elu = (c: GradContext, x: Value, dy: Value): Value => {
  const slope = mul(c, c.emit("Exp", [c.emit("Min", [x, scalar(c, 0, x)])]), scalar(c, c.node.float("alpha", 1), x));
  return select(c, c.emit("Greater", [x, scalar(c, 0, x)]), dy, mul(c, dy, slope));
};

/** Celu: dy where x > 0, else dy * exp(x / alpha). */
const celu = (c: GradContext, x: Value, dy: Value): Value =>
  mul(c, dy, c.emit("Exp", [mul(c, c.emit("Min", [x, scalar(c, 0, x)]), scalar(c, 1 / c.node.float("alpha", 1), x))]));

const selu = (c: GradContext, x: Value, dy: Value): Value => {
  const gamma = c.node.float("gamma", 1.0507009873554805);
  const alpha = c.node.float("alpha", 1.6732632423543772);
  const slope = mul(c, c.emit("Exp", [c.emit("Min", [x, scalar(c, 0, x)])]), scalar(c, alpha * gamma, x));
  return mul(c, dy, select(c, c.emit("Greater", [x, scalar(c, 0, x)]), scalar(c, gamma, x), slope));
};

/** 1 strictly inside (low, high), else 0. */
const inside = (c: GradContext, x: Value, low: number, high: number): Value =>
  castLike(c, c.emit("And", [c.emit("Greater", [x, scalar(c, low, x)]), c.emit("Less", [x, scalar(c, high, x)])]), x);

/** HardSwish(x) = x * clip(x / 6 + 1/2, 0, 1). */
const hardSwish = (c: GradContext, x: Value, dy: Value): Value => {
  const gate = c.emit("HardSigmoid", [x], { alpha: attr.float(1 / 6), beta: attr.float(0.5) });
  return mul(c, dy, add(c, gate, mul(c, mul(c, x, scalar(c, 1 / 6, x)), inside(c, x, -3, 3))));
};

const hardSigmoid = (c: GradContext, x: Value, dy: Value): Value => {
  const alpha = c.node.float("alpha", 0.2);
  const beta = c.node.float("beta", 0.5);
  if (alpha <= 0) return unsupported(c, "a slope that is not positive");
  return mul(c, mul(c, dy, scalar(c, alpha, x)), inside(c, x, -beta / alpha, (1 - beta) / alpha));
};

/** Mish(x) = x tanh(softplus(x)). */
const mish = (c: GradContext, x: Value, dy: Value): Value => {
  const one = scalar(c, 1, x);
  const t = c.emit("Tanh", [c.emit("Softplus", [x])]);
  const s = c.emit("Sigmoid", [x]);
  return mul(c, dy, add(c, t, mul(c, x, mul(c, s, sub(c, one, mul(c, t, t))))));
};

const onePlusSquare = (c: GradContext, y: Value): Value => add(c, scalar(c, 1, y), mul(c, y, y));

const oneMinusSquare = (c: GradContext, y: Value): Value => sub(c, scalar(c, 1, y), mul(c, y, y));

export const elementwise: readonly OpRules[] = [
  unary("Identity", (_c, _x, _y, dy) => dy),
  unary("Neg", (c, _x, _y, dy) => neg(c, dy)),
  unary("Abs", (c, x, _y, dy) => mul(c, dy, c.emit("Sign", [x]))),
  unary("Exp", (c, _x, y, dy) => mul(c, dy, y)),
  unary("Log", (c, x, _y, dy) => div(c, dy, x)),
  unary("Sqrt", (c, _x, y, dy) => div(c, mul(c, dy, scalar(c, 0.5, y)), y)),
  unary("Reciprocal", (c, _x, y, dy) => neg(c, mul(c, dy, mul(c, y, y)))),
  unary("Sin", (c, x, _y, dy) => mul(c, dy, c.emit("Cos", [x]))),
  unary("Cos", (c, x, _y, dy) => neg(c, mul(c, dy, c.emit("Sin", [x])))),
  unary("Tan", (c, _x, y, dy) => mul(c, dy, onePlusSquare(c, y))),
  unary("Asin", (c, x, _y, dy) => div(c, dy, c.emit("Sqrt", [oneMinusSquare(c, x)]))),
  unary("Acos", (c, x, _y, dy) => neg(c, div(c, dy, c.emit("Sqrt", [oneMinusSquare(c, x)])))),
  unary("Atan", (c, x, _y, dy) => div(c, dy, onePlusSquare(c, x))),
  unary("Sinh", (c, x, _y, dy) => mul(c, dy, c.emit("Cosh", [x]))),
  unary("Cosh", (c, x, _y, dy) => mul(c, dy, c.emit("Sinh", [x]))),
  unary("Asinh", (c, x, _y, dy) => div(c, dy, c.emit("Sqrt", [onePlusSquare(c, x)]))),
  unary("Atanh", (c, x, _y, dy) => div(c, dy, oneMinusSquare(c, x))),
  unary("Tanh", (c, _x, y, dy) => mul(c, dy, oneMinusSquare(c, y))),
  unary("Sigmoid", (c, _x, y, dy) => mul(c, dy, mul(c, y, sub(c, scalar(c, 1, y), y)))),
  unary("Erf", (c, x, _y, dy) => mul(c, dy, mul(c, scalar(c, TWO_OVER_SQRT_PI, x), c.emit("Exp", [neg(c, mul(c, x, x))])))),
  unary("Relu", (c, _x, y, dy) => mul(c, dy, step(c, y))),
  unary("LeakyRelu", (c, x, _y, dy) => leaky(c, x, dy)),
  unary("ThresholdedRelu", (c, x, _y, dy) => mul(c, dy, castLike(c, c.emit("Greater", [x, scalar(c, c.node.float("alpha", 1), x)]), x))),
  unary("Celu", (c, x, _y, dy) => celu(c, x, dy)),
  unary("Elu", (c, x, _y, dy) => elu(c, x, dy)),
  unary("Selu", (c, x, _y, dy) => selu(c, x, dy)),
  unary("Softplus", (c, x, _y, dy) => mul(c, dy, c.emit("Sigmoid", [x]))),
  unary("Softsign", (c, x, _y, dy) => { const d = add(c, scalar(c, 1, x), c.emit("Abs", [x])); return div(c, dy, mul(c, d, d)); }),
  unary("HardSigmoid", (c, x, _y, dy) => hardSigmoid(c, x, dy)),
  unary("HardSwish", (c, x, _y, dy) => hardSwish(c, x, dy)),
  unary("Swish", (c, x, _y, dy) => swish(c, x, dy, c.node.float("alpha", 1))),
  unary("Mish", (c, x, _y, dy) => mish(c, x, dy)),
  unary("Gelu", (c, x, _y, dy) => gelu(c, x, dy, c.node.string("approximate", "none"))),
  binary("Add", (_c, dy) => dy, (_c, dy) => dy),
  binary("Sub", (_c, dy) => dy, (c, dy) => neg(c, dy)),
  binary("Mul", (c, dy) => mul(c, dy, c.input(1)), (c, dy) => mul(c, dy, c.input(0))),
  binary("Div", (c, dy) => div(c, dy, c.input(1)), (c, dy) => neg(c, div(c, mul(c, dy, c.output(0)), c.input(1)))),
  rule("Pow", pow),
  rule("Max", extremum),
  rule("Min", extremum),
  rule("Sum", (c) => summed(c, c.dy(0)!)),
  rule("Mean", (c) => summed(c, mul(c, c.dy(0)!, scalar(c, 1 / c.node.inputs.length, c.output(0))))),
  rule("Clip", clip),
  rule("Where", where),
  rule("PRelu", prelu),
  ...["Floor", "Ceil", "Round", "Sign"].map((name) => rule(name, () => [undefined])),
];

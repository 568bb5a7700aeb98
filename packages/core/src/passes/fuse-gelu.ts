import { attr } from "../ir/attribute.ts";
import { replaceMatch } from "./fuse.ts";
import { any, either, matchWhole, op, scalar, type Pattern } from "./match.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

const x = any("x");
const times = (a: Pattern, b: Pattern): Pattern => op("Mul", a, b);
/** a * b * c in either grouping and any order. */
const product = (a: Pattern, b: Pattern, c: Pattern): Pattern => either(times(times(a, b), c), times(times(a, c), b), times(times(b, c), a));
const half = scalar(0.5);
/** half * x * gate, where halving may also be a division by 2. */
const gated = (gate: Pattern): Pattern => either(product(half, x, gate), times(op("Div", x, scalar(2)), gate), op("Div", times(x, gate), scalar(2)));

/** x/2 * (1 + erf(x / sqrt 2)). Hendrycks and Gimpel 2016. */
const erf = op("Erf", either(op("Div", x, scalar(Math.SQRT2)), times(x, scalar(Math.SQRT1_2))));
const exact = gated(op("Add", erf, scalar(1)));

/** x/2 * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), the approximation of the same paper. */
const cube = either(op("Pow", x, scalar(3)), times(x, times(x, x)));
const inner = op("Add", x, times(cube, scalar(0.044715)));
const expanded = times(x, op("Add", scalar(1), times(times(x, x), scalar(0.044715))));
const k = Math.sqrt(2 / Math.PI);
const tanh = op("Tanh", either(times(either(inner, expanded), scalar(k)), times(op("Add", scalar(1), times(times(x, x), scalar(0.044715))), times(x, scalar(k)))));
const approximate = gated(op("Add", tanh, scalar(1)));

const recognise = (pattern: Pattern, approximation: "none" | "tanh"): Rewrite => (site) => {
  if (site.opset < 20 || !(site.node.is("Mul") || site.node.is("Div"))) return false;
  const found = matchWhole(pattern, site.node.out);
  if (!found) return false;
  replaceMatch(site, found, "Gelu", [found.values["x"]!], { approximate: attr.string(approximation) });
  return true;
};

export const fuseGelu: Pass = nodePass("fuse-gelu", "Recognises Gelu, by erf or by tanh (opset 20 on).", recognise(exact, "none"), recognise(approximate, "tanh"));

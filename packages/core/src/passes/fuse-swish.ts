import { attr } from "../ir/attribute.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { constantScalar, isClose } from "./constants.ts";
import { replaceMatch } from "./fuse.ts";
import { any, either, matchWhole, op, opWith, scalar, type Captures, type Pattern } from "./match.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite, type Site } from "./scope.ts";

const x = any("x");

/** The bounds of a Clip, as attributes (before opset 11) or constant inputs. */
const clips = (low: number, high: number) => (node: Node): boolean => {
  const [min, max] = [node.input(1) ? constantScalar(node.input(1)) : node.float("min"), node.input(2) ? constantScalar(node.input(2)) : node.float("max")];
  return min === low && max === high;
};
const relu6 = opWith("Clip", { check: clips(0, 6) }, op("Add", x, scalar(3)));
const sixth = (p: Pattern): Pattern => either(op("Div", p, scalar(6)), op("Mul", p, scalar(1 / 6)));
const hardSigmoid = either(sixth(relu6), opWith("HardSigmoid", { check: (n) => isClose(n.float("alpha", 0.2), 1 / 6) && n.float("beta", 0.5) === 0.5 }, x));

/** x * min(max(x + 3, 0), 6) / 6. Howard et al. 2019 (MobileNetV3). */
const hardSwish = either(op("Mul", x, hardSigmoid), sixth(op("Mul", x, relu6)), op("Mul", relu6, sixth(x)));
const swish = op("Mul", x, op("Sigmoid", x));

const isProduct = ({ node }: Site): boolean => node.is("Mul") || node.is("Div");

const toHardSwish: Rewrite = (site) => {
  const found = isProduct(site) ? matchWhole(hardSwish, site.node.out) : undefined;
  if (!found) return false;
  const input = found.values["x"]!;
  if (site.opset >= 14) replaceMatch(site, found, "HardSwish", [input]);
  else if (found.nodes.some((n) => n.is("HardSigmoid"))) return false;
  else replaceMatch(site, found, "Mul", [input, gate(site, input)]);
  return true;
};

const toHardSigmoid: Rewrite = (site) => {
  const found = isProduct(site) ? matchWhole(sixth(relu6), site.node.out) : undefined;
  // Part of a HardSwish that is visited later.
  if (!found || feedsProductWith(site.node.out, found)) return false;
  replaceMatch(site, found, "HardSigmoid", [found.values["x"]!], { alpha: attr.float(Math.fround(1 / 6)), beta: attr.float(0.5) });
  return true;
};

const feedsProductWith = (value: Value, found: Captures): boolean => value.consumers.some((c) => c.is("Mul") && c.inputs.includes(found.values["x"]!));

/** HardSigmoid of opset 6 with the constants of HardSwish. */
function gate(site: Site, input: Value): Value {
  return site.emit("HardSigmoid", [input], { alpha: attr.float(Math.fround(1 / 6)), beta: attr.float(0.5) }, input.type);
}

const toSwish: Rewrite = (site) => {
  const found = site.opset >= 24 && site.node.is("Mul") ? matchWhole(swish, site.node.out) : undefined;
  if (!found) return false;
  replaceMatch(site, found, "Swish", [found.values["x"]!]);
  return true;
};

export const fuseHardSwish: Pass = nodePass(
  "fuse-hard-swish",
  "Recognises HardSwish (opset 14 on; before that HardSigmoid times x) and HardSigmoid.",
  toHardSwish,
  toHardSigmoid,
);

/** Not in the default list: ONNX Runtime 1.30 runs Swish in models of opset 24 only. */
export const fuseSwish: Pass = nodePass("fuse-swish", "Recognises Swish, x times sigmoid of x (opset 24 on).", toSwish);

/** Shape rules of string operators. */
import { stringSplit } from "../evaluate/strings.ts";
import type { InferContext } from "../op.ts";

type Infer = (c: InferContext) => void;

export const inferStringSplit: Infer = (c) => {
  const x = c.shape(0);
  const split = stringSplit(c.node, [c.constant(0)], c.opset)?.[0];
  c.set(0, "string", split?.dims ?? (x && [...x, c.symbol("words")]));
  c.set(1, "int64", x);
};

/** Stop words may go, so the last axis is only known when there are none. */
export const inferStringNormalizer: Infer = (c) => {
  const x = c.shape(0);
  const drops = (c.node.attribute("stopwords", "strings") ?? []).length > 0;
  c.set(0, "string", x && (drops ? [...x.slice(0, -1), c.symbol("words")] : x));
};

/** One count per n-gram that `ngram_indexes` numbers. */
export const inferTfIdf: Infer = (c) => {
  const x = c.shape(0);
  const width = Math.max(-1, ...(c.node.ints("ngram_indexes") ?? [])) + 1;
  c.set(0, "float32", x && [...x.slice(0, -1), width]);
};

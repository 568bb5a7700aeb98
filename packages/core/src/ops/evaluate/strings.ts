/** Evaluation of StringSplit on constant strings. */
import { Tensor } from "../../tensor.ts";
import type { Evaluate } from "./elementwise.ts";

/** At most `limit` cuts (without limit: all). An absent or empty delimiter stands for any run of blanks, and blanks at the ends vanish. */
export function splitText(text: string, delimiter: string | undefined, limit: number): string[] {
  const parts: string[] = [];
  let rest = delimiter ? text : text.replace(/^\s+/u, "");
  const cut = delimiter ? undefined : /\s+/u;
  while (parts.length < limit) {
    const found = cut?.exec(rest);
    const at = cut ? (found?.index ?? -1) : rest.indexOf(delimiter!);
    if (at < 0) break;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + (found?.[0].length ?? delimiter!.length));
  }
  if (delimiter || rest !== "") parts.push(rest);
  return parts;
}

/** Y: substrings padded with "" to the longest list, along a new last axis; Z: how many there are of each. */
export const stringSplit: Evaluate = (node, [x]) => {
  if (!x || x.dtype !== "string") return undefined;
  const lists = x.strings().map((text) => splitText(text, node.string("delimiter"), node.int("maxsplit", Number.MAX_SAFE_INTEGER)));
  const width = Math.max(0, ...lists.map((list) => list.length));
  const padded = lists.flatMap((list) => Array.from({ length: width }, (_, i) => list[i] ?? ""));
  return [Tensor.fromStrings([...x.dims, width], padded), Tensor.int64(lists.map((list) => list.length), x.dims)];
};

/** Shapes as trtexec's command line takes them: "name:1x3x224x224,other:1x128". */
import { engineErrors } from "./errors.ts";

/**
 * A list of names and dims. The reader splits at commas, takes what follows the last colon as the dims, and drops single quotes: a name may
 * hold colons, but neither a comma nor a quote, and there is no way to escape them.
 * @throws TRT_INPUT_NAME
 */
export function shapeSpec(shapes: Readonly<Record<string, readonly number[]>>): string {
  return Object.entries(shapes).map(([name, dims]) => `${checkedName(name)}:${dimsText(dims)}`).join(",");
}

const dimsText = (dims: readonly number[]): string => (dims.length === 0 ? "scalar" : dims.join("x"));

const forbidden: readonly (readonly [string, string])[] = [[",", "a comma"], ["'", "a single quote"], ["\0", "a zero byte"], ["\n", "a line break"]];

function checkedName(name: string): string {
  const bad = forbidden.find(([character]) => name.includes(character));
  if (bad) throw engineErrors.TRT_INPUT_NAME({ input: name, character: bad[1] });
  if (name === "") throw engineErrors.TRT_INPUT_NAME({ input: name, character: "nothing" });
  return name;
}

/** Which node the ONNX parser refused, from its errors. Two forms are in use: a block of several lines, and one line in newer releases. */

export interface ParserFailure {
  readonly node: string | undefined;
  readonly op: string | undefined;
  /** First output of the node: in older releases the name is not always printed. */
  readonly output: string | undefined;
  readonly reason: string;
}

/** `In node 70 with name: /mean and operator: ReduceMean (reduceTensor): UNSUPPORTED_NODE: Assertion failed: ...` */
const oneLine = /In node (-?\d+)(?: with name: (.*?) and operator: (\S*))? ?\(\w+\): (\w+): (.+)$/;
/** `While parsing node number 5 [Conv -> "y"]:` */
const heading = /While parsing node number -?\d+ \[(\S*) -> "(.*)"\]/;

export function parserFailure(errors: readonly string[]): ParserFailure | undefined {
  for (const line of errors) {
    const match = oneLine.exec(line.slice(0, 4000));
    if (match) return { node: named(match[2]), op: named(match[3]), output: undefined, reason: `${match[4]}: ${sentence(match[5]!)}` };
  }
  const at = errors.findIndex((line) => heading.test(line.slice(0, 4000)));
  if (at >= 0) return block(errors, at);
  return errors.some((line) => /Failed to parse onnx file|Could not parse ONNX/i.test(line)) ? { node: undefined, op: undefined, output: undefined, reason: sentence(reasonIn(errors) ?? "it gives no reason") } : undefined;
}

function block(errors: readonly string[], at: number): ParserFailure {
  const [, op, output] = heading.exec(errors[at]!.slice(0, 4000))!;
  const end = errors.findIndex((line, i) => i > at && line.includes("--- End node ---"));
  const inside = errors.slice(at + 1, end < 0 ? undefined : end);
  // Fields of the node itself are not indented; those of its attributes are.
  const name = inside.map((line) => /^(?:ModelImporter\.cpp:\d+: )?name: "(.*)"$/.exec(line)?.[1]).find((n) => n !== undefined);
  return { node: named(name), op: named(op), output: named(output), reason: sentence(reasonIn(errors.slice(end < 0 ? at + 1 : end)) ?? "it gives no reason") };
}

const reasonIn = (lines: readonly string[]): string | undefined => lines.map((line) => /^\[\d+\] (.+)$/.exec(line)?.[1] ?? /(Assertion failed: .+)/.exec(line)?.[1]).find((reason) => reason !== undefined);

const named = (text: string | undefined): string | undefined => (text === undefined || text === "" ? undefined : text);
const sentence = (text: string): string => text.trim().slice(0, 1000).replace(/[.!\s]+$/, "");

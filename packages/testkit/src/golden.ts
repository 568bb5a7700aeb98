import { printModel, type Model, type PrintOptions } from "@lathe/core";
import { testkitErrors } from "./errors.ts";

export interface GoldenOptions extends PrintOptions {
  /** Adds a checksum of each large tensor's bytes, where all bits matter: not after arithmetic whose rounding machines may differ in. Default false. */
  readonly checksums?: boolean;
}

/** A model as text to be kept in a file and compared; see {@link expectGolden}. */
export function golden(model: Model, options: GoldenOptions = {}): string {
  const text = printModel(model, options);
  if (!options.checksums) return text;
  const lines: string[] = [];
  for (const graph of model.graph.allGraphs()) {
    for (const { name, tensor } of graph.initializers) if (tensor && tensor.size > (options.elements ?? 8)) lines.push(`${name}: ${checksum(tensor.bytes())}`);
  }
  return lines.length === 0 ? text : `${text}checksums\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

/** FNV-1a of 32 bits, in hexadecimal: to notice changes, not to withstand attacks. */
function checksum(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/**
 * Compares text line by line.
 * @throws TESTKIT_GOLDEN with the first line that differs.
 */
export function expectGolden(received: string, expected: string, what = "The graph"): void {
  const [a, b] = [expected, received].map((text) => text.trimEnd().split(/\r?\n/));
  for (let i = 0; i < Math.max(a!.length, b!.length); i++) {
    if (a![i] !== b![i]) throw testkitErrors.TESTKIT_GOLDEN({ what, line: i + 1, expected: a![i] ?? "(nothing)", received: b![i] ?? "(nothing)" });
  }
}

/** The command line inside the process of the test. */
import { fileURLToPath } from "node:url";
import pc from "picocolors";
import { main, type ProgramOptions } from "@lathe/cli";

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A file of the repository, by its path in it. */
export const file = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

export const run = (...args: string[]): Promise<Result> => runWith({}, ...args);

/** With the techniques of a host. */
export async function runWith(options: Omit<ProgramOptions, "io">, ...args: string[]): Promise<Result> {
  let [out, err] = ["", ""];
  const io = { out: (text: string) => void (out += `${text}\n`), err: (text: string) => void (err += text), colors: pc.createColors(false), live: false, columns: 80 };
  return { code: await main(args, { ...options, io }), out, err };
}

/** The GPUs of this machine, as its driver's own tool lists them. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Gpu } from "../reports.ts";

const columns = ["index", "uuid", "driver_version", "memory.total", "compute_cap", "name"] as const;

/** undefined when there is no nvidia-smi, as on Jetson, or when it fails, as without a driver. */
export async function listGpus(env: Readonly<Record<string, string | undefined>>): Promise<readonly Gpu[] | undefined> {
  // Old drivers do not know compute_cap and refuse the whole question.
  for (const asked of [columns, columns.filter((column) => column !== "compute_cap")]) {
    const text = await query(asked, env);
    if (text !== undefined) return parseGpus(text, asked);
  }
  return undefined;
}

async function query(asked: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", [`--query-gpu=${asked.join(",")}`, "--format=csv,noheader,nounits"], { env: { ...env }, timeout: 20_000, windowsHide: true });
    return stdout;
  } catch {
    return undefined;
  }
}

/** The name comes last: it alone could hold a comma. */
function parseGpus(text: string, asked: readonly string[]): Gpu[] {
  return text.split("\n").filter((line) => line.trim() !== "").flatMap((line) => {
    const cells = line.split(",").map((cell) => cell.trim());
    const of = (column: string): string => cells[asked.indexOf(column)] ?? "";
    const capability = asked.includes("compute_cap") ? of("compute_cap") : "";
    const memory = Number(of("memory.total"));
    if (!/^\d+$/.test(of("index"))) return [];
    return [{
      index: Number(of("index")), name: cells.slice(asked.indexOf("name")).join(", "), uuid: of("uuid"), driver: of("driver_version"),
      computeCapability: /^\d+\.\d+$/.test(capability) ? capability : undefined, memoryBytes: Number.isFinite(memory) && memory > 0 ? memory * 2 ** 20 : undefined,
    }];
  });
}

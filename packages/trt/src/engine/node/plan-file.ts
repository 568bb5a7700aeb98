/** Engine files: what their headers say, and giving a finished one its name. */
import { randomBytes } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { parsePlanHeader, PLAN_HEADER_BYTES } from "../output/plan-header.ts";
import type { PlanFile } from "../reports.ts";

/** Which release built an engine, without TensorRT. @throws TRT_PLAN, or the system's error when the file cannot be read */
export async function readPlanHeader(path: string): Promise<PlanFile> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(Math.min(size, PLAN_HEADER_BYTES));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return { ...parsePlanHeader(bytes.subarray(0, done)), bytes: size };
  } finally {
    await handle.close();
  }
}

/** A name beside `path` that nobody else uses. */
export const temporaryBeside = (path: string): string => `${path}.${randomBytes(6).toString("hex")}.tmp`;

/** Flushes the file to disk and gives it its name, replacing what had it. */
export async function publish(temporary: string, path: string): Promise<void> {
  await sync(temporary, "r+");
  await rename(temporary, path);
  // Makes the new name durable. Windows cannot open a folder; there the rename itself must do.
  await sync(dirname(path), "r").catch(() => undefined);
}

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

export const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

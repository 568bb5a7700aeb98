import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import type { Body, Source } from "./source.ts";

/** A file that is never held in memory as a whole. */
export async function fileSource(path: string | URL): Promise<Source> {
  const { size } = await stat(path);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return {
    name: basename(typeof path === "string" ? path : path.pathname),
    size,
    digest: `sha256:${hash.digest("hex")}`,
    body: async (offset) => Readable.toWeb(createReadStream(path, { start: offset, highWaterMark: 1 << 18 })) as unknown as Body,
  };
}

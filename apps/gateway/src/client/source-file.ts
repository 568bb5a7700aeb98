import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { sha256OfFile } from "../hash.ts";
import type { Body, Source } from "./source.ts";

/** A file that is never held in memory as a whole. */
export async function fileSource(path: string | URL): Promise<Source> {
  const { size } = await stat(path);
  return {
    name: basename(typeof path === "string" ? path : path.pathname),
    size,
    digest: `sha256:${await sha256OfFile(path)}`,
    body: async (offset) => Readable.toWeb(createReadStream(path, { start: offset, highWaterMark: 1 << 18 })) as unknown as Body,
  };
}

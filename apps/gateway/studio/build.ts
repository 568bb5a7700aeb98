/** Writes the studio beside the gateway's own output, and refuses to let it grow without anybody noticing. */
import { mkdir, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.ts";

/** Bytes of script and style, compressed. */
const MOST = 60_000;

const folder = new URL("../dist/studio/", import.meta.url);
const files = await bundle();
const size = [...files.values()].reduce((sum, bytes) => sum + gzipSync(bytes).length, 0);
if (size > MOST) throw new Error(`The studio has ${size} bytes compressed; the most it may have is ${MOST}.`);
await mkdir(folder, { recursive: true });
for (const [name, bytes] of files) await writeFile(new URL(name, folder), bytes);
console.log(`studio: ${files.size} files, ${size} bytes compressed`);

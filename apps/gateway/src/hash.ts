/** SHA-256 in 64 lower-case hexadecimal digits. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

export const sha256 = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");

/** Of a file, read in pieces. */
export async function sha256OfFile(path: string | URL): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

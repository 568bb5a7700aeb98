/**
 * Writes docs/reference/tensorrt.md from the tables of @lathe/trt.
 *
 *   npx tsx --conditions=@lathe/source scripts/docs-tensorrt.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { tensorrtPage } from "./lib/trt-page.ts";

const page = fileURLToPath(new URL("../docs/reference/tensorrt.md", import.meta.url));

writeFileSync(page, tensorrtPage());
console.log(page);

/**
 * Writes docs/reference/errors.md from the error catalogues of all packages.
 *
 *   npx tsx --conditions=@lathe/source scripts/docs-errors.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorPage } from "./lib/error-page.ts";

const page = fileURLToPath(new URL("../docs/reference/errors.md", import.meta.url));

writeFileSync(page, await errorPage());
console.log(page);

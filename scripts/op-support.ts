/**
 * Writes docs/reference/operators.md from the operator table.
 *
 *   npx tsx --conditions=@lathe/source scripts/op-support.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { operatorPage } from "./lib/op-page.ts";

export const page = fileURLToPath(new URL("../docs/reference/operators.md", import.meta.url));

writeFileSync(page, operatorPage());
console.log(page);

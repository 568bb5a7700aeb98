// Reads the tarballs, not the folders: what is published must resolve, with types, for every kind of ESM consumer.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bin, packAll, sh } from "./lib/tarballs.mjs";

const folder = mkdtempSync(join(tmpdir(), "lathe-pack-"));
try {
  for (const { name, file } of packAll(folder)) {
    console.log(`\n--- ${name}`);
    sh(bin("publint"), [file, "--strict"]);
    sh(bin("attw"), [file, "--profile", "esm-only", "--no-definitely-typed", "--format", "ascii"]);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

// Installs the workspace with the pinned pnpm. Does nothing when no manifest changed since the last install.
//   npm run setup                             exactly what the lockfile says
//   npm run setup -- --no-frozen-lockfile     after editing a package.json or the catalog
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = join(root, "node_modules", ".lathe-setup");

/** Everything an install depends on: root files and each workspace manifest. */
function inputs() {
  const folders = ["packages", "apps"].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(parent, name, "package.json")),
  );
  return ["package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml", "docs/package.json", ...folders].sort();
}

function fingerprint() {
  const hash = createHash("sha256").update(process.version);
  for (const file of inputs()) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(`\0${file}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

const extra = process.argv.slice(2);
const upToDate = existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint();
if (extra.length > 0 || !upToDate) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const pnpm = packageManager.split("+")[0];
  const frozen = extra.some((arg) => arg.includes("frozen-lockfile")) ? [] : ["--frozen-lockfile"];
  const command = ["-y", pnpm, "install", "--prefer-offline", ...frozen, ...extra];
  // `npm run -s` would silence pnpm too, its errors included.
  const { npm_config_loglevel: _, ...env } = process.env;
  const { status, error } = spawnSync("npx", command, {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, fingerprint());
}

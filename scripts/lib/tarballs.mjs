// Packs every published package the way a release would.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a tool, shows what it prints, and throws when it fails. */
export function sh(command, args, options = {}) {
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
}

/** The path of a command that the workspace installs. */
export const bin = (name) => join(root, "node_modules", ".bin", name);

/** Packs each package under packages/ into `folder`. Needs a finished build. */
export function packAll(folder) {
  return readdirSync(join(root, "packages")).map((name) => {
    const cwd = join(root, "packages", name);
    const manifest = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8"));
    const file = join(folder, `${name}.tgz`);
    execFileSync(bin("pnpm"), ["pack", "--out", file], { cwd, stdio: ["ignore", "ignore", "inherit"] });
    return { name: manifest.name, file, exports: manifest.publishConfig.exports };
  });
}

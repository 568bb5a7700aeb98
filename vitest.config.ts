import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { CountReporter } from "./scripts/count-reporter.ts";

/** Tests run on the TypeScript sources of every workspace package: no build is needed. */
const conditions = ["@lathe/source", ...defaultServerConditions];

const workspace = ["packages", "apps"].flatMap((parent) =>
  readdirSync(new URL(parent, import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => ({ name: entry.name, root: `${parent}/${entry.name}` })),
);
const projects = [...workspace, { name: "examples", root: "examples" }, { name: "repo", root: "scripts" }];

const setup = fileURLToPath(new URL("scripts/fast-check-setup.ts", import.meta.url));

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    reporters: ["default", new CountReporter()],
    pool: "forks",
    maxWorkers: 2,
    projects: projects.map(({ name, root }) => ({
      extends: true,
      root,
      // The gateway's tests start what they need and share nothing: they load the sources once for each worker.
      test: { name, isolate: name !== "gateway", include: ["**/*.test.ts"], setupFiles: [setup], testTimeout: 60_000, hookTimeout: 60_000 },
    })),
  },
});

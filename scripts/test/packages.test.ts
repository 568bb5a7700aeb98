import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const published = readdirSync(new URL("packages/", root)).map((folder) => {
  const manifest: Record<string, unknown> = JSON.parse(
    readFileSync(new URL(`packages/${folder}/package.json`, root), "utf8"),
  );
  return { folder, manifest };
});

describe.each(published)("packages/$folder", ({ folder, manifest }) => {
  it("is published as @lathe/<folder>, ESM, side-effect free, for Node 20.19 and newer", () => {
    expect(manifest).toMatchObject({
      name: `@lathe/${folder}`,
      license: "Apache-2.0",
      type: "module",
      sideEffects: false,
      engines: { node: ">=20.19" },
      files: ["dist"],
    });
  });

  it("publishes the entries it has, without the source condition", () => {
    const { exports, publishConfig } = manifest as {
      exports: Record<string, unknown>;
      publishConfig: { exports: Record<string, unknown> };
    };
    expect(Object.keys(publishConfig.exports)).toEqual(Object.keys(exports));
    expect(JSON.stringify(publishConfig)).not.toContain("@lathe/source");
  });

  it("loads through its public entry", async () => {
    const entry: object = await import(`@lathe/${folder}`);
    expect(Object.keys(entry)).not.toHaveLength(0);
  });
});

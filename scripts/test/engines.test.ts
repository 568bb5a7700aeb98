import { readFileSync } from "node:fs";
import { satisfies } from "semver";
import { expect, it } from "vitest";

const oldestSupported = "20.20.0";

/** Packages that declare a newer Node and were seen to work on Node 20, each with what was looked at. */
const reviewed: Record<string, string> = {
  "@whatwg-node/disposablestack": "asks >=22.15; polyfill for graphql-yoga, our gateway tests run it",
  "@whatwg-node/promise-helpers": "asks >=22.15; plain promise helpers for graphql-yoga, our gateway tests run it",
};

/** name and `engines.node` of every package in the lockfile that declares one. */
function declaredEngines(): { name: string; version: string; node: string }[] {
  const lockfile = readFileSync(new URL("../../pnpm-lock.yaml", import.meta.url), "utf8");
  const entry = /^ {2}'?(@?[^@'\n]+)@([^:'\n]+)'?:\n {4}resolution: .*\n {4}engines: \{.*?node: '?([^',}]+)/gm;
  return [...lockfile.matchAll(entry)].map(([, name = "", version = "", node = ""]) => ({ name, version, node }));
}

const excluded = declaredEngines().filter(({ node }) => !satisfies(oldestSupported, node));

it("finds the engines of the packages we know in the lockfile", () => {
  expect(declaredEngines()).toContainEqual(expect.objectContaining({ name: "vitest" }));
  expect(declaredEngines().length).toBeGreaterThan(300);
});

it(`installs no package that excludes Node ${oldestSupported}, other than the reviewed ones`, () => {
  const unreviewed = excluded.filter(({ name }) => !(name in reviewed));
  expect(unreviewed).toEqual([]);
});

it("reviews no package that is gone or has become compatible", () => {
  const names = excluded.map(({ name }) => name);
  expect(Object.keys(reviewed).filter((name) => !names.includes(name))).toEqual([]);
});

it("runs on a Node that the packages declare", () => {
  expect(satisfies(process.versions.node, ">=20.19")).toBe(true);
});

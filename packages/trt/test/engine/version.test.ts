import { parseVersion } from "@lathe/trt";
import { expect, it } from "vitest";

it.each([
  ["10.13.3", { major: 10, minor: 13, patch: 3 }],
  ["v10.13.3.9", { major: 10, minor: 13, patch: 3 }],
  ["11.1", { major: 11, minor: 1, patch: 0 }],
  ["v101303", { major: 10, minor: 13, patch: 3 }],
  ["v110100", { major: 11, minor: 1, patch: 0 }],
  ["v8601", { major: 8, minor: 6, patch: 1 }],
])("reads the version %s", (text, version) => {
  expect(parseVersion(text)).toEqual(version);
});

it.each(["", "v", "10", "latest", "1.2.3.4.5"])("does not take %j for a version", (text) => {
  expect(parseVersion(text)).toBeUndefined();
});

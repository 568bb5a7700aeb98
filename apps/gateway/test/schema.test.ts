import { execFile } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse, print, visit, type DefinitionNode, type DocumentNode, type InputObjectTypeDefinitionNode, type TypeNode } from "graphql";
import { beforeAll, expect, it } from "vitest";
import { installPlugin, techniques } from "./support.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const tsx = import.meta.resolve("tsx");

async function schemaOf(modules: readonly string[], cwd?: string): Promise<string> {
  const args = ["--import", tsx, "--conditions=@lathe/source", main, "schema", ...modules.flatMap((m) => ["--technique", m])];
  return (await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24, ...(cwd ? { cwd } : {}) })).stdout;
}

let document: DocumentNode;
let withPlugin: string;
beforeAll(async () => {
  const project = await mkdtemp(join(tmpdir(), "lathe-plugin-"));
  const { name } = await installPlugin(project);
  const [text, plugin] = await Promise.all([schemaOf([techniques]), schemaOf([name], project)]);
  document = parse(text);
  withPlugin = plugin;
});

const nameOf = (definition: DefinitionNode): string => ("name" in definition && definition.name ? definition.name.value : definition.kind);
const typeName = (type: TypeNode): string => (type.kind === "NamedType" ? type.name.value : typeName(type.type));
const fieldsOf = (name: string, of: DocumentNode = document): Record<string, string> => {
  const input = of.definitions.find((d): d is InputObjectTypeDefinitionNode => d.kind === "InputObjectTypeDefinition" && d.name.value === name)!;
  return Object.fromEntries((input.fields ?? []).map((f) => [f.name.value, print(f.type)]));
};

/** Types that only exist because of a technique. */
function derived(of: DocumentNode): Set<string> {
  const found = new Set<string>();
  const walk = (name: string): void => {
    const input = of.definitions.find((d): d is InputObjectTypeDefinitionNode => d.kind === "InputObjectTypeDefinition" && d.name.value === name);
    if (found.has(name) || (!input && !of.definitions.some((d) => d.kind === "EnumTypeDefinition" && d.name.value === name))) return;
    found.add(name);
    for (const field of input?.fields ?? []) walk(typeName(field.type));
  };
  walk("StepInput");
  return found;
}

/** Everything that does not follow from techniques, as text. */
const fixedPart = (of: DocumentNode): string => {
  const left = derived(of);
  return of.definitions.filter((d) => !left.has(nameOf(d))).map(print).join("\n\n");
};

it("is the one that the package ships; regenerate schema.graphql when a change is meant", async () => {
  const shipped = parse(await readFile(new URL("../schema.graphql", import.meta.url), "utf8"));
  expect(fixedPart(document)).toBe(fixedPart(shipped));
});

it("describes every type, field, argument and choice", () => {
  const bare: string[] = [];
  const check = (node: { description?: { value: string } | undefined; name: { value: string } }, _: unknown, __: unknown, path: readonly (string | number)[]): void => {
    if (!node.description?.value) bare.push(`${path.join(".")} ${node.name.value}`);
  };
  visit(document, {
    ObjectTypeDefinition: check, InterfaceTypeDefinition: check, UnionTypeDefinition: check, EnumTypeDefinition: check, InputObjectTypeDefinition: check,
    ScalarTypeDefinition: check, FieldDefinition: check, InputValueDefinition: check, EnumValueDefinition: check,
  } as never);
  expect(bare).toEqual([]);
});

it("turns the options of a technique into inputs", () => {
  expect(fieldsOf("OptionZooInput")).toEqual({
    share: "Float", count: "Int!", mode: "OptionZooMode!", clash: "String", names: "[String!]", modes: "[OptionZooModes!]", nested: "OptionZooNestedInput", table: "JSON", maybe: "Float", either: "JSON",
  });
  expect(fieldsOf("OptionZooNestedInput")).toEqual({ depth: "Int", flag: "Boolean" });
  expect(fieldsOf("CrashInput")).toEqual({ enabled: "Boolean" });
  expect(fieldsOf("IterateInput")["steps"]).toBe("[StepInput!]!");
  expect(print(document)).toMatch(/input StepInput @oneOf/);
});

it("has a field for a technique that was installed from a tarball", () => {
  expect(fieldsOf("StepInput", parse(withPlugin))["roundMantissa"]).toBe("RoundMantissaInput");
  expect(fieldsOf("RoundMantissaInput", parse(withPlugin))).toEqual({ bits: "Int", smallest: "Int" });
});

/** Command-line flags from the JSON Schema of a technique's options: names, help, defaults and checks come from the one schema. */
import { Option, type Command } from "commander";
import type { JsonSchema } from "@lathe/core";
import { cliErrors } from "./errors.ts";

type Kind = "boolean" | "number" | "integer" | "string" | "list" | "json";

interface Flag {
  /** Name of the option in the schema. */
  readonly key: string;
  /** "--per-channel" */
  readonly long: string;
  /** Under which commander gives the value. */
  readonly attribute: string;
  readonly kind: Kind;
  readonly choices: readonly string[] | undefined;
  readonly help: string;
}

/** Flags that every command for a technique has: options of these names are written "--with-seed". */
const taken = new Set(["data", "batch", "randomData", "bindData", "output", "report", "seed", "externalData", "force", "json", "quiet", "help"]);
const attributeOf = (key: string): string => (taken.has(key) ? `with${key[0]!.toUpperCase()}${key.slice(1)}` : key);

const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** Nullable and optional wrappers (`anyOf` with null) are looked through. */
function plain(schema: JsonSchema): JsonSchema {
  const any = schema["anyOf"];
  if (!Array.isArray(any)) return schema;
  const real = (any as JsonSchema[]).filter((s) => s["type"] !== "null");
  return real.length === 1 ? { ...real[0], description: schema["description"] ?? real[0]!["description"], default: schema["default"] } : schema;
}

function kindOf(schema: JsonSchema): Kind {
  const { type, items } = schema as { type?: unknown; items?: JsonSchema };
  if (type === "boolean" || type === "number" || type === "integer" || type === "string") return type;
  if (Array.isArray(schema["enum"])) return "string";
  return type === "array" && items?.["type"] === "string" ? "list" : "json";
}

/** The flags that an options schema stands for. */
export function flagsOf(options: JsonSchema): Flag[] {
  const properties = (options["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  return Object.entries(properties).map(([key, raw]) => {
    const schema = plain(raw);
    const choices = Array.isArray(schema["enum"]) ? (schema["enum"] as unknown[]).map(String) : undefined;
    const fallback = schema["default"] === undefined ? "" : ` (default: ${JSON.stringify(schema["default"])})`;
    const attribute = attributeOf(key);
    return { key, long: `--${kebab(attribute)}`, attribute, kind: kindOf(schema), choices, help: `${String(schema["description"] ?? "")}${fallback}`.trim() };
  });
}

/** How help names a value, by its kind. */
const valueNames: Readonly<Record<Kind, string>> = { boolean: "", number: " <number>", integer: " <count>", string: " <text>", list: " <a,b,...>", json: " <json>" };

/** Adds the flags of a technique to a command. */
export function addFlags(command: Command, options: JsonSchema): void {
  for (const flag of flagsOf(options)) {
    const option = new Option(`${flag.long}${flag.choices ? " <name>" : valueNames[flag.kind]}`, flag.help);
    if (flag.choices) option.choices(flag.choices);
    command.addOption(option);
    if (flag.kind === "boolean") command.addOption(new Option(`--no-${kebab(flag.attribute)}`, `turn ${flag.long} off`).hideHelp());
  }
}

/** The options that were given on the command line, in the form that the schema checks. Nothing is filled in: defaults are the schema's. */
export function readFlags(given: Readonly<Record<string, unknown>>, options: JsonSchema): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const flag of flagsOf(options)) {
    const value = given[flag.attribute];
    if (value !== undefined) read[flag.key] = typeof value === "string" ? parse(flag, value) : value;
  }
  return read;
}

function parse(flag: Flag, text: string): unknown {
  switch (flag.kind) {
    case "number":
    case "integer": {
      const value = Number(text);
      if (text.trim() === "" || Number.isNaN(value)) throw cliErrors.CLI_BAD_VALUE({ flag: flag.long, expected: "a number", received: text });
      return value;
    }
    case "list":
      return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
    case "json":
      try {
        return JSON.parse(text, (key, value: unknown) => {
          if (key === "__proto__") throw new Error("no option is named __proto__");
          return value;
        });
      } catch (cause) {
        throw cliErrors.CLI_BAD_VALUE({ flag: flag.long, expected: "JSON", received: text }, cause);
      }
    default:
      return text;
  }
}

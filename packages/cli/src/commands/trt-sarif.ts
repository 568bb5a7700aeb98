/** Findings in SARIF 2.1.0 (OASIS), which code hosts show beside a change. */
import { relative, resolve } from "node:path";
import { rules, type Finding } from "@lathe/trt";

/** One run: the rules that were broken, and where. Severities have the names that SARIF gives its levels. */
export function sarif(path: string, findings: readonly Finding[]): object {
  const broken = [...new Set(findings.map((f) => f.id))];
  const uri = relative(process.cwd(), resolve(path)).split(/[/\\]/).map(encodeURIComponent).join("/");
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{
      tool: { driver: { name: "lathe trt check", rules: broken.map((id) => ({ id, shortDescription: { text: rules[id].says }, help: { text: rules[id].remedy }, defaultConfiguration: { level: rules[id].severity } })) } },
      results: findings.map(({ id, severity, node, op, inside = [], message, remedy }) => ({
        ruleId: id, ruleIndex: broken.indexOf(id), level: severity, message: { text: `${message} ${remedy}` },
        locations: [{
          physicalLocation: { artifactLocation: { uri } },
          ...(node === undefined ? {} : { logicalLocations: [{ name: node, fullyQualifiedName: [...inside, node].join("/"), ...(op === undefined ? {} : { kind: op }) }] }),
        }],
      })),
    }],
  };
}

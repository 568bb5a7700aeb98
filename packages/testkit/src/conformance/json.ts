/** Where a value is not plain JSON data, in words; undefined when it is. Absent and undefined object members are the same. */
export function jsonProblem(value: unknown, at = "the top"): string | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${value} at ${at}`;
  if (typeof value !== "object") return `a ${typeof value} at ${at}`;
  const below = (key: string): string => (at === "the top" ? key : `${at}.${key}`);
  if (Array.isArray(value)) return first(value.map((item, i) => jsonProblem(item, below(String(i)))));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `an instance of ${value.constructor.name} at ${at}`;
  return first(Object.entries(value).map(([key, inner]) => (inner === undefined ? undefined : jsonProblem(inner, below(key)))));
}

const first = (problems: readonly (string | undefined)[]): string | undefined => problems.find((problem) => problem !== undefined);

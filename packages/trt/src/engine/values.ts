/** Checked option values as text. Each throws TRT_OPTION. */
import { trtErrors } from "../errors.ts";

export function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((a) => a === value);
  if (found === undefined) throw trtErrors.TRT_OPTION({ option, expected: `one of ${allowed.join(", ")}`, received: JSON.stringify(value) });
  return found;
}

/** An integer of at least `least`. */
export function count(option: string, value: number | undefined, least: number): string | undefined {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < least) throw trtErrors.TRT_OPTION({ option, expected: `an integer of ${least} or more`, received: String(value) });
  return String(value);
}

export function range(option: string, value: number | undefined, least: number, most: number): string | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || value < least || value > most) throw trtErrors.TRT_OPTION({ option, expected: `an integer from ${least} to ${most}`, received: String(value) });
  return String(value);
}

/** Words that are not empty and hold no zero byte; a list without any is absent. */
export function words(option: string, values: readonly string[] | undefined, form = /^[^\0]+$/): readonly string[] | undefined {
  const bad = values?.find((value) => !form.test(value));
  if (bad !== undefined) throw trtErrors.TRT_OPTION({ option, expected: `words such as ${form.source}`, received: JSON.stringify(bad) });
  return values && values.length > 0 ? values : undefined;
}

/** Numbers on the command line. */
import { cliErrors } from "./errors.ts";

/** @throws CLI_BAD_VALUE */
export function numberOf(flag: string, text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isNaN(value)) throw cliErrors.CLI_BAD_VALUE({ flag, expected: "a number", received: text });
  return value;
}

/** An integer of 1 or more. @throws CLI_BAD_VALUE */
export function countOf(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw cliErrors.CLI_BAD_VALUE({ flag, expected: "a count of 1 or more", received: text });
  return value;
}

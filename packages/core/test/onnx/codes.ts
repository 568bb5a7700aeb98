import { isLatheError } from "@lathe/core";

/** The code of the error that the action throws; undefined when it does not; the message of a foreign error. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return isLatheError(error) ? error.code : String(error);
  }
}

export async function codeOfAsync(action: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return isLatheError(error) ? error.code : String(error);
  }
}

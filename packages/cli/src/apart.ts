import { resolve } from "node:path";
import { cliErrors } from "./errors.ts";

/** An input is replaced only by who says so. @throws CLI_SAME_FILE */
export function demandApart(path: string, { output, force = false }: { readonly output: string; readonly force?: boolean }): void {
  if (resolve(path) === resolve(output) && !force) throw cliErrors.CLI_SAME_FILE({ path });
}

/** `lathe serve`: the GraphQL gateway, where it is installed. It is imported when asked for: it brings a database and a web server. */
import type { Command } from "commander";
import { cliErrors } from "../errors.ts";

/** A name that bundlers and the type checker do not follow: the gateway depends on nothing here, nor this package on it. */
const gateway: string = "@lathe/gateway/command";

export function serveCommand(program: Command): void {
  program
    .command("serve")
    .description("Starts the GraphQL gateway; its options: lathe serve -- --help.")
    .argument("[options...]", "passed on to the gateway")
    .allowUnknownOption()
    .action(async (given: string[]) => {
      const { main } = (await import(gateway).catch((cause: unknown) => {
        // Another failure is the gateway's own.
        throw (cause as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND" ? cliErrors.CLI_NO_GATEWAY({}, cause) : cause;
      })) as { main: (args: readonly string[]) => Promise<void> };
      await main(given);
    });
}

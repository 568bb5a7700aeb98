#!/usr/bin/env node
import { main } from "./program.ts";

// A reader that has seen enough (`lathe inspect model.onnx --json | head`) closes the pipe: what is under way is still finished and saved.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

process.exitCode = await main(process.argv.slice(2));

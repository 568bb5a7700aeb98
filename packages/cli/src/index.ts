/** The lathe command as a library: hosts may offer techniques of their own. */
export { createProgram, main, type ProgramOptions } from "./program.ts";
export { standardTechniques } from "./techniques.ts";
export type { Io } from "./io.ts";
export { cliErrors } from "./errors.ts";

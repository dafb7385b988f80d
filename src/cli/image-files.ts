/**
 * Reads the files a command line names. A file that cannot be read is a `CliError` with one sentence.
 */
import { readFileSync, statSync } from "node:fs";
import type { BootModule } from "../loaders/boot-plan.js";
import { CliError } from "./cli-error.js";
import { ExitCode } from "./exit-codes.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "permission was denied",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is not a directory",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "there are too many symbolic links",
};
const MAX_FILE_BYTES = 2 ** 31;

/** The sentence part that says why a file operation failed. */
export function fileProblem(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== undefined && REASONS[code] !== undefined) return REASONS[code];
  return code ?? (error instanceof Error ? error.message : String(error));
}

/** The bytes of `path`; `what` names the file in the error sentence. */
export function readInput(what: string, path: string): Uint8Array {
  try {
    const size = statSync(path).size;
    if (size > MAX_FILE_BYTES) {
      throw new CliError(
        `cannot read ${what} ${path}: it has ${size} bytes and at most 2 GB can be used`,
        ExitCode.NO_INPUT,
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`cannot read ${what} ${path}: ${fileProblem(error)}`, ExitCode.NO_INPUT);
  }
}

/** `PATH` or `PATH=COMMAND LINE`: a Multiboot module, called by its path. */
export function readModule(argument: string): BootModule {
  const equals = argument.indexOf("=");
  const path = equals < 0 ? argument : argument.slice(0, equals);
  const module: BootModule = { name: path, bytes: readInput("module", path) };
  if (equals >= 0) module.commandLine = argument.slice(equals + 1);
  return module;
}

/** QEMU's `-initrd` for Multiboot: `"path arguments,path arguments"`, `,,` for a comma. */
export function readModuleList(argument: string): BootModule[] {
  const entries = argument.replaceAll(",,", "\0").split(",");
  return entries.map((entry) => {
    const text = entry.replaceAll("\0", ",");
    const space = text.indexOf(" ");
    const path = space < 0 ? text : text.slice(0, space);
    const module: BootModule = { name: path, bytes: readInput("module", path) };
    if (space >= 0) module.commandLine = text.slice(space + 1);
    return module;
  });
}

/** An error that ends the command with one sentence on stderr and an exit code; never with a stack trace. */
import { ExitCode } from "./exit-codes.js";

/** Something the caller got wrong. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;

  constructor(sentence: string, exitCode: number = ExitCode.USAGE) {
    super(sentence);
    this.exitCode = exitCode;
  }
}

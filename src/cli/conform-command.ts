/** `vmexit conform`: the conformance runner of src/conform, loaded when it is used. */
import { runConform } from "../conform/run-conform.js";

/** Runs the conformance runner and returns its exit code. */
export function conformCommand(args: string[]): Promise<number> {
  return runConform(args);
}

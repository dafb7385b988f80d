/** What a test sees of an event that flat-core.ts's handlers took: which one, and what was pushed. */
import { expect } from "vitest";
import type { Core } from "../../src/core/core.js";
import { HANDLERS, program } from "./flat-core.js";

/** A delivered event. */
export interface Delivered {
  /** Vector, or -1 if the program ended by its own HLT. */
  vector: number;
  /** EIP, CS and EFLAGS as pushed; for a vector with an error code, `words` starts with that. */
  words: number[];
}

/** Runs `bytes` to its HLT or the first handler's. Errors: Error if neither comes. */
export function runProgram(core: Core, ...bytes: number[]): Delivered {
  program(core, ...bytes);
  return resume(core);
}

/** Goes on to the next HLT. Errors: Error if none comes within 1,000 ticks. */
export function resume(core: Core): Delivered {
  core.cpu.halted = false;
  core.run(1000);
  if (!core.cpu.halted) throw new Error(`no HLT: EIP ${core.cpu.eip.toString(16)}`);
  return look(core);
}

/** The handler that the CPU halted in. */
export function look(core: Core): Delivered {
  const at = core.cpu.eip - 1 - HANDLERS;
  if (at < 0 || at >= 8 * 256) return { vector: -1, words: [] };
  const view = new DataView(core.ram.buffer, core.ram.byteOffset);
  return { vector: at / 8, words: [0, 4, 8, 12].map((offset) => view.getUint32(core.cpu.esp + offset, true)) };
}

/** Expects that the handler of `vector` was entered with `words` on top of its stack. */
export function expectTaken(delivered: Delivered, vector: number, words: number[]): void {
  expect({ vector: delivered.vector, words: delivered.words.slice(0, words.length) }).toEqual({ vector, words });
}

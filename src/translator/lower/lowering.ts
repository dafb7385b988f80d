/**
 * What a lowering is: a function that emits one instruction that is not a branch.
 */
import type { Emitter } from "../emitter.js";
import type { Insn } from "../insn.js";

/** Emits one instruction; false, before anything has been emitted: this form is left to the interpreter. */
export type Lowering = (e: Emitter, i: Insn) => boolean;

/** Leaves the operation to the interpreter, in the middle of the region: the same meaning by construction. */
export const interpreted: Lowering = () => false;

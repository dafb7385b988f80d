/**
 * What a hypercall is to the routines that do them: arguments, results, and how long work is split.
 */
import type { Domain } from "../domain.js";

/** Results that are no numbers for the guest. */
export enum Special {
  /** The arguments now say what is left: the guest executes the call once more. */
  CONTINUE = 0x2_0000_0000,
  /** Registers are set: the guest goes on where they say. */
  ENTERED = 0x4_0000_0000,
}

/** The arguments of one call, in the guest's order. */
export interface Call {
  readonly args: Uint32Array;
  /** True for a call inside a multicall. */
  nested: boolean;
}

/** Does a hypercall; returns its result: 0 or more, less than 0 for an `Errno`, or a `Special`. */
export type Routine = (domain: Domain, call: Call) => number;

/** Requests done before the guest gets a chance to be interrupted. */
const BATCH = 1024;
/** Requests that one call in a multicall may make. */
const NESTED_BATCH = 65_536;

/** Requests that may be done now. */
export function batchOf(call: Call): number {
  return call.nested ? NESTED_BATCH : BATCH;
}

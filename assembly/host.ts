/**
 * What the machine asks of its host: ports, memory nobody decodes here, and interrupt acknowledge cycles.
 * Implemented in src/core/core.ts. The machine knows no device.
 */

/** Reads `size` bytes (1, 2, 4) from I/O port `port`. */
export declare function portRead(port: u32, size: u32): u32;

/** Writes the low `size` bytes of `value` to I/O port `port`. */
export declare function portWrite(port: u32, size: u32, value: u32): void;

/** Reads `size` bytes at physical address `pa`, which is neither RAM nor ROM. */
export declare function mmioRead(pa: u32, size: u32): u32;

/** Writes `size` bytes at physical address `pa`, which is neither RAM nor ROM. */
export declare function mmioWrite(pa: u32, size: u32, value: u32): void;

/** Tells that the instruction at `eip` is none the machine has: #UD follows. */
export declare function undefinedOpcode(eip: u32): void;

/** Asks for a translation of the code that starts with decoded block `block` (a pointer). The host may do nothing. */
export declare function translateRegion(block: u32): void;

/** The interrupt controller's vector for the pending INTR (INTA cycle). */
export declare function acknowledgeInterrupt(): u32;

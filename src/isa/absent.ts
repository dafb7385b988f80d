/**
 * Names for opcodes that exist on later processors but not on this one: so that a guest that was built for them can be told
 * why it got #UD. By opcode ranges of the SDM's maps (SDM 2D appendix A); what no processor defines is "undefined".
 */

/** Ranges of the two-byte map (0F xx): first, last, what they belong to. */
const TWO_BYTE: readonly (readonly [number, number, string])[] = [
  [0x01, 0x01, "VMX, XSAVE or later"],
  [0x05, 0x05, "SYSCALL (64-bit mode)"],
  [0x07, 0x07, "SYSRET (64-bit mode)"],
  [0x0d, 0x0d, "PREFETCHW (3DNow!)"],
  [0x0e, 0x0f, "3DNow!"],
  [0x10, 0x17, "SSE"],
  [0x28, 0x2f, "SSE"],
  [0x37, 0x37, "GETSEC (SMX)"],
  [0x38, 0x38, "SSSE3, SSE4, VMX or later"],
  [0x3a, 0x3a, "SSSE3, SSE4 or later"],
  [0x50, 0x5f, "SSE"],
  [0x60, 0x76, "MMX or SSE2"],
  [0x77, 0x77, "EMMS (MMX)"],
  [0x78, 0x79, "VMREAD or VMWRITE (VMX)"],
  [0x7c, 0x7f, "MMX or SSE"],
  [0xae, 0xae, "FXSAVE, SSE state or fences"],
  [0xb8, 0xb8, "POPCNT"],
  [0xc2, 0xc2, "SSE"],
  [0xc3, 0xc3, "MOVNTI (SSE2)"],
  [0xc4, 0xc6, "SSE"],
  [0xc7, 0xc7, "VMX, RDRAND or RDSEED"],
  [0xd0, 0xfe, "MMX or SSE2"],
];

/** Prefix bytes that may stand before an opcode. */
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

/** An opcode that is not there: its bytes in hexadecimal without prefixes, and a name. */
export interface AbsentOpcode {
  /** Such as "0f 6f". */
  opcode: string;
  /** Such as "MMX or SSE2", or "undefined". */
  name: string;
}

/** Names the opcode at the start of `bytes`, prefixes skipped. */
export function nameAbsent(bytes: Uint8Array): AbsentOpcode {
  let at = 0;
  while (at < bytes.length && PREFIXES.has(bytes[at] as number)) at++;
  const hex = (n: number) => [...bytes.subarray(at, at + n)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  const first = bytes[at] ?? 0;
  if (first !== 0x0f) {
    const name = first === 0xc4 || first === 0xc5 || first === 0x62 ? "AVX" : "undefined";
    return { opcode: hex(2), name: at > 0 && bytes[0] === 0xf0 && name === "undefined" ? "LOCK not allowed" : name };
  }
  const second = bytes[at + 1] ?? 0;
  const range = TWO_BYTE.find(([low, high]) => second >= low && second <= high);
  return { opcode: hex(2), name: range?.[2] ?? "undefined" };
}

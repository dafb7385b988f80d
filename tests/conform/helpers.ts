/** Builders of small test files, byte by byte, for the readers' and runners' tests. */

const bytesOf = (text: string) => [...Buffer.from(text, "latin1")];
const u16 = (value: number) => [value & 0xff, (value >> 8) & 0xff];
const u32 = (value: number) => [...u16(value), ...u16(value >>> 16)];

/** One MOO chunk. */
export function chunk(id: string, payload: readonly number[]): number[] {
  return [...bytesOf(id), ...u32(payload.length), ...payload];
}

/** What a MOO test says; registers by their bit in REGS or RG32. */
export interface MooTest {
  bytes: number[];
  initial: Record<number, number>;
  final: Record<number, number>;
  initialRam?: [number, number][];
  finalRam?: [number, number][];
  exception?: { vector: number; flagsAddress: number };
  mask?: Record<number, number>;
}

function registers(id: string, values: Record<number, number>, wide: boolean): number[] {
  const bits = Object.keys(values).map(Number);
  const mask = bits.reduce((sum, bit) => sum | (1 << bit), 0);
  const sorted = bits.sort((a, b) => a - b).flatMap((bit) => (wide ? u32(values[bit]!) : u16(values[bit]!)));
  return chunk(id, [...(wide ? u32(mask) : u16(mask)), ...sorted]);
}

function ram(list: readonly [number, number][]): number[] {
  return chunk("RAM ", [...u32(list.length), ...list.flatMap(([address, value]) => [...u32(address), value])]);
}

/** A MOO file; `wide` for RG32 registers. */
export function mooFile(tests: readonly MooTest[], cpu = "C286", wide = false, minor = 0): Uint8Array {
  const out = chunk("MOO ", [1, minor, 0, 0, ...u32(tests.length), ...bytesOf(cpu.padEnd(4))]);
  out.push(...chunk("META", [1, 2, 3]));
  for (const [index, test] of tests.entries()) {
    const regs = wide ? "RG32" : "REGS";
    const final = [...registers(regs, test.final, wide), ...ram(test.finalRam ?? [])];
    if (test.mask !== undefined) final.push(...registers(wide ? "RM32" : "RMSK", test.mask, wide));
    const parts = [
      ...u32(index),
      ...chunk("NAME", [...u32(4), ...bytesOf("test")]),
      ...chunk("BYTS", [...u32(test.bytes.length + 1), ...test.bytes, 0xf4]),
      ...chunk("INIT", [...registers(regs, test.initial, wide), ...ram(test.initialRam ?? [])]),
      ...chunk("FINA", final),
      ...chunk("JUNK", [1, 2, 3]),
    ];
    if (test.exception !== undefined) {
      parts.push(...chunk("EXCP", [test.exception.vector, ...u32(test.exception.flagsAddress)]));
    }
    out.push(...chunk("TEST", parts));
  }
  return Uint8Array.from(out);
}

/** REGS bits by name. */
export const R = {
  ax: 0,
  bx: 1,
  cx: 2,
  dx: 3,
  cs: 4,
  ss: 5,
  ds: 6,
  es: 7,
  sp: 8,
  bp: 9,
  si: 10,
  di: 11,
  ip: 12,
  flags: 13,
};

/** Real-mode state every test needs: everything zero but CS:IP, SS:SP and FLAGS. */
export function realState(values: Partial<Record<keyof typeof R, number>>): Record<number, number> {
  const all = {
    ax: 0,
    bx: 0,
    cx: 0,
    dx: 0,
    cs: 0x1000,
    ss: 0x2000,
    ds: 0x3000,
    es: 0x4000,
    sp: 0x100,
    bp: 0,
    si: 0,
    di: 0,
    ip: 0x10,
    flags: 2,
  };
  const merged = { ...all, ...values };
  return Object.fromEntries(Object.entries(merged).map(([name, value]) => [R[name as keyof typeof R], value]));
}

/** Code bytes and the HLT behind them at 1000:0010. */
export function codeAt(bytes: readonly number[], address = 0x10010): [number, number][] {
  return [...bytes, 0xf4].map((value, i) => [address + i, value]);
}

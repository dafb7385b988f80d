/**
 * The VM-exit instruction information of a memory operand (SDM 3C 27.2.5, tables 27-10 to 27-14): the part that all tables share.
 */
import { Cpu } from "../abi/cpu";
import { Rec, RecFlag } from "../abi/record";
import { isMemory } from "../cpu/operand";

/** Bits of the base and index fields that say "none". */
const NO_INDEX: u32 = 1 << 22;
const NO_BASE: u32 = 1 << 27;

/** What it says of a register r/m operand: that it is one, and which. */
export function registerInfo(rec: usize): u32 {
  return (1 << 10) | ((<u32>load<u8>(rec, Rec.RM) >>> 2) << 3);
}

/** The displacement of the operand of `rec`, sign-extended; 0 of a register (SDM 3C 27.2.1). */
export function displacement(rec: usize): u32 {
  if (!isMemory(rec)) return 0;
  const value = load<u32>(rec, Rec.DISP);
  return (load<u16>(rec, Rec.FLAGS) & RecFlag.ADDR16) != 0 ? <u32>(<i32>(<i16>value)) : value;
}

/** Scale, address size, segment, index and base of the memory operand of `rec`. */
export function memoryInfo(rec: usize): u32 {
  const base: u32 = load<u8>(rec, Rec.BASE);
  const index: u32 = load<u8>(rec, Rec.INDEX_REG);
  const wide: u32 = (load<u16>(rec, Rec.FLAGS) & RecFlag.ADDR16) != 0 ? 0 : 1 << 7;
  let info = <u32>load<u8>(rec, Rec.SCALE) | wide | ((<u32>load<u8>(rec, Rec.SEG)) << 15);
  info |= index == Cpu.ZERO ? NO_INDEX : (index >>> 2) << 18;
  info |= base == Cpu.ZERO ? NO_BASE : (base >>> 2) << 23;
  return info;
}

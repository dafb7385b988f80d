/**
 * What x87 instructions share: whether they may run, their memory operands, and the pointers of the last instruction.
 * SDM 1 8.1.8 (pointers), 8.7 (errors), SDM 3A 2.5 (CR0.TS, EM, MP, NE), 6.15 interrupts 7 and 16.
 *
 * An unmasked exception is reported by the next waiting instruction as #MF whatever CR0.NE is: with NE clear a PC would get
 * IRQ 13 instead, of which the core knows nothing.
 */
import { Cpu } from "../../abi/cpu";
import { Fpu, FpuStatus } from "../../abi/fpu";
import { Rec } from "../../abi/record";
import { Cr0, Seg, Vector } from "../../abi/x86";
import { checkSegment, checkWrite, loadSize, storeSize } from "../../mmu/access";
import { fromDouble, fromInteger, fromSingle } from "../../fpu/convert";
import { setDenormalSource } from "../../fpu/nan";
import { begin } from "../../fpu/state";
import { give } from "../../fpu/value";
import { alignmentChecked } from "../control";
import { faulted, raise, raiseCode } from "../fault";
import { effectiveAddress, isMemory, size } from "../operand";
import { get, segBase, selectorOf, set } from "../state";

/** True if the FPU is there; raises #NM if CR0.EM or TS. */
export function available(): bool {
  if ((get(Cpu.CR0) & (Cr0.EM | Cr0.TS)) == 0) return true;
  raise(Vector.NM);
  return false;
}

/** True unless an unmasked exception is pending, which is raised as #MF. */
export function noneWaiting(): bool {
  if ((get(Fpu.SW) & FpuStatus.ES) == 0) return true;
  raise(Vector.MF);
  return false;
}

/** Begins an instruction that waits. Returns false if it raised #NM or #MF. */
export function ready(): bool {
  if (!available() || !noneWaiting()) return false;
  begin();
  setDenormalSource(false);
  return true;
}

/** Remembers the instruction, and its memory operand if it has one, for FNSTENV. */
export function remember(rec: usize): void {
  set(Fpu.IP, load<u32>(rec, Rec.EIP));
  set(Fpu.CS, selectorOf(Seg.CS));
  set(Fpu.OPCODE, load<u32>(rec, Rec.IMM));
  if (!isMemory(rec)) return;
  set(Fpu.DP, effectiveAddress(rec));
  set(Fpu.DS, selectorOf(load<u8>(rec, Rec.SEG)));
}

/** True if an operand of 8 or 10 bytes is aligned as it must be, or need not be; raises #AC(0) otherwise. */
function aligned(seg: u32, ea: u32, bytes: u32, write: bool): bool {
  if (!alignmentChecked() || ((segBase(seg) + ea) & 7) == 0) return true;
  if (checkSegment(seg, ea, bytes, write)) raiseCode(Vector.AC, 0);
  return false;
}

/** Reads eight bytes of the memory operand, `offset` bytes into it. Faults: those of a read. */
export function load64(rec: usize, offset: u32): u64 {
  const seg: u32 = load<u8>(rec, Rec.SEG);
  const ea = effectiveAddress(rec) + offset;
  const bytes = size(rec);
  if (!aligned(seg, ea, bytes, false) || !checkSegment(seg, ea, bytes, false)) return 0;
  const low: u64 = loadSize(seg, ea, 4);
  if (faulted()) return 0;
  return low | ((<u64>loadSize(seg, ea + 4, 4)) << 32);
}

/** Reads bytes 8 and 9 of the memory operand. Faults: those of a read. */
export function loadTop(rec: usize): u32 {
  return loadSize(load<u8>(rec, Rec.SEG), effectiveAddress(rec) + 8, 2);
}

/** True if the memory operand can be written; raises the fault otherwise. */
export function writable(rec: usize): bool {
  const seg: u32 = load<u8>(rec, Rec.SEG);
  const bytes = size(rec);
  const ea = effectiveAddress(rec);
  if (bytes >= 8 && !aligned(seg, ea, bytes, true)) return false;
  return checkWrite(seg, ea, bytes);
}

/** Writes eight bytes of the memory operand. Faults: those of a write. */
export function store64(rec: usize, value: u64): void {
  const seg: u32 = load<u8>(rec, Rec.SEG);
  const ea = effectiveAddress(rec);
  storeSize(seg, ea, <u32>value, 4);
  if (!faulted()) storeSize(seg, ea + 4, <u32>(value >> 32), 4);
}

/** Writes 1, 2 or 4 bytes of the memory operand, `offset` bytes into it. Faults: those of a write. */
export function storeAt(rec: usize, offset: u32, value: u32, bytes: u32): void {
  storeSize(load<u8>(rec, Rec.SEG), effectiveAddress(rec) + offset, value, bytes);
}

/** Reads 2 or 4 bytes of the memory operand, `offset` bytes into it. Faults: those of a read. */
export function loadAt(rec: usize, offset: u32, bytes: u32): u32 {
  return loadSize(load<u8>(rec, Rec.SEG), effectiveAddress(rec) + offset, bytes);
}

/** Gives the floating-point memory operand of 4, 8 or 10 bytes, widened. Returns true if it is denormal in its own format. Faults: those of a read. */
export function giveReal(rec: usize): bool {
  switch (<i32>size(rec)) {
    case 4:
      return fromSingle(loadAt(rec, 0, 4));
    case 8:
      return fromDouble(load64(rec, 0));
    default: {
      const significand = load64(rec, 0);
      if (!faulted()) give(loadTop(rec), significand);
      return false;
    }
  }
}

/** Gives the integer memory operand of 2, 4 or 8 bytes. Faults: those of a read. */
export function giveInteger(rec: usize): void {
  switch (<i32>size(rec)) {
    case 2:
      fromInteger(<i64>(<i16>loadAt(rec, 0, 2)));
      break;
    case 4:
      fromInteger(<i64>(<i32>loadAt(rec, 0, 4)));
      break;
    default:
      fromInteger(<i64>load64(rec, 0));
  }
}

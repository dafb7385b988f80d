/**
 * x87 control: the register stack, control and status words, environment and state in memory. SDM 1 8.1.10 (layouts, figures 8-9 to
 * 8-12), SDM 2A by the names of the instructions. The images are made, or read, as a whole before anything changes.
 */
import { Cpu } from "../../abi/cpu";
import { Fpu, FpuException, FpuStatus, SELECTOR_KEPT } from "../../abi/fpu";
import { Layout } from "../../abi/layout";
import { Rec } from "../../abi/record";
import { Active } from "../../abi/vmx";
import { Cr0, Reg, Vector } from "../../abi/x86";
import { checkWrite, loadSize, storeSize } from "../../mmu/access";
import {
  free,
  initialise,
  pop,
  putSt,
  record,
  rotate,
  setControlWord,
  setStatusWord,
  setTagWord,
  statusWord,
  stHead,
  stSignificand,
  summarise,
  tagWord,
} from "../../fpu/state";
import { faulted, raise } from "../fault";
import { effectiveAddress, isMemory, size } from "../operand";
import { get, protectedMode, set, setReg16 } from "../state";
import { refused } from "../../vmx/intercept";
import { active } from "../../vmx/state";
import { available, loadAt, noneWaiting, ready, remember, storeAt } from "./x87-frame";

/** Image of an environment or a state while it is read or made: up to 108 bytes, in the temporaries. */
const IMAGE: i32 = Layout.CPU + Fpu.WIDE;
/** Bytes of the eight registers in a state image. */
const REGISTERS_BYTES: u32 = 80;
/** D9 in the opcode bits that a record keeps. */
const FROM_D9: u32 = 1;

/** WAIT. Faults: #NM if CR0.MP and TS; #MF. */
export function opWait(_rec: usize): void {
  const both = Cr0.MP | Cr0.TS;
  if ((get(Cpu.CR0) & both) == both) raise(Vector.NM);
  else noneWaiting();
}

/** FNOP, and FNENI, FNDISI and FNSETPM, which do not wait. Faults: #NM, #MF. */
export function opFnop(rec: usize): void {
  if (available() && load<u32>(rec, Rec.IMM) >>> 8 == FROM_D9) noneWaiting();
}

/** FINCSTP. Faults: #NM, #MF. */
export function opFincstp(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  rotate(1);
  record();
}

/** FDECSTP. Faults: #NM, #MF. */
export function opFdecstp(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  rotate(7);
  record();
}

/** FFREE. Faults: #NM, #MF. */
export function opFfree(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  free(load<u8>(rec, Rec.RM));
  record();
}

/** FFREEP. Faults: #NM, #MF. */
export function opFfreep(rec: usize): void {
  if (!ready()) return;
  remember(rec);
  free(load<u8>(rec, Rec.RM));
  pop();
  record();
}

/** FNINIT. Faults: #NM. */
export function opFninit(_rec: usize): void {
  if (available()) initialise();
}

/** FNCLEX. Faults: #NM. */
export function opFnclex(_rec: usize): void {
  if (!available()) return;
  set(Fpu.SW, get(Fpu.SW) & FpuStatus.CONDITIONS);
}

/** FLDCW. Faults: #NM, #MF; those of a read. */
export function opFldcw(rec: usize): void {
  if (!ready()) return;
  const value = loadAt(rec, 0, 2);
  if (!faulted()) setControlWord(value);
}

/** FNSTCW. Faults: #NM; those of a write. */
export function opFnstcw(rec: usize): void {
  if (available()) storeAt(rec, 0, get(Fpu.CW), 2);
}

/** FNSTSW. Faults: #NM; those of a write. */
export function opFnstsw(rec: usize): void {
  if (!available()) return;
  if (isMemory(rec)) storeAt(rec, 0, statusWord(), 2);
  else setReg16(Reg.EAX, statusWord());
}

/** Bytes of an environment of the operand size. */
function environmentBytes(rec: usize): u32 {
  return size(rec) == 2 ? 14 : 28;
}

/** Word `n` of an environment image: 2 or 4 bytes. */
function word(wide: bool, n: i32): u32 {
  return wide ? load<u32>(IMAGE + (n << 2)) : load<u16>(IMAGE + (n << 1));
}

/** Sets word `n` of an environment image; the upper half of a wide word is `high`. */
function setWord(wide: bool, n: i32, value: u32, high: u32): void {
  if (wide) store<u32>(IMAGE + (n << 2), value | (high << 16));
  else store<u16>(IMAGE + (n << 1), <u16>value);
}

/** Makes the image of the environment. */
function buildEnvironment(wide: bool): void {
  setWord(wide, 0, get(Fpu.CW), 0xffff);
  setWord(wide, 1, statusWord(), 0xffff);
  setWord(wide, 2, tagWord(), 0xffff);
  if (protectedMode()) {
    setWord(wide, 3, get(Fpu.IP), 0);
    setWord(wide, 4, get(Fpu.CS) & 0xffff, get(Fpu.OPCODE));
    setWord(wide, 5, get(Fpu.DP), 0);
    setWord(wide, 6, get(Fpu.DS) & 0xffff, 0xffff);
    return;
  }
  const ip = (get(Fpu.CS) << 4) + get(Fpu.IP);
  const dp = (get(Fpu.DS) << 4) + get(Fpu.DP);
  const mask: u32 = wide ? 0xffff000 : 0xf000;
  setWord(wide, 3, ip & 0xffff, 0xffff);
  setWord(wide, 4, ((ip >>> 4) & mask) | get(Fpu.OPCODE), 0);
  setWord(wide, 5, dp & 0xffff, 0xffff);
  setWord(wide, 6, (dp >>> 4) & mask, 0);
}

/** True if the segment registers are made from a guest's own. */
function runsLowered(): bool {
  return (active() & (Active.DEPRIVILEGED | Active.TRANSLATED)) == Active.DEPRIVILEGED;
}

/** Takes the environment from its image. */
function takeEnvironment(wide: bool): void {
  setControlWord(word(wide, 0));
  setStatusWord(word(wide, 1));
  setTagWord(word(wide, 2));
  if (protectedMode()) {
    const own: u32 = runsLowered() ? SELECTOR_KEPT : 0;
    set(Fpu.IP, word(wide, 3));
    set(Fpu.CS, (word(wide, 4) & 0xffff) | own);
    if (wide) set(Fpu.OPCODE, (word(wide, 4) >>> 16) & 0x7ff);
    set(Fpu.DP, word(wide, 5));
    set(Fpu.DS, (word(wide, 6) & 0xffff) | own);
    return;
  }
  const mask: u32 = wide ? 0xffff000 : 0xf000;
  set(Fpu.IP, (word(wide, 3) & 0xffff) | ((word(wide, 4) & mask) << 4));
  set(Fpu.CS, 0);
  set(Fpu.OPCODE, word(wide, 4) & 0x7ff);
  set(Fpu.DP, (word(wide, 5) & 0xffff) | ((word(wide, 6) & mask) << 4));
  set(Fpu.DS, 0);
}

/** Writes the image to memory, all of it or nothing. Faults: those of a write. */
function writeImage(rec: usize, bytes: u32): void {
  const seg: u32 = load<u8>(rec, Rec.SEG);
  const ea = effectiveAddress(rec);
  if (!checkWrite(seg, ea, bytes)) return;
  for (let at: u32 = 0; at < bytes && !faulted(); at += 2) storeSize(seg, ea + at, load<u16>(IMAGE + at), 2);
}

/** Reads the image from memory. Faults: those of a read. */
function readImage(rec: usize, bytes: u32): void {
  const seg: u32 = load<u8>(rec, Rec.SEG);
  const ea = effectiveAddress(rec);
  for (let at: u32 = 0; at < bytes && !faulted(); at += 2) store<u16>(IMAGE + at, <u16>loadSize(seg, ea + at, 2));
}

/** FLDENV. Faults: #NM, #MF; those of a read. */
export function opFldenv(rec: usize): void {
  if (!ready()) return;
  readImage(rec, environmentBytes(rec));
  if (!faulted()) takeEnvironment(size(rec) == 4);
}

/** FNSTENV: masks all exceptions afterwards. Faults: #NM; those of a write. It stores the CS of the last instruction, and so the CPL. */
export function opFnstenv(rec: usize): void {
  if (refused() || !available()) return;
  buildEnvironment(size(rec) == 4);
  writeImage(rec, environmentBytes(rec));
  if (faulted()) return;
  set(Fpu.CW, get(Fpu.CW) | FpuException.ALL);
  summarise();
}

/** FRSTOR. Faults: #NM, #MF; those of a read. */
export function opFrstor(rec: usize): void {
  if (!ready()) return;
  const bytes = environmentBytes(rec);
  readImage(rec, bytes + REGISTERS_BYTES);
  if (faulted()) return;
  takeEnvironment(size(rec) == 4);
  const valid = get(Fpu.VALID);
  for (let i: u32 = 0; i < 8; i++) {
    const at = <usize>(IMAGE + bytes + i * 10);
    putSt(i, load<u16>(at, 8), load<u64>(at));
  }
  set(Fpu.VALID, valid);
}

/** FNSAVE: FNINIT afterwards. Faults: #NM; those of a write. */
export function opFnsave(rec: usize): void {
  if (refused() || !available()) return;
  const bytes = environmentBytes(rec);
  buildEnvironment(size(rec) == 4);
  for (let i: u32 = 0; i < 8; i++) {
    const at = <usize>(IMAGE + bytes + i * 10);
    store<u64>(at, stSignificand(i));
    store<u16>(at, <u16>stHead(i), 8);
  }
  writeImage(rec, bytes + REGISTERS_BYTES);
  if (!faulted()) initialise();
}

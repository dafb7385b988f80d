/**
 * Translated code: the records of a translation unit, in which sensitive instructions are marked with what becomes of them. Everything else
 * about a unit is a block's: it is found by its address, linked, and dropped when its bytes change.
 * Invariant: a record that is marked CALL_OUT executes nothing; one that is marked INLINE does what its operation does, and is counted.
 */
import { Cpu, Mode, Stop } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Layout } from "../abi/layout";
import { Op } from "../abi/op";
import { Rec, RecFlag } from "../abi/record";
import { GUILTY_ENTRIES, Translation, Treatment } from "../abi/translation";
import { Cr0 } from "../abi/x86";
import { codeWritten } from "../mmu/code";
import { exitWithInfo } from "../vmx/exit";
import { shownCr0 } from "../vmx/intercept";
import { decode } from "./decode";
import { generic } from "./generic";
import { get } from "./state";
import { treatmentOf } from "./treatment";

/** Records that the generic function alone does not execute. */
const MARKED: u32 = RecFlag.CALL_OUT | RecFlag.INLINE;

/** Pointer to a word at Layout.TRANSLATION. */
function word(field: i32): usize {
  return <usize>(Layout.TRANSLATION + field);
}

/** Adds `n` to a counter. */
function add(counter: i32, n: u32): void {
  store<u64>(word(counter), load<u64>(word(counter)) + n);
}

/** Place of machine address `ma` among those found guilty. */
function place(ma: u32): usize {
  return word(Translation.GUILTY) + ((ma & (GUILTY_ENTRIES - 1)) << 2);
}

/** decode(), and for translated code the mark. */
export function decodeFor(rec: usize, bytes: usize, available: i32, eip: u32, mode: u32): i32 {
  const length = decode(rec, bytes, available, eip, mode);
  if (length == 0 || (mode & Mode.TRANSLATED) == 0) return length;
  let flags: u32 = load<u16>(rec, Rec.FLAGS);
  const treatment = treatmentOf(load<u8>(rec, Rec.OP));
  const ma = <u32>bytes - get(Cpu.RAM_PTR);
  if (treatment == Treatment.INLINE || isCr0Write(rec)) flags |= RecFlag.INLINE;
  else if (treatment == Treatment.CALL_OUT || load<u32>(place(ma)) == ma) flags |= RecFlag.CALL_OUT | RecFlag.ENDS;
  store<u16>(rec, <u16>flags, Rec.FLAGS);
  return length;
}

/** True for MOV CR0, r32. */
function isCr0Write(rec: usize): bool {
  return load<u8>(rec, Rec.OP) == Op.MOV_TO_CR && load<u8>(rec, Rec.REG) == 0;
}

/** True if MOV CR0, r32 changes what only x87 instructions look at: kernels do so at each switch of processes. */
function changesFpuOnly(rec: usize): bool {
  const value = load<u32>(<usize>(Layout.CPU + load<u8>(rec, Rec.RM)));
  // What the processor itself would refuse is for interpretation: paging is on here whatever the guest says.
  const shown = shownCr0();
  return (shown & Cr0.PE) != 0 && ((value ^ shown) & ~(Cr0.TS | Cr0.MP | Cr0.EM)) == 0;
}

/** Executes the instruction in `rec`, marked or not. */
export function perform(rec: usize): void {
  const marks = load<u16>(rec, Rec.FLAGS) & MARKED;
  if (marks == 0) {
    generic(rec);
    return;
  }
  const op: u32 = load<u8>(rec, Rec.OP);
  if ((marks & RecFlag.CALL_OUT) != 0 || (isCr0Write(rec) && !changesFpuOnly(rec))) {
    exitWithInfo(rec, ExitReason.CALL_OUT, op, <u32>rec);
    return;
  }
  generic(rec);
  if ((get(Cpu.STOP) & Stop.FAULT) == 0) add(Translation.EXECUTED + (op << 3), 1);
}

/** Counts the unit with the records from `first` to `end`. */
export function countUnit(first: usize, end: usize): void {
  add(Translation.UNITS, 1);
  for (let rec = first; rec < end; rec += Rec.BYTES) {
    const flags: u32 = load<u16>(rec, Rec.FLAGS);
    if ((flags & RecFlag.CALL_OUT) != 0) add(Translation.CALL_OUT, 1);
    else add((flags & RecFlag.INLINE) != 0 ? Translation.INLINE : Translation.IDENT, 1);
  }
}

/** Counts that control looks for a unit. */
export function countLookup(): void {
  add(Translation.LOOKUPS, 1);
}

/**
 * The instruction at machine address `ma` calls out from now on (`guilty` 1), or is translated by its operation again (0): its unit is
 * made anew. Returns 0 if its place is taken by another.
 */
export function judge(ma: u32, guilty: u32): u32 {
  const at = place(ma);
  const there = load<u32>(at);
  if (guilty != 0 ? there != 0 && there != ma : there != ma) return 0;
  store<u32>(at, guilty != 0 ? ma : 0);
  codeWritten(<usize>(get(Cpu.RAM_PTR) + ma), 1);
  return 1;
}

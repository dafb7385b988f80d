/**
 * What all string instructions share: index registers, direction, and the REP loop (SDM 2B "REP").
 *
 *   let left = beginRepeat(rec);
 *   while (left != 0) {
 *     ... one iteration: load, store; if (faulted()) return;
 *     advanceSource(rec, 1); advanceDestination(rec, 1);
 *     left = countDown(rec, left, 1);
 *   }
 *   endRepeat(rec);
 *
 * Invariant: after each countDown() the registers describe the iterations done, so that a fault or an event in the middle restarts
 * the instruction with the rest. One execution makes at most REPEAT_SLICE iterations, one if debug traps are armed;
 * with iterations left it stays at its own EIP and does not retire.
 */
import { Attention, Cpu, Stop } from "../../abi/cpu";
import { Rec, RecFlag } from "../../abi/record";
import { Eflags, Reg } from "../../abi/x86";
import { repeatLater } from "../control";
import { size } from "../operand";
import { get, segBase, set } from "../state";
import { registerOf, setRegisterOf } from "./width";

/**
 * Most iterations of one execution of a repeated instruction, a power of two: events are looked at between executions. An
 * execution ends where the count register is a multiple of it, so that pauses do not depend on where others were.
 */
const REPEAT_SLICE: u32 = 4096;

/** True if F2 or F3 stands before the instruction. Both repeat; they differ for CMPS and SCAS only. */
function repeated(rec: usize): bool {
  return (load<u16>(rec, Rec.FLAGS) & (RecFlag.REP | RecFlag.REPNE)) != 0;
}

/** Width in bytes of (E)SI, (E)DI and (E)CX: the address size. */
export function indexBytes(rec: usize): u32 {
  return (load<u16>(rec, Rec.FLAGS) & RecFlag.ADDR16) != 0 ? 2 : 4;
}

/** Offset of the source: (E)SI. */
export function sourceIndex(rec: usize): u32 {
  return registerOf(Reg.ESI, indexBytes(rec));
}

/** Offset of the destination in ES: (E)DI. */
export function destinationIndex(rec: usize): u32 {
  return registerOf(Reg.EDI, indexBytes(rec));
}

/** True if string instructions count down. */
export function backward(): bool {
  return (get(Cpu.EFLAGS) & Eflags.DF) != 0;
}

/** `index` moved by `elements` elements in the direction of DF. */
function moved(rec: usize, index: u32, elements: u32): u32 {
  const distance = elements * size(rec);
  return backward() ? index - distance : index + distance;
}

/** Moves (E)SI by `elements` elements. */
export function advanceSource(rec: usize, elements: u32): void {
  setRegisterOf(Reg.ESI, moved(rec, sourceIndex(rec), elements), indexBytes(rec));
}

/** Moves (E)DI by `elements` elements. */
export function advanceDestination(rec: usize, elements: u32): void {
  setRegisterOf(Reg.EDI, moved(rec, destinationIndex(rec), elements), indexBytes(rec));
}

/** True if every iteration is looked at by itself. */
function watched(): bool {
  return (get(Cpu.ATTENTION) & (Attention.SINGLE_STEP | Attention.BREAKPOINTS | Attention.TRAP_FLAG)) != 0;
}

/** Iterations to make in this execution; 0 if the count register is zero. */
export function beginRepeat(rec: usize): u32 {
  if (!repeated(rec)) return 1;
  const count = registerOf(Reg.ECX, indexBytes(rec));
  if (count == 0) return 0;
  return watched() ? 1 : ((count - 1) & (REPEAT_SLICE - 1)) + 1;
}

/** Counts `done` iterations. Returns how many of `left` are still to make: none if one of them needs run() to look at something. */
export function countDown(rec: usize, left: u32, done: u32): u32 {
  if (!repeated(rec)) return 0;
  const bytes = indexBytes(rec);
  setRegisterOf(Reg.ECX, registerOf(Reg.ECX, bytes) - done, bytes);
  return (get(Cpu.STOP) & (Stop.HOST | Stop.EXIT | Stop.SWITCHED)) != 0 ? 0 : left - done;
}

/** Ends an execution: with iterations left, the instruction is not finished. A pause only because the host asked takes no tick. */
export function endRepeat(rec: usize): void {
  if (!repeated(rec)) return;
  const count = registerOf(Reg.ECX, indexBytes(rec));
  if (count == 0) return;
  set(Cpu.EIP, load<u32>(rec, Rec.EIP));
  const due = (count & (REPEAT_SLICE - 1)) == 0 || (get(Cpu.STOP) & (Stop.EXIT | Stop.SWITCHED)) != 0 || watched();
  repeatLater();
  if (!due) set(Cpu.STOP, get(Cpu.STOP) | Stop.UNTIMED);
}

/**
 * How many of the next `left` elements from `at` in segment `seg` lie whole in the page of the first, without a wrap of the index.
 * 0: the first crosses into another page.
 */
export function elementsInPage(rec: usize, seg: u32, at: u32, left: u32): u32 {
  const bytes = size(rec);
  const inPage = (segBase(seg) + at) & 0xfff;
  let room: u32;
  if (backward()) {
    if (inPage + bytes > 0x1000) return 0;
    room = (at < inPage ? at : inPage) / bytes + 1;
  } else {
    room = (0x1000 - inPage) / bytes;
    const toWrap: u32 = indexBytes(rec) == 2 ? (0x10000 - at) / bytes : room;
    if (toWrap < room) room = toWrap;
  }
  return room < left ? room : left;
}

/** Lowest offset of `elements` elements of which the first lies at `at`. */
export function lowest(rec: usize, at: u32, elements: u32): u32 {
  return backward() ? at - (elements - 1) * size(rec) : at;
}

/**
 * String instructions on memory: SDM 2A/2B "MOVS", "CMPS", "STOS", "LODS", "SCAS". The source is in DS or the overriding segment, the
 * destination always in ES. Runs of elements inside one page of plain RAM go through pointers; everything else goes
 * element by element, with the same result.
 */
import { Op } from "../../abi/op";
import { Rec, RecFlag } from "../../abi/record";
import { Reg, Seg } from "../../abi/x86";
import { directRead, directWrite, loadSize, storeSize } from "../../mmu/access";
import { faulted } from "../fault";
import { size } from "../operand";
import { reg32, setReg32 } from "../state";
import {
  advanceDestination,
  advanceSource,
  backward,
  beginRepeat,
  countDown,
  destinationIndex,
  elementsInPage,
  endRepeat,
  lowest,
  sourceIndex,
} from "./repeat";
import { flagsSubOf, registerOf, setRegisterOf } from "./width";

/** Shortest run worth looking for pointers. */
const RUN_MIN: u32 = 2;

/** The element of `bytes` bytes at a pointer. */
function element(ptr: usize, bytes: u32): u32 {
  if (bytes == 4) return load<u32>(ptr);
  return bytes == 2 ? load<u16>(ptr) : load<u8>(ptr);
}

/** Sets the element of `bytes` bytes at a pointer. */
function setElement(ptr: usize, value: u32, bytes: u32): void {
  if (bytes == 4) store<u32>(ptr, value);
  else if (bytes == 2) store<u16>(ptr, <u16>value);
  else store<u8>(ptr, <u8>value);
}

/** Copies `elements` elements between pointers to the lowest of them, in the order of DF: overlaps show the order. */
function copyElements(to: usize, from: usize, elements: u32, bytes: u32): void {
  const total = elements * bytes;
  const down = backward();
  const apart = to + total <= from || from + total <= to;
  if (apart || (down ? to >= from : to <= from)) {
    memory.copy(to, from, total);
    return;
  }
  for (let i: u32 = 0; i < elements; i++) {
    const at = (down ? elements - 1 - i : i) * bytes;
    setElement(to + at, element(from + at, bytes), bytes);
  }
}

/** Sets `elements` elements from `to` up to `value`. */
function fillElements(to: usize, value: u32, elements: u32, bytes: u32): void {
  const low = value & 0xff;
  const uniform = bytes == 1 || value == low * (bytes == 2 ? 0x101 : 0x01010101);
  if (uniform) {
    memory.fill(to, <u8>low, elements * bytes);
    return;
  }
  for (let i: u32 = 0; i < elements; i++) setElement(to + i * bytes, value, bytes);
}

/** Moves as many of `left` elements as pointers allow. Returns how many; registers are not changed. */
function moveRun(rec: usize, left: u32): u32 {
  const seg = load<u8>(rec, Rec.SEG);
  const bytes = size(rec);
  const si = sourceIndex(rec);
  const di = destinationIndex(rec);
  const run = elementsInPage(rec, Seg.ES, di, elementsInPage(rec, seg, si, left));
  if (run < RUN_MIN) return 0;
  const to = directWrite(Seg.ES, lowest(rec, di, run), run * bytes);
  if (to == 0) return 0;
  const from = directRead(seg, lowest(rec, si, run), run * bytes);
  if (from == 0) return 0;
  copyElements(to, from, run, bytes);
  return run;
}

/** MOVS: ES:[DI] = [SI]. */
export function opMovs(rec: usize): void {
  const seg = load<u8>(rec, Rec.SEG);
  const bytes = size(rec);
  let left = beginRepeat(rec);
  while (left != 0) {
    let done: u32 = left < RUN_MIN ? 0 : moveRun(rec, left);
    if (done == 0) {
      const value = loadSize(seg, sourceIndex(rec), bytes);
      if (faulted()) return;
      storeSize(Seg.ES, destinationIndex(rec), value, bytes);
      if (faulted()) return;
      done = 1;
    }
    advanceSource(rec, done);
    advanceDestination(rec, done);
    left = countDown(rec, left, done);
  }
  endRepeat(rec);
}

/** Stores as many of `left` elements as a pointer allows. Returns how many; registers are not changed. */
function fillRun(rec: usize, left: u32, value: u32): u32 {
  const bytes = size(rec);
  const di = destinationIndex(rec);
  const run = elementsInPage(rec, Seg.ES, di, left);
  if (run < RUN_MIN) return 0;
  const to = directWrite(Seg.ES, lowest(rec, di, run), run * bytes);
  if (to == 0) return 0;
  fillElements(to, value, run, bytes);
  return run;
}

/** STOS: ES:[DI] = accumulator. */
export function opStos(rec: usize): void {
  const bytes = size(rec);
  const value = registerOf(Reg.EAX, bytes);
  let left = beginRepeat(rec);
  while (left != 0) {
    let done: u32 = left < RUN_MIN ? 0 : fillRun(rec, left, value);
    if (done == 0) {
      storeSize(Seg.ES, destinationIndex(rec), value, bytes);
      if (faulted()) return;
      done = 1;
    }
    advanceDestination(rec, done);
    left = countDown(rec, left, done);
  }
  endRepeat(rec);
}

/**
 * For regions, where nothing calls for attention: a repeated MOVS or STOS with 32-bit addresses, if all elements of an operand lie in one
 * page and pointers allow it. 0: nothing has been done.
 */
export function repeatInRegion(rec: usize): u32 {
  const left = reg32(Reg.ECX);
  if (left == 0) return 1;
  const bytes = size(rec);
  const di = destinationIndex(rec);
  if (elementsInPage(rec, Seg.ES, di, left) != left) return 0;
  const to = directWrite(Seg.ES, lowest(rec, di, left), left * bytes);
  if (to == 0) return 0;
  if (load<u8>(rec, Rec.OP) == Op.MOVS) {
    const seg = load<u8>(rec, Rec.SEG);
    const si = sourceIndex(rec);
    if (elementsInPage(rec, seg, si, left) != left) return 0;
    const from = directRead(seg, lowest(rec, si, left), left * bytes);
    if (from == 0) return 0;
    copyElements(to, from, left, bytes);
    advanceSource(rec, left);
  } else fillElements(to, registerOf(Reg.EAX, bytes), left, bytes);
  advanceDestination(rec, left);
  setReg32(Reg.ECX, 0);
  return 1;
}

/** LODS: accumulator = [SI]. */
export function opLods(rec: usize): void {
  const seg = load<u8>(rec, Rec.SEG);
  const bytes = size(rec);
  let left = beginRepeat(rec);
  while (left != 0) {
    const value = loadSize(seg, sourceIndex(rec), bytes);
    if (faulted()) return;
    setRegisterOf(Reg.EAX, value, bytes);
    advanceSource(rec, 1);
    left = countDown(rec, left, 1);
  }
  endRepeat(rec);
}

/** True if a repeated comparison goes on after two elements that are `equal`. */
function goesOn(rec: usize, equal: bool): bool {
  const flags = load<u16>(rec, Rec.FLAGS);
  return (flags & RecFlag.REP) != 0 ? equal : (flags & RecFlag.REPNE) != 0 && !equal;
}

/** Elements from `at` that a repeated SCAS passes through a pointer before one that may end it. Raises nothing. */
function scanRun(rec: usize, left: u32, value: u32): u32 {
  const bytes = size(rec);
  const di = destinationIndex(rec);
  const run = elementsInPage(rec, Seg.ES, di, left);
  if (run < RUN_MIN) return 0;
  const low = directRead(Seg.ES, lowest(rec, di, run), run * bytes);
  if (low == 0) return 0;
  const step: u32 = backward() ? 0 - bytes : bytes;
  let ptr = backward() ? low + (run - 1) * bytes : low;
  const whileEqual = goesOn(rec, true);
  let passed: u32 = 0;
  while (passed < run - 1 && (element(ptr, bytes) == value) == whileEqual) {
    ptr += step;
    passed++;
  }
  return passed;
}

/** SCAS: flags of accumulator - ES:[DI]. A fault in the middle of a repetition leaves the flags as they were (SDM 2B "REP"). */
export function opScas(rec: usize): void {
  const bytes = size(rec);
  const a = registerOf(Reg.EAX, bytes);
  let left = beginRepeat(rec);
  if (left == 0) return;
  let b: u32 = 0;
  let ended = false;
  while (left != 0 && !ended) {
    const passed: u32 = left < RUN_MIN ? 0 : scanRun(rec, left, a);
    if (passed != 0) {
      advanceDestination(rec, passed);
      left = countDown(rec, left, passed);
    }
    b = loadSize(Seg.ES, destinationIndex(rec), bytes);
    if (faulted()) return;
    advanceDestination(rec, 1);
    left = countDown(rec, left, 1);
    ended = !goesOn(rec, a == b);
  }
  flagsSubOf(a, b, a - b, bytes);
  if (!ended) endRepeat(rec);
}

/** Elements that a repeated CMPS passes through pointers before a pair that may end it. Raises nothing. */
function compareRun(rec: usize, left: u32): u32 {
  const seg = load<u8>(rec, Rec.SEG);
  const bytes = size(rec);
  const si = sourceIndex(rec);
  const di = destinationIndex(rec);
  const run = elementsInPage(rec, Seg.ES, di, elementsInPage(rec, seg, si, left));
  if (run < RUN_MIN) return 0;
  let a = directRead(seg, lowest(rec, si, run), run * bytes);
  let b = directRead(Seg.ES, lowest(rec, di, run), run * bytes);
  if (a == 0 || b == 0) return 0;
  const step: u32 = backward() ? 0 - bytes : bytes;
  if (backward()) {
    a += (run - 1) * bytes;
    b += (run - 1) * bytes;
  }
  const whileEqual = goesOn(rec, true);
  let passed: u32 = 0;
  while (passed < run - 1 && (element(a, bytes) == element(b, bytes)) == whileEqual) {
    a += step;
    b += step;
    passed++;
  }
  return passed;
}

/**
 * CMPS: flags of [SI] - ES:[DI]. The destination is read first, as its faults come first. A fault in the middle of a repetition
 * leaves the flags as they were (SDM 2B "REP").
 */
export function opCmps(rec: usize): void {
  const seg = load<u8>(rec, Rec.SEG);
  const bytes = size(rec);
  let left = beginRepeat(rec);
  if (left == 0) return;
  let a: u32 = 0;
  let b: u32 = 0;
  let ended = false;
  while (left != 0 && !ended) {
    const passed: u32 = left < RUN_MIN ? 0 : compareRun(rec, left);
    if (passed != 0) {
      advanceSource(rec, passed);
      advanceDestination(rec, passed);
      left = countDown(rec, left, passed);
    }
    b = loadSize(Seg.ES, destinationIndex(rec), bytes);
    if (faulted()) return;
    a = loadSize(seg, sourceIndex(rec), bytes);
    if (faulted()) return;
    advanceSource(rec, 1);
    advanceDestination(rec, 1);
    left = countDown(rec, left, 1);
    ended = !goesOn(rec, a == b);
  }
  flagsSubOf(a, b, a - b, bytes);
  if (!ended) endRepeat(rec);
}

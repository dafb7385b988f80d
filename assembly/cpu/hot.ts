/**
 * Building blocks of the hot forms in execute.ts: operand fields, the one-compare memory check, and arithmetic with flags.
 * Functions here make no calls, so that the optimiser inlines them into the switch; where the compare fails, the case falls back
 * on the operation's generic function, which does everything.
 */
import { Cpu, SegCache } from "../abi/cpu";
import { Layout, TLB_ENTRIES, Tlb } from "../abi/layout";
import { Block, Rec } from "../abi/record";
import { Reg, Seg } from "../abi/x86";
import { flagsAdd, flagsLogic, flagsSub, setFlags } from "./flags";

/** The r/m register. */
export function rm<T>(rec: usize): u32 {
  return <u32>load<T>(Layout.CPU + load<u8>(rec, Rec.RM));
}

/** Sets the r/m register. */
export function setRm<T>(rec: usize, value: u32): void {
  store<T>(Layout.CPU + load<u8>(rec, Rec.RM), <T>value);
}

/** The register operand. */
export function reg<T>(rec: usize): u32 {
  return <u32>load<T>(Layout.CPU + load<u8>(rec, Rec.REG));
}

/** Sets the register operand. */
export function setReg<T>(rec: usize, value: u32): void {
  store<T>(Layout.CPU + load<u8>(rec, Rec.REG), <T>value);
}

/** The immediate. */
export function imm<T>(rec: usize): u32 {
  return <u32>load<T>(rec, Rec.IMM);
}

/** Offset of the memory operand. */
export function ea(rec: usize): u32 {
  return (
    (load<u32>(Layout.CPU + load<u8>(rec, Rec.BASE)) +
      (load<u32>(Layout.CPU + load<u8>(rec, Rec.INDEX_REG)) << load<u8>(rec, Rec.SCALE)) +
      load<u32>(rec, Rec.DISP)) &
    load<u32>(rec, Rec.LINK)
  );
}

/** Pointer for T at offset `at` of the segment cache `cache`, or 0 unless one TLB entry with tag field `tag` vouches for it. */
function vouched<T>(cache: usize, at: u32, max: u32, tag: u32): usize {
  const lin = at + load<u32>(cache, SegCache.BASE);
  const entry = <usize>(Layout.TLB + (((lin >>> 12) & (TLB_ENTRIES - 1)) << 4));
  const wanted = ((lin + (sizeof<T>() - 1)) & 0xfffff000) | load<u32>(Layout.CPU, Cpu.CONTEXT);
  return at < max && load<u32>(entry + tag) == wanted ? <usize>(lin + load<u32>(entry, Tlb.DELTA)) : 0;
}

/** Pointer to the memory operand if it may be read without further checks, else 0. */
export function readPtr<T>(rec: usize): usize {
  const cache = <usize>(Layout.CPU + Cpu.SEGS + ((<u32>load<u8>(rec, Rec.SEG)) << 5));
  return vouched<T>(cache, ea(rec), load<u32>(cache, SegCache.READ_MAX), Tlb.READ);
}

/** Pointer to the memory operand if it may be written without further checks, else 0. */
export function writePtr<T>(rec: usize): usize {
  const cache = <usize>(Layout.CPU + Cpu.SEGS + ((<u32>load<u8>(rec, Rec.SEG)) << 5));
  return vouched<T>(cache, ea(rec), load<u32>(cache, SegCache.WRITE_MAX), Tlb.WRITE);
}

/** What openAddress() returns for operands that need more than the TLB. */
export const CLOSED: u32 = 0xffffffff;

/**
 * Linear address of the memory operand if its segment calls for no check and four bytes there lie in one page, so that all that
 * readPtr() or writePtr() can want is a TLB entry; else CLOSED.
 */
export function openAddress(rec: usize, write: bool): u32 {
  const cache = <usize>(Layout.CPU + Cpu.SEGS + ((<u32>load<u8>(rec, Rec.SEG)) << 5));
  const at = ea(rec);
  const max = write ? load<u32>(cache, SegCache.WRITE_MAX) : load<u32>(cache, SegCache.READ_MAX);
  const lin = at + load<u32>(cache, SegCache.BASE);
  return at < max && (lin & 0xfff) <= 0xffc ? lin : CLOSED;
}

/** True if the TLB vouches for accesses of kind `access` (Access) to the page of `lin` at the current privilege. */
export function holds(lin: u32, access: u32): bool {
  const entry = <usize>(Layout.TLB + (((lin >>> 12) & (TLB_ENTRIES - 1)) << 4));
  return load<u32>(entry + (access << 2)) == ((lin & 0xfffff000) | load<u32>(Layout.CPU, Cpu.CONTEXT));
}

/** Pointer to the stack word at `at` if it may be read without further checks, else 0. */
export function stackReadPtr(at: u32): usize {
  const cache = <usize>(Layout.CPU + Cpu.SEGS + Seg.SS * SegCache.SIZE);
  return vouched<u32>(cache, at, load<u32>(cache, SegCache.READ_MAX), Tlb.READ);
}

/** Pointer to the stack word at `at` if it may be written without further checks, else 0. */
export function stackWritePtr(at: u32): usize {
  const cache = <usize>(Layout.CPU + Cpu.SEGS + Seg.SS * SegCache.SIZE);
  return vouched<u32>(cache, at, load<u32>(cache, SegCache.WRITE_MAX), Tlb.WRITE);
}

/** ESP. */
export function esp(): u32 {
  return load<u32>(Layout.CPU, Reg.ESP << 2);
}

/** Sets ESP. */
export function setEsp(value: u32): void {
  store<u32>(Layout.CPU, value, Reg.ESP << 2);
}

/** True if `block` is what EIP `target` leads to now: alive, same mode, and the TLB maps its page there. */
export function leadsTo(block: usize, target: u32): bool {
  if (block == 0) return false;
  const lin = target + load<u32>(Layout.CPU, Cpu.SEGS + Seg.CS * SegCache.SIZE + SegCache.BASE);
  const entry = <usize>(Layout.TLB + (((lin >>> 12) & (TLB_ENTRIES - 1)) << 4));
  return (
    load<u32>(block, Block.EIP) == target &&
    load<u32>(entry, Tlb.EXECUTE) == ((lin & 0xfffff000) | load<u32>(Layout.CPU, Cpu.CONTEXT)) &&
    lin + load<u32>(entry, Tlb.DELTA) - load<u32>(Layout.CPU, Cpu.RAM_PTR) == load<u32>(block, Block.MA) &&
    load<u32>(block, Block.MODE) == load<u32>(Layout.CPU, Cpu.MODE)
  );
}

/** a + b with flags. */
export function add<T>(a: u32, b: u32): u32 {
  const r = a + b;
  flagsAdd<T>(a, b, r);
  return r;
}

/** a - b with flags. */
export function sub<T>(a: u32, b: u32): u32 {
  const r = a - b;
  flagsSub<T>(a, b, r);
  return r;
}

/** a + b + CF with flags. */
export function adc<T>(a: u32, b: u32): u32 {
  const r = a + b + (load<u32>(Layout.CPU, Cpu.FLAG_AUX) >>> 31);
  flagsAdd<T>(a, b, r);
  return r;
}

/** a - b - CF with flags. */
export function sbb<T>(a: u32, b: u32): u32 {
  const r = a - b - (load<u32>(Layout.CPU, Cpu.FLAG_AUX) >>> 31);
  flagsSub<T>(a, b, r);
  return r;
}

/** a & b with flags. */
export function and<T>(a: u32, b: u32): u32 {
  const r = a & b;
  flagsLogic<T>(r);
  return r;
}

/** a | b with flags. */
export function or<T>(a: u32, b: u32): u32 {
  const r = a | b;
  flagsLogic<T>(r);
  return r;
}

/** a ^ b with flags. */
export function xor<T>(a: u32, b: u32): u32 {
  const r = a ^ b;
  flagsLogic<T>(r);
  return r;
}

/** a + 1 with flags, CF kept. */
export function inc32(a: u32): u32 {
  const r = a + 1;
  keepCarry(r, r == 0x80000000 ? 0x40000000 : 0, (r & 15) == 0 ? 8 : 0);
  return r;
}

/** a - 1 with flags, CF kept. */
export function dec32(a: u32): u32 {
  const r = a - 1;
  keepCarry(r, a == 0x80000000 ? 0x40000000 : 0, (a & 15) == 0 ? 8 : 0);
  return r;
}

/** Flags of a result with CF kept; `ovf` and `af` at their places in the carry vector. */
function keepCarry(r: u32, ovf: u32, af: u32): void {
  const cf = <i32>load<u32>(Layout.CPU, Cpu.FLAG_AUX) >> 31;
  store<u32>(Layout.CPU, r, Cpu.FLAG_RESULT);
  store<u32>(Layout.CPU, ((<u32>cf & 0xc0000000) ^ ovf) | af, Cpu.FLAG_AUX);
}

/** a << n with flags, 1 <= n <= 31. OF is the exclusive or of CF and the new sign, as for n = 1. */
export function shl32(a: u32, n: u32): u32 {
  const r = a << n;
  const cf = (a << (n - 1)) & 0x80000000;
  setFlags<u32>(r, cf | ((r >>> 1) & 0x40000000));
  return r;
}

/** a >>> n with flags, 1 <= n <= 31. OF is the sign of the operand shifted n - 1, as for n = 1. */
export function shr32(a: u32, n: u32): u32 {
  const before = a >>> (n - 1);
  const r = before >>> 1;
  const ovf = before & 0x80000000;
  const cf = before << 31;
  setFlags<u32>(r, cf | (((cf ^ ovf) >>> 1) & 0x40000000));
  return r;
}

/** a >> n with flags, 1 <= n <= 31. OF is zero. */
export function sar32(a: u32, n: u32): u32 {
  const before = <u32>(<i32>a >> (n - 1));
  const r = <u32>(<i32>before >> 1);
  const cf = before << 31;
  setFlags<u32>(r, cf | (cf >>> 1));
  return r;
}

/**
 * The interpreter: runs blocks of records through one switch. Every case is a hot form of a line or two, made of the pieces in
 * hot.ts; a hot form whose one compare fails, and everything else, goes to generic.ts, which holds the meaning. No logic lives here.
 *
 * `continue` skips the look at Cpu.STOP, where nothing can have set it. `slot` says how the block's last instruction goes on.
 */
import { Cpu, Mode } from "../abi/cpu";
import { Handler } from "../abi/handler";
import { Layout } from "../abi/layout";
import { BLOCK_DEAD, Block, Rec } from "../abi/record";
import { Access, Reg } from "../abi/x86";
import { translate } from "../mmu/tlb";
import { findBlock, LONE_BLOCK, linkBlock, unlink } from "./block";
import { condition, flagsResult, carry, overflow, parity, sign, zero } from "./flags";
import { generic } from "./generic";
import {
  adc,
  add,
  and,
  CLOSED,
  dec32,
  ea,
  esp,
  holds,
  imm,
  inc32,
  leadsTo,
  openAddress,
  or,
  readPtr,
  reg,
  rm,
  sar32,
  sbb,
} from "./hot";
import { setEsp, setReg, setRm, shl32, shr32, stackReadPtr, stackWritePtr, sub, writePtr, xor } from "./hot";
import { conditionCode, nextEip } from "./operand";
import { heated, runRegion } from "./region";
import { resume } from "./resume";
import { settle } from "./single";
import { perform } from "./translated";
import { get, set } from "./state";

/** How a block goes on: along no link, so look the next one up. */
const LOOK_UP: i32 = 0;
/** How a block goes on: `block` is already the next one. */
const FOUND: i32 = -1;

/** Follows an unlinked branch: sets EIP and finds the block there. 0: the fetch raised a fault. */
function follow(rec: usize, slot: i32): usize {
  set(Cpu.RECORD, <u32>rec);
  set(Cpu.EIP, slot == Rec.LINK ? load<u32>(rec, Rec.IMM) : nextEip(rec));
  set(Cpu.GIVEN, 0);
  return linkBlock(rec, slot);
}

/** Finds the block at EIP after an indirect branch and remembers it in the record. 0: the fetch raised a fault. */
function followIndirect(rec: usize): usize {
  const generation = get(Cpu.DECODE_GENERATION);
  set(Cpu.GIVEN, 0);
  const block = findBlock();
  if (generation == get(Cpu.DECODE_GENERATION)) store<u32>(rec, <u32>block, Rec.LINK);
  return block;
}

/** Finds the block at EIP after a system instruction: the one in the record's field `slot` if it is still that. 0: as findBlock(). */
function lookAgain(rec: usize, slot: i32): usize {
  const last = <usize>load<u32>(rec + slot);
  if (leadsTo(last, get(Cpu.EIP)) && load<u32>(last, Block.COUNT) != BLOCK_DEAD) return last;
  const generation = get(Cpu.DECODE_GENERATION);
  set(Cpu.GIVEN, 0);
  const block = findBlock();
  const limited = (get(Cpu.MODE) & Mode.LIMITED) != 0;
  if (generation == get(Cpu.DECODE_GENERATION) && !limited) store<u32>(rec + slot, <u32>block);
  return block;
}

/**
 * A hot form with one memory operand found no pointer. If only the TLB entry was missing it is filled, or the #PF raised; the result is
 * the record in front, so that the loop comes to the hot form again. Everything else, such as a store to a page that can only be read
 * so far, is done by the generic function.
 */
function missed(rec: usize, access: u32): usize {
  const lin = openAddress(rec, access == Access.WRITE);
  if (lin != CLOSED && !holds(lin, Access.READ)) {
    const ptr = translate(lin, access, get(Cpu.CPL) == 3 ? 1 : 0);
    if (ptr == 0) return rec;
    // The walk may have set an accessed flag in a page with decoded code: then this instruction is the last of the block that runs.
    if (get(Cpu.STOP) == 0 && holds(lin, access)) return rec - Rec.BYTES;
  }
  generic(rec);
  return rec;
}

/** Finds the block at EIP. 0: the fetch raised a fault. */
function lookUp(): usize {
  set(Cpu.GIVEN, 0);
  return findBlock();
}

/**
 * Runs blocks from `block` on until the slice cannot take the next one, ATTENTION or STOP is set, or a fetch faults.
 * Leaves EIP at the next instruction, or at the faulting one with Stop.FAULT.
 */
export function execute(first: usize): void {
  let block = first;
  let rec: usize = 0;
  for (;;) {
    const given = load<i32>(block, Block.COUNT);
    const left = load<i32>(Layout.CPU, Cpu.LEFT) - given;
    if (left < 0 || (load<u32>(Layout.CPU, Cpu.ATTENTION) != 0 && block != LONE_BLOCK)) {
      set(Cpu.GIVEN, 0);
      set(Cpu.EIP, load<u32>(block, Block.EIP));
      if (given == BLOCK_DEAD && rec != 0) unlink(rec, block);
      return;
    }
    store<i32>(Layout.CPU, left, Cpu.LEFT);
    store<i32>(Layout.CPU, given, Cpu.GIVEN);
    const heat = load<i32>(block, Block.HEAT) - given;
    store<i32>(block, heat, Block.HEAT);
    if (heat < 0) heated(block);
    const end = <usize>load<u32>(block, Block.END);
    let slot = LOOK_UP;
    let p: usize = 0;
    let from: usize = 0;
    let value: u32 = 0;
    let target: u32 = 0;
    for (rec = block + Block.RECORDS; rec != end; rec += Rec.BYTES) {
      // biome-ignore format: the cases are a table
      switch (<i32>load<u16>(rec)) {
        case Handler.ADD32_RR: setRm<u32>(rec, add<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.ADD32_RI: setRm<u32>(rec, add<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.ADD32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, add<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.ADD32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>add<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.ADD32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>add<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.OR32_RR: setRm<u32>(rec, or<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.OR32_RI: setRm<u32>(rec, or<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.OR32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, or<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.OR32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>or<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.OR32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>or<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.ADC32_RR: setRm<u32>(rec, adc<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.ADC32_RI: setRm<u32>(rec, adc<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.ADC32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, adc<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.ADC32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>adc<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.ADC32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>adc<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SBB32_RR: setRm<u32>(rec, sbb<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.SBB32_RI: setRm<u32>(rec, sbb<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.SBB32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, sbb<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.SBB32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>sbb<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SBB32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>sbb<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.AND32_RR: setRm<u32>(rec, and<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.AND32_RI: setRm<u32>(rec, and<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.AND32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, and<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.AND32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>and<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.AND32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>and<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SUB32_RR: setRm<u32>(rec, sub<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.SUB32_RI: setRm<u32>(rec, sub<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.SUB32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, sub<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.SUB32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>sub<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SUB32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>sub<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.XOR32_RR: setRm<u32>(rec, xor<u32>(rm<u32>(rec), reg<u32>(rec))); continue;
        case Handler.XOR32_RI: setRm<u32>(rec, xor<u32>(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.XOR32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, xor<u32>(reg<u32>(rec), <u32>load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.XOR32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>xor<u32>(<u32>load<u32>(p), reg<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.XOR32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>xor<u32>(<u32>load<u32>(p), imm<u32>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.CMP32_RR: sub<u32>(rm<u32>(rec), reg<u32>(rec)); continue;
        case Handler.CMP32_RI: sub<u32>(rm<u32>(rec), imm<u32>(rec)); continue;
        case Handler.CMP32_RM: p = readPtr<u32>(rec); if (p != 0) { sub<u32>(reg<u32>(rec), <u32>load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.CMP32_MR: p = readPtr<u32>(rec); if (p != 0) { sub<u32>(<u32>load<u32>(p), reg<u32>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.CMP32_MI: p = readPtr<u32>(rec); if (p != 0) { sub<u32>(<u32>load<u32>(p), imm<u32>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.TEST32_RR: and<u32>(rm<u32>(rec), reg<u32>(rec)); continue;
        case Handler.TEST32_RI: and<u32>(rm<u32>(rec), imm<u32>(rec)); continue;
        case Handler.TEST32_MI: p = readPtr<u32>(rec); if (p != 0) { and<u32>(<u32>load<u32>(p), imm<u32>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.TEST32_MR: p = readPtr<u32>(rec); if (p != 0) { and<u32>(<u32>load<u32>(p), reg<u32>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.ADD8_RR: setRm<u8>(rec, add<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.ADD8_RI: setRm<u8>(rec, add<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.ADD8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, add<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.ADD8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>add<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.ADD8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>add<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.OR8_RR: setRm<u8>(rec, or<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.OR8_RI: setRm<u8>(rec, or<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.OR8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, or<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.OR8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>or<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.OR8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>or<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.ADC8_RR: setRm<u8>(rec, adc<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.ADC8_RI: setRm<u8>(rec, adc<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.ADC8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, adc<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.ADC8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>adc<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.ADC8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>adc<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SBB8_RR: setRm<u8>(rec, sbb<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.SBB8_RI: setRm<u8>(rec, sbb<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.SBB8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, sbb<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.SBB8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>sbb<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SBB8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>sbb<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.AND8_RR: setRm<u8>(rec, and<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.AND8_RI: setRm<u8>(rec, and<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.AND8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, and<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.AND8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>and<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.AND8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>and<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SUB8_RR: setRm<u8>(rec, sub<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.SUB8_RI: setRm<u8>(rec, sub<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.SUB8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, sub<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.SUB8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>sub<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.SUB8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>sub<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.XOR8_RR: setRm<u8>(rec, xor<u8>(rm<u8>(rec), reg<u8>(rec))); continue;
        case Handler.XOR8_RI: setRm<u8>(rec, xor<u8>(rm<u8>(rec), imm<u8>(rec))); continue;
        case Handler.XOR8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, xor<u8>(reg<u8>(rec), <u32>load<u8>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.XOR8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>xor<u8>(<u32>load<u8>(p), reg<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.XOR8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>xor<u8>(<u32>load<u8>(p), imm<u8>(rec))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.CMP8_RR: sub<u8>(rm<u8>(rec), reg<u8>(rec)); continue;
        case Handler.CMP8_RI: sub<u8>(rm<u8>(rec), imm<u8>(rec)); continue;
        case Handler.CMP8_RM: p = readPtr<u8>(rec); if (p != 0) { sub<u8>(reg<u8>(rec), <u32>load<u8>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.CMP8_MR: p = readPtr<u8>(rec); if (p != 0) { sub<u8>(<u32>load<u8>(p), reg<u8>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.CMP8_MI: p = readPtr<u8>(rec); if (p != 0) { sub<u8>(<u32>load<u8>(p), imm<u8>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.TEST8_RR: and<u8>(rm<u8>(rec), reg<u8>(rec)); continue;
        case Handler.TEST8_RI: and<u8>(rm<u8>(rec), imm<u8>(rec)); continue;
        case Handler.TEST8_MI: p = readPtr<u8>(rec); if (p != 0) { and<u8>(<u32>load<u8>(p), imm<u8>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.TEST8_MR: p = readPtr<u8>(rec); if (p != 0) { and<u8>(<u32>load<u8>(p), reg<u8>(rec)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOV32_RR: setRm<u32>(rec, reg<u32>(rec)); continue;
        case Handler.MOV32_RI: setRm<u32>(rec, imm<u32>(rec)); continue;
        case Handler.MOV8_RR: setRm<u8>(rec, reg<u8>(rec)); continue;
        case Handler.MOV8_RI: setRm<u8>(rec, imm<u8>(rec)); continue;
        case Handler.MOV32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, <u32>load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOV32_MR: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>reg<u32>(rec)); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.MOV32_MI: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, <u32>imm<u32>(rec)); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.MOV8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u8>(rec, <u32>load<u8>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOV8_MR: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>reg<u8>(rec)); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.MOV8_MI: p = writePtr<u8>(rec); if (p != 0) { store<u8>(p, <u8>imm<u8>(rec)); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.MOV16_RM: p = readPtr<u16>(rec); if (p != 0) { setReg<u16>(rec, <u32>load<u16>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOV16_MR: p = writePtr<u16>(rec); if (p != 0) { store<u16>(p, <u16>reg<u16>(rec)); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.MOVZX8_RR: setReg<u32>(rec, rm<u8>(rec)); continue;
        case Handler.MOVZX8_RM: p = readPtr<u8>(rec); if (p != 0) { setReg<u32>(rec, <u32>load<u8>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOVZX16_RR: setReg<u32>(rec, rm<u16>(rec)); continue;
        case Handler.MOVZX16_RM: p = readPtr<u16>(rec); if (p != 0) { setReg<u32>(rec, <u32>load<u16>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOVSX8_RR: setReg<u32>(rec, rm<i8>(rec)); continue;
        case Handler.MOVSX8_RM: p = readPtr<i8>(rec); if (p != 0) { setReg<u32>(rec, <u32>load<i8>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.MOVSX16_RR: setReg<u32>(rec, rm<i16>(rec)); continue;
        case Handler.MOVSX16_RM: p = readPtr<i16>(rec); if (p != 0) { setReg<u32>(rec, <u32>load<i16>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.LEA32: setReg<u32>(rec, ea(rec)); continue;
        case Handler.INC32_R: setRm<u32>(rec, inc32(rm<u32>(rec))); continue;
        case Handler.DEC32_R: setRm<u32>(rec, dec32(rm<u32>(rec))); continue;
        case Handler.INC32_M: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, inc32(load<u32>(p))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.DEC32_M: p = writePtr<u32>(rec); if (p != 0) { store<u32>(p, dec32(load<u32>(p))); continue; } rec = missed(rec, Access.WRITE); break;
        case Handler.NEG32_R: setRm<u32>(rec, sub<u32>(0, rm<u32>(rec))); continue;
        case Handler.NOT32_R: setRm<u32>(rec, ~rm<u32>(rec)); continue;
        case Handler.SHL32_RI: setRm<u32>(rec, shl32(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.SHR32_RI: setRm<u32>(rec, shr32(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.SAR32_RI: setRm<u32>(rec, sar32(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.SHL32_RC: value = load<u8>(Layout.CPU, Reg.ECX << 2) & 31; if (value != 0) setRm<u32>(rec, shl32(rm<u32>(rec), value)); continue;
        case Handler.SHR32_RC: value = load<u8>(Layout.CPU, Reg.ECX << 2) & 31; if (value != 0) setRm<u32>(rec, shr32(rm<u32>(rec), value)); continue;
        case Handler.SAR32_RC: value = load<u8>(Layout.CPU, Reg.ECX << 2) & 31; if (value != 0) setRm<u32>(rec, sar32(rm<u32>(rec), value)); continue;
        case Handler.ROL32_RI: value = rotl<u32>(rm<u32>(rec), imm<u32>(rec)); setRm<u32>(rec, value); rotated(value & 1, (value & 1) ^ (value >>> 31)); continue;
        case Handler.ROR32_RI: value = rotr<u32>(rm<u32>(rec), imm<u32>(rec)); setRm<u32>(rec, value); rotated(value >>> 31, (value >>> 31) ^ ((value >>> 30) & 1)); continue;
        case Handler.IMUL32_RR: setReg<u32>(rec, imul32(reg<u32>(rec), rm<u32>(rec))); continue;
        case Handler.IMUL32_RM: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, imul32(reg<u32>(rec), load<u32>(p))); continue; } rec = missed(rec, Access.READ); break;
        case Handler.IMUL32_RRI: setReg<u32>(rec, imul32(rm<u32>(rec), imm<u32>(rec))); continue;
        case Handler.CDQ: store<i32>(Layout.CPU, load<i32>(Layout.CPU, Reg.EAX << 2) >> 31, Reg.EDX << 2); continue;
        case Handler.XCHG32_RR: value = rm<u32>(rec); setRm<u32>(rec, reg<u32>(rec)); setReg<u32>(rec, value); continue;
        case Handler.NOP_HOT: continue;
        case Handler.PUSH32_R: value = rm<u32>(rec); p = stackWritePtr(esp() - 4); if (p != 0) { store<u32>(p, value); setEsp(esp() - 4); continue; } generic(rec); break;
        case Handler.PUSH32_I: value = imm<u32>(rec); p = stackWritePtr(esp() - 4); if (p != 0) { store<u32>(p, value); setEsp(esp() - 4); continue; } generic(rec); break;
        case Handler.PUSH32_M: from = readPtr<u32>(rec); p = stackWritePtr(esp() - 4); if (from != 0 && p != 0) { store<u32>(p, load<u32>(from)); setEsp(esp() - 4); continue; } generic(rec); break;
        case Handler.POP32_R: p = stackReadPtr(esp()); if (p != 0) { value = load<u32>(p); setEsp(esp() + 4); setRm<u32>(rec, value); continue; } generic(rec); break;
        case Handler.LEAVE32: value = load<u32>(Layout.CPU, Reg.EBP << 2); p = stackReadPtr(value); if (p != 0) { setEsp(value + 4); store<u32>(Layout.CPU, load<u32>(p), Reg.EBP << 2); continue; } generic(rec); break;
        case Handler.CALL32: p = stackWritePtr(esp() - 4); if (p != 0) { store<u32>(p, nextEip(rec)); setEsp(esp() - 4); slot = Rec.LINK; continue; } generic(rec); break;
        case Handler.RET32: p = stackReadPtr(esp()); if (p != 0) { target = load<u32>(p); setEsp(esp() + 4); set(Cpu.EIP, target); block = <usize>load<u32>(rec, Rec.LINK); if (!leadsTo(block, target)) block = followIndirect(rec); if (block == 0) return; slot = FOUND; continue; } generic(rec); break;
        case Handler.CALL32_R: p = stackWritePtr(esp() - 4); if (p != 0) { target = rm<u32>(rec); store<u32>(p, nextEip(rec)); setEsp(esp() - 4); set(Cpu.EIP, target); block = <usize>load<u32>(rec, Rec.LINK); if (!leadsTo(block, target)) block = followIndirect(rec); if (block == 0) return; slot = FOUND; continue; } generic(rec); break;
        case Handler.CALL32_M: from = readPtr<u32>(rec); p = stackWritePtr(esp() - 4); if (from != 0 && p != 0) { target = load<u32>(from); store<u32>(p, nextEip(rec)); setEsp(esp() - 4); set(Cpu.EIP, target); continue; } generic(rec); break;
        case Handler.JMP32_R: set(Cpu.EIP, rm<u32>(rec)); block = <usize>load<u32>(rec, Rec.LINK); if (!leadsTo(block, rm<u32>(rec))) block = followIndirect(rec); if (block == 0) return; slot = FOUND; continue;
        case Handler.JMP32_M: from = readPtr<u32>(rec); if (from != 0) { set(Cpu.EIP, load<u32>(from)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.JMP32: slot = Rec.LINK; continue;
        case Handler.FALLTHROUGH: slot = Rec.LINK; continue;
        case Handler.JO: slot = overflow() != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNO: slot = overflow() == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JB: slot = carry() != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNB: slot = carry() == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JZ: slot = zero() != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNZ: slot = zero() == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JBE: slot = (carry() | zero()) != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNBE: slot = (carry() | zero()) == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JS: slot = sign() != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNS: slot = sign() == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JP: slot = parity() != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNP: slot = parity() == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JL: slot = (sign() ^ overflow()) != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNL: slot = (sign() ^ overflow()) == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JLE: slot = ((sign() ^ overflow()) | zero()) != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.JNLE: slot = ((sign() ^ overflow()) | zero()) == 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.LOOP32: value = load<u32>(Layout.CPU, Reg.ECX << 2) - 1; store<u32>(Layout.CPU, value, Reg.ECX << 2); slot = value != 0 ? Rec.LINK : Rec.DISP; continue;
        case Handler.SETCC_R: setRm<u8>(rec, condition(conditionCode(rec)) ? 1 : 0); continue;
        case Handler.CMOV32_RR: if (condition(conditionCode(rec))) setReg<u32>(rec, rm<u32>(rec)); continue;
        case Handler.CMOV32_RM: p = readPtr<u32>(rec); if (p != 0) { if (condition(conditionCode(rec))) setReg<u32>(rec, load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.ADD32_RR_NF: setRm<u32>(rec, rm<u32>(rec) + reg<u32>(rec)); continue;
        case Handler.ADD32_RI_NF: setRm<u32>(rec, rm<u32>(rec) + imm<u32>(rec)); continue;
        case Handler.ADD32_RM_NF: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, reg<u32>(rec) + load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.OR32_RR_NF: setRm<u32>(rec, rm<u32>(rec) | reg<u32>(rec)); continue;
        case Handler.OR32_RI_NF: setRm<u32>(rec, rm<u32>(rec) | imm<u32>(rec)); continue;
        case Handler.OR32_RM_NF: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, reg<u32>(rec) | load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.AND32_RR_NF: setRm<u32>(rec, rm<u32>(rec) & reg<u32>(rec)); continue;
        case Handler.AND32_RI_NF: setRm<u32>(rec, rm<u32>(rec) & imm<u32>(rec)); continue;
        case Handler.AND32_RM_NF: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, reg<u32>(rec) & load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.SUB32_RR_NF: setRm<u32>(rec, rm<u32>(rec) - reg<u32>(rec)); continue;
        case Handler.SUB32_RI_NF: setRm<u32>(rec, rm<u32>(rec) - imm<u32>(rec)); continue;
        case Handler.SUB32_RM_NF: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, reg<u32>(rec) - load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.XOR32_RR_NF: setRm<u32>(rec, rm<u32>(rec) ^ reg<u32>(rec)); continue;
        case Handler.XOR32_RI_NF: setRm<u32>(rec, rm<u32>(rec) ^ imm<u32>(rec)); continue;
        case Handler.XOR32_RM_NF: p = readPtr<u32>(rec); if (p != 0) { setReg<u32>(rec, reg<u32>(rec) ^ load<u32>(p)); continue; } rec = missed(rec, Access.READ); break;
        case Handler.INC32_R_NF: setRm<u32>(rec, rm<u32>(rec) + 1); continue;
        case Handler.DEC32_R_NF: setRm<u32>(rec, rm<u32>(rec) - 1); continue;
        case Handler.SHL32_RI_NF: setRm<u32>(rec, rm<u32>(rec) << imm<u32>(rec)); continue;
        case Handler.SHR32_RI_NF: setRm<u32>(rec, rm<u32>(rec) >>> imm<u32>(rec)); continue;
        case Handler.SAR32_RI_NF: setRm<u32>(rec, <u32>(<i32>rm<u32>(rec) >> imm<u32>(rec))); continue;
        case Handler.SYSTEM: generic(rec); if (load<u32>(Layout.CPU, Cpu.STOP) != 0) break; block = lookAgain(rec, Rec.LINK); if (block == 0) return; slot = FOUND; continue;
        case Handler.INVLPG: generic(rec); if (load<u32>(Layout.CPU, Cpu.STOP) != 0) break; block = lookAgain(rec, Rec.IMM); if (block == 0) return; slot = FOUND; continue;
        case Handler.REGION: block = runRegion(block); if (block == 0) return; slot = FOUND; rec = end - Rec.BYTES; continue;
        case Handler.TRANSLATED: perform(rec); break;
        case Handler.TRANSLATED_SYSTEM: perform(rec); if (load<u32>(Layout.CPU, Cpu.STOP) != 0) break; block = lookAgain(rec, Rec.LINK); if (block == 0) return; slot = FOUND; continue;
        default: generic(rec); break;
      }
      if (load<u32>(Layout.CPU, Cpu.STOP) != 0) {
        settle(rec, given);
        block = resume();
        if (block == 0) return;
        slot = FOUND;
        rec = Rec.BYTES; // no record led there
        break;
      }
    }
    rec -= Rec.BYTES;
    if (slot == FOUND) continue;
    if (slot == LOOK_UP) block = lookUp();
    else {
      block = <usize>load<u32>(rec + slot);
      if (block == 0) block = follow(rec, slot);
    }
    if (block == 0) return;
  }
}

/** CF and OF of a rotate, the other flags kept. */
function rotated(cf: u32, ovf: u32): void {
  const aux = load<u32>(Layout.CPU, Cpu.FLAG_AUX) & 0x3fffffff;
  store<u32>(Layout.CPU, aux | (cf << 31) | ((cf ^ ovf) << 30), Cpu.FLAG_AUX);
}

/** a * b with flags: CF and OF tell that the product does not fit in 32 bits signed (SDM 2A "IMUL"). */
function imul32(a: u32, b: u32): u32 {
  const wide = <i64>(<i32>a) * <i64>(<i32>b);
  const r = <u32>wide;
  const lost: u32 = wide != <i64>(<i32>r) ? 1 : 0;
  flagsResult<u32>(r, lost, lost, 0);
  return r;
}

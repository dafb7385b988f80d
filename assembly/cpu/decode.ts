/**
 * The decoder: instruction bytes to one record (assembly/abi/record.ts), by the packed table at Layout.DECODE_TABLE.
 * It reads bytes and the mode, touches no architectural state and raises nothing: an encoding that is not an instruction
 * becomes Op.INVALID. SDM 2A 2.1 (format), 2.1.5 (ModRM and SIB), 2.1.1 (prefixes).
 */
import { Cpu, Mode } from "../abi/cpu";
import { Handler } from "../abi/handler";
import { DecodeTable, Layout } from "../abi/layout";
import { Op } from "../abi/op";
import { CONDITION_SHIFT, Form, RM_MEMORY, Rec, RecFlag } from "../abi/record";
import { PREFIX_PLACES, PrefixPlace, Shape, ShapeFlag } from "../abi/shape";
import { Reg, Seg } from "../abi/x86";

/** Next byte to read, and how many are left; a read beyond them sets `short`. Valid during one decode. */
let cursor: usize = 0;
let left: i32 = 0;
let short: bool = false;

function next8(): u32 {
  if (left <= 0) {
    short = true;
    return 0;
  }
  left--;
  return load<u8>(cursor++);
}

function next16(): u32 {
  const low = next8();
  return low | (next8() << 8);
}

function next32(): u32 {
  if (left >= 4) {
    left -= 4;
    cursor += 4;
    return load<u32>(cursor - 4);
  }
  const low = next16();
  return low | (next16() << 16);
}

/** Byte offset of register `r` in the state, for operands of `size` bytes: AH CH DH BH are bytes 1 of EAX.. EBX. */
function registerOffset(r: u32, size: u32): u32 {
  return size == 1 ? ((r & 3) << 2) | (r >>> 2) : r << 2;
}

/** Segment of prefix byte `b`, or -1. */
function segmentPrefix(b: u32): i32 {
  switch (b) {
    case 0x26:
      return Seg.ES;
    case 0x2e:
      return Seg.CS;
    case 0x36:
      return Seg.SS;
    case 0x3e:
      return Seg.DS;
    case 0x64:
      return Seg.FS;
    case 0x65:
      return Seg.GS;
    default:
      return -1;
  }
}

/** Decodes the memory operand of a ModRM byte with 16-bit addressing (SDM 2A table 2-1). */
function memory16(rec: usize, modrm: u32, segOverride: i32): void {
  const mod = modrm >>> 6;
  const rm = modrm & 7;
  let base: u32 = Cpu.ZERO;
  let index: u32 = Cpu.ZERO;
  let seg: u32 = Seg.DS;
  let disp: i32 = 0;
  if (rm < 2 || rm == 7) base = Reg.EBX << 2;
  else if (rm < 4 || rm == 6) base = Reg.EBP << 2;
  else base = rm == 4 ? Reg.ESI << 2 : Reg.EDI << 2;
  if (rm < 4) index = (rm & 1) == 0 ? Reg.ESI << 2 : Reg.EDI << 2;
  if (rm == 2 || rm == 3 || rm == 6) seg = Seg.SS;
  if (mod == 0 && rm == 6) {
    base = Cpu.ZERO;
    seg = Seg.DS;
    disp = next16();
  } else if (mod == 1) disp = <i32>(<i8>next8());
  else if (mod == 2) disp = <i32>(<i16>next16());
  address(rec, base, index, 0, disp, segOverride >= 0 ? segOverride : seg, 0xffff);
}

/** Decodes the memory operand of a ModRM byte with 32-bit addressing (SDM 2A tables 2-2, 2-3). */
function memory32(rec: usize, modrm: u32, segOverride: i32): void {
  const mod = modrm >>> 6;
  let r = modrm & 7;
  let base: u32 = Cpu.ZERO;
  let index: u32 = Cpu.ZERO;
  let scale: u32 = 0;
  let seg: u32 = Seg.DS;
  let disp: i32 = 0;
  if (r == 4) {
    const sib = next8();
    r = sib & 7;
    const x = (sib >>> 3) & 7;
    if (x != 4) {
      index = x << 2;
      scale = sib >>> 6;
    }
  }
  if (mod == 0 && r == 5) disp = next32();
  else {
    base = r << 2;
    if (r == Reg.ESP || r == Reg.EBP) seg = Seg.SS;
    if (mod == 1) disp = <i32>(<i8>next8());
    else if (mod == 2) disp = next32();
  }
  address(rec, base, index, scale, disp, segOverride >= 0 ? segOverride : seg, 0xffffffff);
}

/** Writes the address fields of a record. */
function address(rec: usize, base: u32, index: u32, scale: u32, disp: u32, seg: u32, mask: u32): void {
  store<u8>(rec, RM_MEMORY, Rec.RM);
  store<u8>(rec, <u8>base, Rec.BASE);
  store<u8>(rec, <u8>index, Rec.INDEX_REG);
  store<u8>(rec, <u8>scale, Rec.SCALE);
  store<u8>(rec, <u8>seg, Rec.SEG);
  store<u32>(rec, disp, Rec.DISP);
  store<u32>(rec, mask, Rec.LINK);
}

/** Immediate of `size` bytes, sign-extended. */
function immediateOf(size: u32): i32 {
  if (size == 4) return next32();
  return size == 2 ? <i32>(<i16>next16()) : <i32>(<i8>next8());
}

/** True if `op` reads a one-byte source whatever its operand size. */
function byteSource(op: u32): bool {
  return op == Op.MOVZX8 || op == Op.MOVSX8;
}

/** Address of entry `index` of the decode table. */
function entryAt(index: u32): usize {
  return Layout.DECODE_TABLE + index * DecodeTable.ENTRY_BYTES;
}

/** Place of a group by mandatory prefix. `sized`: there was a 66. */
function prefixPlace(flags: u32, sized: bool): u32 {
  if ((flags & RecFlag.REP) != 0) return PrefixPlace.REP;
  if ((flags & RecFlag.REPNE) != 0) return PrefixPlace.REPNE;
  return sized ? PrefixPlace.OPERAND_SIZE : PrefixPlace.NONE;
}

/**
 * Decodes the instruction at `bytes`, of which `available` (at most 15) may be read, into `rec`.
 * Returns its length, or 0 if it needs more bytes than that.
 */
export function decode(rec: usize, bytes: usize, available: i32, eip: u32, mode: u32): i32 {
  cursor = bytes;
  left = available;
  short = false;
  let size16 = (mode & Mode.CODE32) == 0;
  let addr16 = size16;
  let segOverride: i32 = -1;
  let flags: u32 = 0;
  let b: u32 = 0;
  for (;;) {
    b = next8();
    const seg = segmentPrefix(b);
    if (seg >= 0) segOverride = seg;
    else if (b == 0x66) size16 = (mode & Mode.CODE32) != 0;
    else if (b == 0x67) addr16 = (mode & Mode.CODE32) != 0;
    else if (b == 0xf0) flags |= RecFlag.LOCK;
    else if (b == 0xf2) flags = (flags & ~RecFlag.REP) | RecFlag.REPNE;
    else if (b == 0xf3) flags = (flags & ~RecFlag.REPNE) | RecFlag.REP;
    else break;
  }
  let entry = entryAt(b);
  if (b == 0x0f) {
    b = next8();
    entry = entryAt(DecodeTable.TWO_BYTE + b);
    if (b == 0x38) {
      b = next8();
      entry = entryAt(DecodeTable.THREE_BYTE + b);
    }
  }
  let shape: u32 = load<u8>(entry, 1);
  let modrm: i32 = -1;
  if (shape == Shape.GROUP) {
    modrm = next8();
    const slot = ((modrm >>> 3) & 7) + (modrm >= 0xc0 ? 8 : 0);
    entry = entryAt(DecodeTable.GROUPS + load<u8>(entry) * DecodeTable.GROUP_SIZE + slot);
    shape = load<u8>(entry, 1);
    if (shape == Shape.RM_GROUP) {
      entry = entryAt(DecodeTable.RM_GROUPS + load<u8>(entry) * DecodeTable.RM_GROUP_SIZE + (modrm & 7));
      shape = load<u8>(entry, 1);
    }
  }
  if (shape == Shape.PREFIX_GROUP) {
    const place = prefixPlace(flags, size16 == ((mode & Mode.CODE32) != 0));
    entry = entryAt(DecodeTable.PREFIX_GROUPS + load<u8>(entry) * PREFIX_PLACES + place);
    shape = load<u8>(entry, 1);
  }
  let op: u32 = load<u8>(entry);
  // An undefined member of a group still has the operand its ModRM byte announces: it is fetched before #UD.
  if (op == Op.INVALID && modrm >= 0) shape = Shape.RM;
  const facts: u32 = load<u16>(entry, 2);
  let size: u32 = size16 ? 2 : 4;
  if (size16) flags |= RecFlag.OPSIZE16;
  if (addr16) flags |= RecFlag.ADDR16;
  if ((facts & ShapeFlag.BYTE) != 0) size = 1;
  else if ((facts & ShapeFlag.WORD) != 0) size = 2;
  else if ((facts & ShapeFlag.DWORD) != 0) size = 4;
  else if ((facts & ShapeFlag.QWORD) != 0) size = 8;
  else if ((facts & ShapeFlag.TBYTE) != 0) size = 10;
  if ((facts & ShapeFlag.ENDS) != 0) flags |= RecFlag.ENDS;
  if ((facts & ShapeFlag.CONDITION) != 0) flags |= (b & 15) << CONDITION_SHIFT;

  store<u8>(rec, 0, Rec.REG);
  store<u8>(rec, 0, Rec.RM);
  store<u32>(rec, 0x00002020, Rec.BASE); // base and index: Cpu.ZERO
  store<u8>(rec, <u8>(segOverride >= 0 ? segOverride : Seg.DS), Rec.SEG);
  store<u32>(rec, 0, Rec.DISP);
  store<u32>(rec, (b & 0xf8) == 0xd8 ? ((b & 7) << 8) | (modrm & 0xff) : 0, Rec.IMM);
  store<u16>(rec, 0, Rec.IMM2);
  store<u32>(rec, 0, Rec.LINK);
  store<u32>(rec, eip, Rec.EIP);

  if (usesModrm(shape)) {
    if (modrm < 0) modrm = next8();
    const reg = (modrm >>> 3) & 7;
    const plainReg = shape == Shape.SEG_RM || shape == Shape.RM_SEG || shape == Shape.RM_CR;
    store<u8>(rec, <u8>(plainReg ? reg : registerOffset(reg, size)), Rec.REG);
    if (modrm >= 0xc0 || shape == Shape.RM_CR) {
      store<u8>(rec, <u8>registerOffset(modrm & 7, byteSource(op) ? 1 : size), Rec.RM);
      if ((facts & ShapeFlag.MEMORY_ONLY) != 0) op = Op.INVALID;
    } else {
      if (addr16) memory16(rec, modrm, segOverride);
      else memory32(rec, modrm, segOverride);
      if ((facts & ShapeFlag.REGISTER_ONLY) != 0) op = Op.INVALID;
    }
  }
  if (shape >= <u32>Shape.ST) store<u8>(rec, <u8>(modrm & 7), Rec.RM);
  const where = operands(rec, shape, size, b, addr16, segOverride);
  const length = <i32>(cursor - bytes);
  if (short) return 0;
  if (shape == Shape.REL || shape == Shape.REL8) {
    const target = eip + length + load<u32>(rec, Rec.IMM);
    store<u32>(rec, size16 ? target & 0xffff : target, Rec.IMM);
  }
  if ((flags & RecFlag.LOCK) != 0 && ((facts & ShapeFlag.LOCKABLE) == 0 || load<u8>(rec, Rec.RM) != RM_MEMORY)) {
    op = Op.INVALID;
  }
  if ((facts & ShapeFlag.PROTECTED) != 0 && (mode & Mode.REAL) != 0) op = Op.INVALID;
  if ((facts & ShapeFlag.STRING) != 0) store<u32>(rec, addr16 ? 0xffff : 0xffffffff, Rec.LINK);
  if (op == Op.INVALID) flags |= RecFlag.ENDS;
  store<u16>(rec, Handler.GENERIC, Rec.HANDLER);
  store<u8>(rec, <u8>op, Rec.OP);
  store<u8>(rec, <u8>length, Rec.LENGTH);
  store<u8>(rec, <u8>size, Rec.SIZE);
  store<u16>(rec, <u16>(flags | where), Rec.FLAGS);
  return length;
}

/** True if an instruction of this shape has a ModRM byte. */
function usesModrm(shape: u32): bool {
  switch (shape) {
    case Shape.RM:
    case Shape.RM_REG:
    case Shape.REG_RM:
    case Shape.RM_IMM:
    case Shape.RM_IMM8:
    case Shape.REG_RM_IMM:
    case Shape.REG_RM_IMM8:
    case Shape.RM_REG_IMM8:
    case Shape.RM_REG_CL:
    case Shape.RM_ONE:
    case Shape.RM_CL:
    case Shape.SEG_RM:
    case Shape.RM_SEG:
    case Shape.RM_CR:
      return true;
    default:
      return false;
  }
}

/** Reads what follows ModRM and fills the operand fields of `shape`. Returns the Form. */
function operands(rec: usize, shape: u32, size: u32, b: u32, addr16: bool, segOverride: i32): u32 {
  switch (shape) {
    case Shape.RM:
    case Shape.ST:
      return Form.RM;
    case Shape.RM_REG:
    case Shape.STI_ST0:
    case Shape.RM_SEG:
    case Shape.RM_CR:
      return Form.RM_REG;
    case Shape.REG_RM:
    case Shape.ST0_STI:
    case Shape.SEG_RM:
      return Form.REG_RM;
    case Shape.RM_IMM:
      store<i32>(rec, immediateOf(size), Rec.IMM);
      return Form.RM_IMM;
    case Shape.RM_IMM8:
      store<i32>(rec, immediateOf(1), Rec.IMM);
      return Form.RM_IMM;
    case Shape.REG_RM_IMM:
      store<i32>(rec, immediateOf(size), Rec.IMM);
      return Form.REG_RM_IMM;
    case Shape.REG_RM_IMM8:
      store<i32>(rec, immediateOf(1), Rec.IMM);
      return Form.REG_RM_IMM;
    case Shape.RM_REG_IMM8:
      store<u32>(rec, next8(), Rec.IMM);
      return Form.RM_REG_IMM;
    case Shape.RM_REG_CL:
      return Form.RM_REG_CL;
    case Shape.RM_ONE:
      return Form.RM_ONE;
    case Shape.RM_CL:
      return Form.RM_CL;
    case Shape.ACC_IMM:
      store<i32>(rec, immediateOf(size), Rec.IMM);
      return Form.RM_IMM;
    case Shape.OPREG:
      store<u8>(rec, <u8>registerOffset(b & 7, size), Rec.RM);
      return Form.RM;
    case Shape.OPREG_IMM:
      store<u8>(rec, <u8>registerOffset(b & 7, size), Rec.RM);
      store<i32>(rec, immediateOf(size), Rec.IMM);
      return Form.RM_IMM;
    case Shape.OPREG_ACC:
      store<u8>(rec, <u8>registerOffset(b & 7, size), Rec.REG);
      return Form.RM_REG;
    case Shape.ACC_MOFFS:
    case Shape.MOFFS_ACC: {
      const disp = addr16 ? next16() : next32();
      address(rec, Cpu.ZERO, Cpu.ZERO, 0, disp, segOverride >= 0 ? segOverride : Seg.DS, addr16 ? 0xffff : 0xffffffff);
      return shape == Shape.ACC_MOFFS ? Form.REG_RM : Form.RM_REG;
    }
    case Shape.REL8:
      store<i32>(rec, immediateOf(1), Rec.IMM);
      return Form.IMM;
    case Shape.REL:
      store<i32>(rec, immediateOf(size), Rec.IMM);
      return Form.IMM;
    case Shape.FAR:
      store<u32>(rec, size == 2 ? next16() : next32(), Rec.IMM);
      store<u16>(rec, <u16>next16(), Rec.IMM2);
      return Form.FAR;
    case Shape.IMM8:
      store<u32>(rec, next8(), Rec.IMM);
      return Form.IMM;
    case Shape.IMM8S:
      store<i32>(rec, immediateOf(1), Rec.IMM);
      return Form.IMM;
    case Shape.IMM:
      store<i32>(rec, immediateOf(size), Rec.IMM);
      return Form.IMM;
    case Shape.IMM16:
      store<u32>(rec, next16(), Rec.IMM);
      return Form.IMM;
    case Shape.IMM16_IMM8:
      store<u32>(rec, next16(), Rec.IMM);
      store<u16>(rec, <u16>next8(), Rec.IMM2);
      return Form.IMM_IMM;
    case Shape.OPSEG:
      store<u8>(rec, <u8>((b >>> 3) & 7), Rec.REG);
      return Form.REG;
    default:
      return Form.NONE;
  }
}

/** The instruction table by itself: complete, free of shadowed rows, and packed the way the decoder expects. */
import { describe, expect, it } from "vitest";
import { DecodeTable } from "../../assembly/abi/layout.js";
import { Op, OP_COUNT } from "../../assembly/abi/op.js";
import { PREFIX_PLACES, Shape, ShapeFlag } from "../../assembly/abi/shape.js";
import { conditionRows, formsOf, insn, lockable, reads, undefines, writes } from "../../src/isa/dsl.js";
import {
  ESCAPE_BYTE,
  entryFor,
  entryOf,
  INVALID_ENTRY,
  PREFIX_BYTES,
  packTable,
  SECOND_ESCAPE_BYTE,
} from "../../src/isa/pack.js";
import { buildSlots, PrefixGroup, rowAt, SELECTORS } from "../../src/isa/slots.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";

describe("the instruction table", () => {
  it("has at least one row for every operation", () => {
    const named = new Set(INSTRUCTIONS.map((row) => row.op));
    const missing = Array.from({ length: OP_COUNT }, (_, op) => op).filter((op) => op !== Op.INVALID && !named.has(op));
    expect(missing.map((op) => Op[op])).toEqual([]);
    expect(named.has(Op.INVALID)).toBe(false);
  });

  it("numbers operations without gaps below OP_COUNT", () => {
    const numbers = Object.values(Op).filter((value) => typeof value === "number");
    expect(numbers).toEqual(Array.from({ length: OP_COUNT }, (_, op) => op));
  });

  it("has no row that another one shadows", () => {
    const reachable = new Set(
      buildSlots()
        .flatMap((slot) => slot.group?.flat() ?? [slot.row])
        .flatMap((place) => (place instanceof PrefixGroup ? place.rows : [place])),
    );
    const shadowed = INSTRUCTIONS.filter((row) => !reachable.has(row));
    expect(shadowed.map((row) => row.text)).toEqual([]);
  });

  it("chooses rows by mandatory prefix, and by its absence", () => {
    const names = (byte: number, modrm: number) => SELECTORS.map((prefix) => rowAt(2, byte, modrm, prefix)?.mnemonic);
    expect(names(0xc7, 0x30)).toEqual(["VMPTRLD", "VMCLEAR", "VMXON", undefined]);
    expect(names(0xc7, 0x38)).toEqual(["VMPTRST", undefined, undefined, undefined]);
    expect(names(0xc7, 0x08)).toEqual(["CMPXCHG8B", "CMPXCHG8B", "CMPXCHG8B", "CMPXCHG8B"]);
    expect(names(0x01, 0xc1)).toEqual(["VMCALL", undefined, undefined, undefined]);
    expect(rowAt(1, 0x90, 0, 0xf3)?.mnemonic).toBe("PAUSE");
    expect(rowAt(1, 0x90, 0, 0xf2)?.mnemonic).toBe("NOP");
  });

  it("refuses two rows with one prefix", () => {
    const rows = [insn(Op.NOP, "NOP", "F3 90"), insn(Op.WAIT, "WAIT", "F3 90")];
    expect(() => packTable(rows)).toThrow('"WAIT" [F3 90] and "NOP" [F3 90] claim the same opcode');
  });

  it("has no two forms of the same text and opcode", () => {
    const seen = INSTRUCTIONS.flatMap(formsOf).map((form) => `${form.operandSize ?? ""} ${form.text} [${form.code}]`);
    expect(seen.filter((text, index) => seen.indexOf(text) !== index)).toEqual([]);
  });

  it("lets only LOCK instructions of SDM 2A that write memory be locked", () => {
    const allowed = "ADD ADC AND BTC BTR BTS CMPXCHG CMPXCHG8B DEC INC NEG NOT OR SBB SUB XOR XADD XCHG".split(" ");
    const lockableRows = INSTRUCTIONS.filter((row) => row.flags & ShapeFlag.LOCKABLE);
    expect([...new Set(lockableRows.map((row) => row.mnemonic))].sort()).toEqual(allowed.sort());
    for (const row of lockableRows) expect(row.operands[0], row.text).toMatch(/^(r\/m|m64)/);
  });
});

describe("insn", () => {
  it.each([
    ["ADD r/m32, r32", "01", "no shape"],
    ["ADD r/m32, imm8", "83 /0 id", 'operands need "ib"'],
    ["ADD r/m32, imm8", "83 /8 ib", "is not of the form"],
    ["ADD r/m64, r32", "01 /r", 'unknown operand "r/m64"'],
    ["add r/m32, r32", "01 /r", "mnemonic in capitals"],
    ["MOV r32, imm32", "B0+rb id", "+rb does not fit"],
    ["FCOM ST(i)", "D8 D1+i", "+i needs a byte that ends in 0 or 8"],
    ["PALIGNR r32, r/m32, imm8", "66 0F 3A 0F /r ib", "is not of the form"],
  ])("refuses %s [%s] and names it", (text, code, reason) => {
    expect(() => insn(Op.ADD, text, code)).toThrow(reason);
    expect(() => insn(Op.ADD, text, code)).toThrow(`"${text}" [${code}]`);
  });

  it("refuses flags that are unknown or both written and undefined", () => {
    expect(() => insn(Op.CLC, "CLC", "F8", writes("X"))).toThrow('"X" is not one of the flags');
    expect(() => insn(Op.CLC, "CLC", "F8", writes("CZ"), undefines("C"))).toThrow("flags C are both");
  });

  it("derives the 16-bit twin", () => {
    const texts = formsOf(insn(Op.MOV, "MOV r32, imm32", "B8+rd id")).map((form) => `${form.text} [${form.code}]`);
    expect(texts).toEqual(["MOV r32, imm32 [B8+rd id]", "MOV r16, imm16 [B8+rw iw]"]);
  });

  it("writes out the sixteen conditions", () => {
    const rows = conditionRows(Op.JCC, "Jcc rel8", "70+cc cb");
    expect(rows.map((row) => row.encoding.byte)).toEqual(Array.from({ length: 16 }, (_, cc) => 0x70 + cc));
    expect(rows[15]).toMatchObject({ text: "JG rel8", reads: "OSZ", shape: Shape.REL8 });
  });
});

describe("packTable", () => {
  const table = packTable();

  it("fills the decode table exactly", () => {
    expect(DecodeTable.PREFIX_GROUPS + DecodeTable.MAX_PREFIX_GROUPS * PREFIX_PLACES).toBe(DecodeTable.ENTRIES);
    expect(table.length).toBe(DecodeTable.ENTRIES * DecodeTable.ENTRY_BYTES);
  });

  it("leaves prefixes and the escape byte invalid", () => {
    for (const byte of [...PREFIX_BYTES, ESCAPE_BYTE]) expect(entryFor(table, 1, byte)).toEqual(INVALID_ENTRY);
    expect(entryFor(table, 2, SECOND_ESCAPE_BYTE)).toEqual(INVALID_ENTRY);
  });

  it("puts every row where its opcode is looked up", () => {
    for (const row of INSTRUCTIONS) {
      const { map, byte, modrm } = row.encoding;
      const { rm } = row.encoding;
      const register = rm === undefined ? 0 : 0xc0 | (typeof rm === "number" ? rm : 5);
      const reg = (typeof modrm === "number" ? modrm << 3 : 0) | register;
      const prefix = SELECTORS.indexOf(row.encoding.prefix ?? "NP");
      const found = entryFor(table, map, row.encoding.plusRegister ? byte + 7 : byte, reg, prefix);
      const narrower = row.text.startsWith("RESERVEDNOP") && row.code === "0F 1F /r";
      expect(found, row.text).toEqual(narrower ? entryOf(rowAt(2, 0x1f, 0)) : entryOf(row));
    }
  });

  it.each([
    [1, 0x83, 0x00, Op.ADD, Shape.RM_IMM8, ShapeFlag.LOCKABLE],
    [1, 0x05, 0x00, Op.ADD, Shape.ACC_IMM, 0],
    [1, 0x47, 0x00, Op.INC, Shape.OPREG, 0],
    [1, 0x90, 0x00, Op.NOP, Shape.NONE, 0],
    [1, 0x91, 0x00, Op.XCHG, Shape.OPREG_ACC, 0],
    [1, 0xa1, 0x00, Op.MOV, Shape.ACC_MOFFS, 0],
    [1, 0xa4, 0x00, Op.MOVS, Shape.NONE, ShapeFlag.STRING | ShapeFlag.BYTE],
    [1, 0x6d, 0x00, Op.INS, Shape.NONE, ShapeFlag.STRING | ShapeFlag.ENDS],
    [1, 0x6a, 0x00, Op.PUSH, Shape.IMM8S, 0],
    [1, 0xcd, 0x00, Op.INT, Shape.IMM8, ShapeFlag.ENDS],
    [1, 0xd4, 0x00, Op.AAM, Shape.IMM8, 0],
    [1, 0xe4, 0x00, Op.IN, Shape.IMM8, ShapeFlag.BYTE | ShapeFlag.ENDS],
    [1, 0xe7, 0x00, Op.OUT, Shape.IMM8, ShapeFlag.ENDS],
    [1, 0x75, 0x00, Op.JCC, Shape.REL8, ShapeFlag.CONDITION | ShapeFlag.ENDS],
    [1, 0xca, 0x00, Op.RET_FAR, Shape.IMM16, ShapeFlag.ENDS],
    [1, 0xc8, 0x00, Op.ENTER, Shape.IMM16_IMM8, 0],
    [1, 0x8e, 0x00, Op.MOV_TO_SEG, Shape.SEG_RM, ShapeFlag.WORD | ShapeFlag.ENDS],
    [1, 0x8c, 0x00, Op.MOV_FROM_SEG, Shape.RM_SEG, 0],
    [1, 0xff, 0x18, Op.CALL_FAR_INDIRECT, Shape.RM, ShapeFlag.MEMORY_ONLY | ShapeFlag.ENDS],
    [1, 0xff, 0xd8, Op.INVALID, Shape.NONE, ShapeFlag.ENDS],
    [1, 0xd9, 0x00, Op.FLD, Shape.RM, ShapeFlag.MEMORY_ONLY | ShapeFlag.DWORD],
    [1, 0xd9, 0xc3, Op.FLD, Shape.ST, ShapeFlag.REGISTER_ONLY],
    [1, 0xd9, 0xfa, Op.FSQRT, Shape.NONE, ShapeFlag.REGISTER_ONLY],
    [1, 0xd9, 0xd1, Op.INVALID, Shape.NONE, ShapeFlag.ENDS],
    [1, 0xdc, 0xe2, Op.FSUBR, Shape.STI_ST0, ShapeFlag.REGISTER_ONLY],
    [1, 0xdf, 0x38, Op.FISTP, Shape.RM, ShapeFlag.MEMORY_ONLY | ShapeFlag.QWORD],
    [1, 0xdf, 0xe0, Op.FNSTSW, Shape.NONE, ShapeFlag.REGISTER_ONLY],
    [2, 0xb6, 0x00, Op.MOVZX8, Shape.REG_RM, 0],
    [2, 0xc7, 0x08, Op.CMPXCHG8B, Shape.RM, ShapeFlag.MEMORY_ONLY | ShapeFlag.LOCKABLE],
    [2, 0xba, 0x28, Op.BTS, Shape.RM_IMM8, ShapeFlag.LOCKABLE],
    [2, 0xa4, 0x00, Op.SHLD, Shape.RM_REG_IMM8, 0],
    [2, 0x22, 0x00, Op.MOV_TO_CR, Shape.RM_CR, ShapeFlag.DWORD | ShapeFlag.ENDS],
    [2, 0x94, 0x00, Op.SETCC, Shape.RM, ShapeFlag.BYTE | ShapeFlag.CONDITION],
    [2, 0x00, 0x10, Op.LLDT, Shape.RM, ShapeFlag.WORD | ShapeFlag.PROTECTED | ShapeFlag.ENDS],
    [2, 0x1f, 0x00, Op.NOP, Shape.RM, 0],
    [2, 0x1f, 0x08, Op.NOP, Shape.RM_REG, 0],
    [2, 0x0d, 0x00, Op.INVALID, Shape.NONE, ShapeFlag.ENDS],
  ] as const)("packs map %i opcode %i with ModRM %i", (map, byte, modrm, op, shape, flags) => {
    expect(entryFor(table, map, byte, modrm)).toEqual({ op, shape, flags });
  });

  it("refuses two rows at one opcode", () => {
    const rows = [insn(Op.CLC, "CLC", "F8"), insn(Op.STC, "STC", "F8")];
    expect(() => packTable(rows)).toThrow('"STC" [F8] and "CLC" [F8] claim the same opcode');
    const digits = [insn(Op.INC, "INC r/m8", "FE /0", lockable), insn(Op.DEC, "DEC r/m8", "FE /0", reads("C"))];
    expect(() => packTable(digits)).toThrow("claim the same opcode");
    const stack = [insn(Op.FNOP, "FNOP", "D9 D0"), insn(Op.FCHS, "FCHS", "D9 D0")];
    expect(() => packTable(stack)).toThrow('"FCHS" [D9 D0] and "FNOP" [D9 D0] claim the same opcode');
    const mixed = [insn(Op.FXCH, "FXCH ST(i)", "D9 D0+i"), insn(Op.FCHS, "FCHS", "D9 D0")];
    expect(() => packTable(mixed)).toThrow("claim the same opcode");
  });

  it("refuses a row at a prefix", () => {
    expect(() => packTable([insn(Op.CLC, "CLC", "F3")])).toThrow("is a prefix");
  });
});

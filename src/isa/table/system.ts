/**
 * Rows: segment registers, descriptor tables, control and debug registers, processor control. SDM 1 7.3.15, SDM 3A 2.8
 * and 5.9. Everything that may change the mode, a segment cache, paging or the clock ends its block.
 */
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Op } from "../../../assembly/abi/op.js";
import {
  type Attribute,
  ends,
  exits,
  insn,
  no16,
  o32,
  privileged,
  privilegedIf,
  protectedOnly,
  reveals,
  sensitive,
  undefines,
  writes,
} from "../dsl.js";
import type { Family, Row } from "../row.js";

const SHOWS_SELECTOR = [sensitive("location", "shows the selector that is really loaded")];
const SHOWS_CPL = [...SHOWS_SELECTOR, sensitive("mode", "the RPL of CS and SS is the CPL")];
const LOADS_SEGMENT = [
  sensitive("control", "loads a segment cache"),
  sensitive("mode", "compares CPL and RPL with the DPL of the segment"),
  ends,
];
const CHECKS_RIGHTS = [sensitive("mode", "the answer depends on CPL"), protectedOnly, writes("Z")];

function shows(what: string, ...reasons: ExitReason[]): Attribute[] {
  return [sensitive("location", `shows ${what} at any CPL`), privilegedIf("umip"), exits(...reasons)];
}

function controls(what: string, ...reasons: ExitReason[]): Attribute[] {
  return [sensitive("control", what), privileged, exits(...reasons), ends];
}

// biome-ignore format: a table
const SEGMENT_REGISTERS: readonly Row[] = [
  insn(Op.PUSH_SEG,     "PUSH ES",          "06",       o32, ...SHOWS_SELECTOR),
  insn(Op.PUSH_SEG,     "PUSH CS",          "0E",       o32, ...SHOWS_CPL),
  insn(Op.PUSH_SEG,     "PUSH SS",          "16",       o32, ...SHOWS_CPL),
  insn(Op.PUSH_SEG,     "PUSH DS",          "1E",       o32, ...SHOWS_SELECTOR),
  insn(Op.PUSH_SEG,     "PUSH FS",          "0F A0",    o32, ...SHOWS_SELECTOR),
  insn(Op.PUSH_SEG,     "PUSH GS",          "0F A8",    o32, ...SHOWS_SELECTOR),
  insn(Op.POP_SEG,      "POP ES",           "07",       o32, ...LOADS_SEGMENT),
  insn(Op.POP_SEG,      "POP SS",           "17",       o32, ...LOADS_SEGMENT),
  insn(Op.POP_SEG,      "POP DS",           "1F",       o32, ...LOADS_SEGMENT),
  insn(Op.POP_SEG,      "POP FS",           "0F A1",    o32, ...LOADS_SEGMENT),
  insn(Op.POP_SEG,      "POP GS",           "0F A9",    o32, ...LOADS_SEGMENT),
  insn(Op.MOV_FROM_SEG, "MOV r32/m16, Sreg", "8C /r",   ...SHOWS_CPL),
  insn(Op.MOV_TO_SEG,   "MOV Sreg, r/m16",  "8E /r",    ...LOADS_SEGMENT),
  insn(Op.LES,          "LES r32, m16:32",  "C4 /r",    ...LOADS_SEGMENT),
  insn(Op.LDS,          "LDS r32, m16:32",  "C5 /r",    ...LOADS_SEGMENT),
  insn(Op.LSS,          "LSS r32, m16:32",  "0F B2 /r", ...LOADS_SEGMENT),
  insn(Op.LFS,          "LFS r32, m16:32",  "0F B4 /r", ...LOADS_SEGMENT),
  insn(Op.LGS,          "LGS r32, m16:32",  "0F B5 /r", ...LOADS_SEGMENT),
  insn(Op.LAR,          "LAR r32, r32/m16", "0F 02 /r", ...CHECKS_RIGHTS),
  insn(Op.LSL,          "LSL r32, r32/m16", "0F 03 /r", ...CHECKS_RIGHTS),
  insn(Op.VERR,         "VERR r/m16",       "0F 00 /4", ...CHECKS_RIGHTS),
  insn(Op.VERW,         "VERW r/m16",       "0F 00 /5", ...CHECKS_RIGHTS),
  insn(Op.ARPL,         "ARPL r/m16, r16",  "63 /r",    protectedOnly, writes("Z")),
];

// biome-ignore format: a table
const DESCRIPTOR_TABLES: readonly Row[] = [
  insn(Op.SLDT,         "SLDT r32/m16",     "0F 00 /0", protectedOnly, ...shows("the selector of the LDT", ExitReason.LDTR_TR_ACCESS)),
  insn(Op.STR,          "STR r32/m16",      "0F 00 /1", protectedOnly, ...shows("the selector of the TSS", ExitReason.LDTR_TR_ACCESS)),
  insn(Op.LLDT,         "LLDT r/m16",       "0F 00 /2", protectedOnly, ...controls("loads LDTR", ExitReason.LDTR_TR_ACCESS)),
  insn(Op.LTR,          "LTR r/m16",        "0F 00 /3", protectedOnly, ...controls("loads TR", ExitReason.LDTR_TR_ACCESS)),
  insn(Op.SGDT,         "SGDT m",           "0F 01 /0", o32, ...shows("GDTR", ExitReason.GDTR_IDTR_ACCESS)),
  insn(Op.SIDT,         "SIDT m",           "0F 01 /1", o32, ...shows("IDTR", ExitReason.GDTR_IDTR_ACCESS)),
  insn(Op.LGDT,         "LGDT m16&32",      "0F 01 /2", ...controls("loads GDTR", ExitReason.GDTR_IDTR_ACCESS)),
  insn(Op.LIDT,         "LIDT m16&32",      "0F 01 /3", ...controls("loads IDTR", ExitReason.GDTR_IDTR_ACCESS)),
];

// biome-ignore format: a table
const CONTROL_REGISTERS: readonly Row[] = [
  insn(Op.SMSW,         "SMSW r32/m16",     "0F 01 /4", ...shows("CR0")),
  insn(Op.LMSW,         "LMSW r/m16",       "0F 01 /6", ...controls("changes PE, MP, EM and TS", ExitReason.CR_ACCESS)),
  insn(Op.CLTS,         "CLTS",             "0F 06",    ...controls("clears TS", ExitReason.CR_ACCESS)),
  insn(Op.MOV_FROM_CR,  "MOV r32, cr",      "0F 20 /r", no16, privileged, sensitive("location", "shows a control register"), exits(ExitReason.CR_ACCESS), undefines("OSZAPC")),
  insn(Op.MOV_TO_CR,    "MOV cr, r32",      "0F 22 /r", no16, ...controls("changes mode, paging or address space", ExitReason.CR_ACCESS), undefines("OSZAPC")),
  insn(Op.MOV_FROM_DR,  "MOV r32, dr",      "0F 21 /r", no16, privileged, sensitive("location", "shows a debug register"), exits(ExitReason.DR_ACCESS), undefines("OSZAPC"), ends),
  insn(Op.MOV_TO_DR,    "MOV dr, r32",      "0F 23 /r", no16, ...controls("sets breakpoints", ExitReason.DR_ACCESS), undefines("OSZAPC")),
  insn(Op.INVLPG,       "INVLPG m",         "0F 01 /7", ...controls("drops a translation", ExitReason.INVLPG)),
  insn(Op.INVD,         "INVD",             "0F 08",    ...controls("drops the caches", ExitReason.INVD)),
  insn(Op.WBINVD,       "WBINVD",           "0F 09",    ...controls("writes back and drops the caches", ExitReason.WBINVD)),
];

// biome-ignore format: a table
const PROCESSOR: readonly Row[] = [
  insn(Op.HLT,          "HLT",              "F4",       ...controls("gives the processor up", ExitReason.HLT)),
  insn(Op.CPUID,        "CPUID",            "0F A2",    reveals("identity"), exits(ExitReason.CPUID), ends),
  insn(Op.RDTSC,        "RDTSC",            "0F 31",    reveals("time"), privilegedIf("tsd"), exits(ExitReason.RDTSC), ends),
  insn(Op.RDPMC,        "RDPMC",            "0F 33",    reveals("time"), privilegedIf("pce"), exits(ExitReason.RDPMC), ends),
  insn(Op.RDMSR,        "RDMSR",            "0F 32",    privileged, sensitive("location", "shows a model-specific register"), exits(ExitReason.RDMSR), ends),
  insn(Op.WRMSR,        "WRMSR",            "0F 30",    ...controls("changes a model-specific register", ExitReason.WRMSR)),
  insn(Op.UD,           "UD2",              "0F 0B",    exits(ExitReason.EXCEPTION_NMI), ends),
  insn(Op.UD,           "UD1 r32, r/m32",   "0F B9 /r", exits(ExitReason.EXCEPTION_NMI), ends),
];

/** Segments, descriptor tables, control registers, processor control. */
export const SYSTEM_FAMILIES: readonly Family[] = [
  { title: "Segment registers and access rights", rows: SEGMENT_REGISTERS },
  { title: "Descriptor tables", rows: DESCRIPTOR_TABLES },
  { title: "Control and debug registers, caches", rows: CONTROL_REGISTERS },
  { title: "Processor", rows: PROCESSOR },
];

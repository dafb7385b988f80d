/**
 * The registers of a machine as a plain object, for programs that want to look or compare rather than hold a view.
 * Names are the manual's in lower case; values are unsigned.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { Seg } from "../../assembly/abi/x86.js";
import type { CpuView } from "../core/cpu-view.js";

/** Parts of the processor state without a name of their own above: name, offset in Cpu, bytes. */
const FURTHER_STATE: readonly (readonly [string, number, number])[] = [
  ["x87", Fpu.ST, Fpu.OPCODE + 4 - Fpu.ST],
  ["sysenter", Cpu.SYSENTER_CS, 12],
  ["pdpte", Cpu.PDPTE, 32],
  ["tsc offset", Cpu.TSC_OFFSET, 8],
  ["a20", Cpu.A20_MASK, 4],
  ["shadow", Cpu.SHADOW, 4],
  ["interrupt pins", Cpu.INTR, 12],
  ["mcg status", Cpu.MSR_MISC, 4],
];

/** A copy of the registers a program sees. */
export interface Registers {
  eax: number;
  ecx: number;
  edx: number;
  ebx: number;
  esp: number;
  ebp: number;
  esi: number;
  edi: number;
  eip: number;
  eflags: number;
  es: number;
  cs: number;
  ss: number;
  ds: number;
  fs: number;
  gs: number;
  cr0: number;
  cr2: number;
  cr3: number;
  cr4: number;
}

/** Registers that can be set by themselves: a selector has a hidden part, which `machine.cpu.setSegment` sets. */
export type SettableRegister = Exclude<keyof Registers, "es" | "cs" | "ss" | "ds" | "fs" | "gs">;

/** A copy of all registers. */
export function readRegisters(cpu: CpuView): Registers {
  const { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags, cr0, cr2, cr3, cr4 } = cpu;
  const [es, cs, ss, ds, fs, gs] = cpu.selectors as [number, number, number, number, number, number];
  return { eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags, es, cs, ss, ds, fs, gs, cr0, cr2, cr3, cr4 };
}

/** Everything about the processor that the final-state hash covers, as text. */
export function processorStateText(cpu: CpuView): string {
  const lines = Object.entries(readRegisters(cpu)).map(([name, value]) => `${name} ${value}`);
  for (let segment = Seg.ES; segment <= Seg.TR; segment++) {
    const { selector, base, limit, access } = cpu.segment(segment);
    lines.push(`segment ${segment} ${selector} ${base} ${limit} ${access}`);
  }
  for (const n of [0, 1, 2, 3, 6, 7]) lines.push(`dr${n} ${cpu.dr(n)}`);
  lines.push(`gdtr ${cpu.gdtr.base} ${cpu.gdtr.limit}`, `idtr ${cpu.idtr.base} ${cpu.idtr.limit}`);
  lines.push(`halted ${cpu.halted}`, `retired ${cpu.retired}`);
  for (const [name, first, bytes] of FURTHER_STATE) {
    const words = Array.from({ length: bytes / 4 }, (_, i) => cpu.field(first + 4 * i));
    lines.push(`${name} ${words.join(" ")}`);
  }
  return `${lines.join("\n")}\n`;
}

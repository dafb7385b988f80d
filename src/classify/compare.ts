/**
 * What of two outcomes is compared, by name: the program's part (Popek and Goldberg's E and P), the machine's resources (R), and the
 * mode (M). IA-32 keeps the mode in the privilege bits of CS and SS, so those are taken out of the program's part; whether they leak
 * into it is what the experiments find out.
 */
import { Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { Eflags, Seg } from "../../assembly/abi/x86.js";
import { type Outcome, PROGRAM_EFLAGS } from "./laboratory.js";

/** One resource of the machine. */
export interface Resource {
  readonly name: string;
  /** Words of the CPU state, byte offsets. */
  readonly fields: readonly number[];
  readonly mask: number;
  /** Counts in the strict reading only: the lifted one takes it as part of the program. */
  readonly strictOnly: boolean;
  /** The guest-state area of a VMCS holds it: in non-root operation it is the VM's own. */
  readonly guestState: boolean;
}

const REGISTER_NAMES = ["EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"];

function segmentFields(seg: number): number[] {
  const at = Cpu.SEGS + seg * SegCache.SIZE;
  return [SegCache.SELECTOR, SegCache.BASE, SegCache.LIMIT, SegCache.ACCESS].map((field) => at + field);
}

function resource(name: string, fields: readonly number[], options: Partial<Resource> = {}): Resource {
  return { name, fields, mask: 0xffffffff, strictOnly: false, guestState: true, ...options };
}

const flag = (name: string, mask: number, strictOnly = false) => resource(name, [Cpu.EFLAGS], { mask, strictOnly });
const segmentRegister = (name: string, seg: number) => resource(name, segmentFields(seg), { strictOnly: true });

/** R of IA-32: what an instruction must not touch without the monitor's knowledge. */
export const RESOURCES: readonly Resource[] = [
  flag("IF", Eflags.IF),
  flag("IOPL", Eflags.IOPL),
  flag("VIF and VIP", Eflags.VIF | Eflags.VIP),
  flag("VM", Eflags.VM),
  flag("NT", Eflags.NT, true),
  resource("CR0", [Cpu.CR0]),
  // Not in a VMCS, but a monitor loads and stores it around every entry.
  resource("CR2", [Cpu.CR2]),
  resource("CR3", [Cpu.CR3]),
  resource("CR4", [Cpu.CR4]),
  resource("GDTR", [Cpu.GDTR_BASE, Cpu.GDTR_LIMIT]),
  resource("IDTR", [Cpu.IDTR_BASE, Cpu.IDTR_LIMIT]),
  resource("LDTR", segmentFields(Seg.LDTR)),
  resource("TR", segmentFields(Seg.TR)),
  resource(
    "debug registers",
    [0, 4, 8, 12, 24, 28].map((n) => Cpu.DR + n),
    { guestState: false },
  ),
  resource("SYSENTER MSRs", [Cpu.SYSENTER_CS, Cpu.SYSENTER_ESP, Cpu.SYSENTER_EIP]),
  resource("other MSRs", [Cpu.MSR_MISC, Cpu.TSC_OFFSET, Cpu.TSC_OFFSET + 4], { guestState: false }),
  // A delay of one instruction: nobody can tell it from an interrupt that comes later.
  resource("interrupt shadow", [Cpu.SHADOW], { strictOnly: true }),
  resource("NMI blocking", [Cpu.NMI_BLOCKED]),
  resource("activity", [Cpu.HALTED], { guestState: false }),
  segmentRegister("ES", Seg.ES),
  segmentRegister("CS", Seg.CS),
  segmentRegister("SS", Seg.SS),
  segmentRegister("DS", Seg.DS),
  segmentRegister("FS", Seg.FS),
  segmentRegister("GS", Seg.GS),
];

/** Resources that are not words of the CPU state. */
export const DEVICES = "devices";
export const TRANSLATIONS = "translations";
export const TABLES = "descriptor tables and task states";
/** CPL, where an outcome changed it. */
export const MODE = "CPL";

/** The word at a byte offset. */
export function word(words: Uint32Array, field: number): number {
  return words[field >> 2] as number;
}

/** M and R after the instruction against before: names of what it changed. */
export function changedResources({ before, after, ...outcome }: Outcome): string[] {
  const changed = RESOURCES.filter(({ fields, mask }) =>
    fields.some((field) => ((word(before, field) ^ word(after, field)) & mask) !== 0),
  ).map(({ name }) => name);
  if (word(before, Cpu.CPL) !== word(after, Cpu.CPL)) changed.push(MODE);
  if (outcome.ports.length > 0) changed.push(DEVICES);
  if (outcome.translationsDropped) changed.push(TRANSLATIONS);
  if (outcome.tablesChanged) changed.push(TABLES);
  return changed;
}

const FPU_WORDS: readonly number[] = Array.from(
  { length: (Fpu.OPCODE - Fpu.ST) / 4 + 1 },
  (_, i) => Fpu.ST + 4 * i,
).filter(
  // The selectors of the last x87 instruction are segment registers at one remove.
  (field) => field !== Fpu.CS && field !== Fpu.DS,
);

/** E and P: names of what differs between two outcomes that both completed. */
export function differingData(a: Outcome, b: Outcome): string[] {
  const names: string[] = [];
  const differs = (field: number, mask = 0xffffffff) => ((word(a.after, field) ^ word(b.after, field)) & mask) !== 0;
  for (const [i, name] of REGISTER_NAMES.entries()) if (differs(Cpu.REGS + 4 * i)) names.push(name);
  if (differs(Cpu.EIP)) names.push("EIP");
  if (differs(Cpu.EFLAGS, PROGRAM_EFLAGS)) names.push("flags");
  if (FPU_WORDS.some((field) => differs(field))) names.push("x87");
  if (a.memory.length !== b.memory.length || a.memory.some((byte, i) => byte !== b.memory[i])) names.push("memory");
  return names;
}

/** Privilege bits of a segment cache's access byte, and of a selector. */
const DPL = 0x60;
const RPL = 3;

/** Whether a run left CS or SS as it was; if not, what it is now but for the privilege. */
function withoutMode({ before, after }: Outcome, seg: Seg.CS | Seg.SS): string {
  const fields = segmentFields(seg);
  if (fields.every((field) => word(before, field) === word(after, field))) return "own";
  const [value, base, limit, access] = fields.map((field) => word(after, field)) as [number, number, number, number];
  return [value & ~RPL, base, limit, access & ~DPL].join();
}

/**
 * R after two runs that began with the same R and differ in the mode: names of what the instruction did to one and not to the other.
 */
export function differingResources(a: Outcome, b: Outcome): string[] {
  const names = RESOURCES.filter(({ name }) => name !== "CS" && name !== "SS")
    .filter(({ fields, mask }) => fields.some((field) => ((word(a.after, field) ^ word(b.after, field)) & mask) !== 0))
    .map(({ name }) => name);
  if (withoutMode(a, Seg.CS) !== withoutMode(b, Seg.CS)) names.push("CS");
  if (withoutMode(a, Seg.SS) !== withoutMode(b, Seg.SS)) names.push("SS");
  const ended = ({ before, after }: Outcome) =>
    word(before, Cpu.CPL) === word(after, Cpu.CPL) ? "own" : String(word(after, Cpu.CPL));
  if (ended(a) !== ended(b)) names.push(MODE);
  if (a.ports.join() !== b.ports.join()) names.push(DEVICES);
  return names;
}

/**
 * The laboratory: a machine of its own in which one instruction is executed from a state in a situation.
 *
 * Every run begins from the same memory and the same registers but for what state and situation say, so that two runs differ by
 * nothing else. The instruction goes through its generic function, the meaning of the machine.
 */
import { Cpu, SEG_USABLE, SegCache } from "../../assembly/abi/cpu.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { IntrInfo, Isa, Primary, Secondary, Vmx } from "../../assembly/abi/vmx.js";
import { ARITHMETIC_FLAGS, Eflags, Seg } from "../../assembly/abi/x86.js";
import { Core } from "../core/core.js";
import {
  FRAMES,
  pageAt,
  Slot,
  STAGE,
  STAGE_BYTES,
  STAGE_RAM,
  StagePage,
  selector,
  stageImage,
  TSS_BYTES,
} from "./stage.js";
import type { Situation, State } from "./state.js";

/** How an instruction ended: behind itself, in a fault, at the target of a gate, or in a VM exit. */
type OutcomeKind = "done" | "fault" | "gate" | "exit";

/** What an experiment sees. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** Exception vector and error code of a fault; ExitReason of an exit. */
  readonly vector: number;
  readonly error: number;
  /** The CPU state as words, before and after; EFLAGS complete. */
  readonly before: Uint32Array;
  readonly after: Uint32Array;
  /** Guest memory that a completed instruction changed: linear address and new value of each word, ascending. */
  readonly memory: readonly number[];
  /** Descriptor tables or task states in memory changed. */
  readonly tablesChanged: boolean;
  /** Accesses to ports. */
  readonly ports: readonly string[];
  /** TLB entries were dropped. */
  readonly translationsDropped: boolean;
}

const PAGE = 4096;
/** Where the instruction is in the code page. */
export const CODE_AT = pageAt(StagePage.CODE) + 0x100;
/** Words of the CPU state that a run looks at: integer state and x87. */
const WORDS = Fpu.OPCODE / 4 + 1;
const DATA_OFFSET = StagePage.DATA * PAGE;
const DATA_BYTES = 4 * PAGE;
const TABLES_OFFSET = StagePage.GDT * PAGE;
const TABLES_BYTES = (StagePage.HANDLERS - StagePage.GDT) * PAGE;
const HANDLERS = pageAt(StagePage.HANDLERS);
/** Value of Cpu.FAULT_VECTOR while nothing has faulted. */
const NO_FAULT = 0xffff;
const ALL_CODE = 0xc09b | SEG_USABLE;
const ALL_DATA = 0xc093 | SEG_USABLE;
const dpl = (ring: number) => ring << 5;

/** Fields that have one value at the start of every run: nothing pending, nothing special. */
const QUIET: readonly [field: number, value: number][] = [
  [Cpu.STOP, 0],
  [Cpu.SHADOW, 0],
  [Cpu.RETIRED, 1000],
  [Cpu.RETIRED + 4, 0],
  [Cpu.SKIPPED, 0],
  [Cpu.SKIPPED + 4, 0],
  [Cpu.TSC_OFFSET + 4, 0],
  [Cpu.FAULT_VECTOR, NO_FAULT],
  [Cpu.INTR, 0],
  [Cpu.NMI_PENDING, 0],
  [Cpu.HALTED, 0],
  [Cpu.PENDING_DB, 0],
  [Cpu.TF_ARMED, 0],
  [Cpu.EXT, 0],
  [Cpu.DELIVERING, -1],
  [Cpu.IN_TASK_SWITCH, 0],
  [Cpu.BP_ENABLED, 0],
];

/** Controls of non-root operation: what can exit does, and the monitor owns all of CR0 and CR4. */
const NON_ROOT: readonly [field: number, value: number][] = [
  [Vmx.NON_ROOT, 1],
  [
    Vmx.PRIMARY,
    Primary.HLT |
      Primary.INVLPG |
      Primary.RDPMC |
      Primary.RDTSC |
      Primary.CR3_LOAD |
      Primary.CR3_STORE |
      Primary.MOV_DR |
      Primary.UNCONDITIONAL_IO |
      Primary.SECONDARY,
  ],
  [Vmx.SECONDARY, Secondary.DESCRIPTOR_TABLES | Secondary.WBINVD],
  [Vmx.CR0_MASK, -1],
  [Vmx.CR4_MASK, -1],
];

/** Counters of dropped translations, u64 each: only their low words move here. */
const FLUSH_COUNTERS = [Cpu.COUNTERS + 8, Cpu.COUNTERS + 16];

/** Outcomes that are still good when another one is made: more than the situations of one state. */
const RECENT = 32;
const NOTHING: readonly number[] = [];

/** A machine for experiments. An outcome lasts for the next 31 runs. */
export class Laboratory {
  private readonly core: Core;
  private readonly recent = Array.from({ length: RECENT }, () => [new Uint32Array(WORDS), new Uint32Array(WORDS)]);
  /** The images in RAM. */
  private readonly ram: readonly Buffer[];
  private readonly words: Uint32Array;
  private readonly controls: Uint32Array;
  /** Pristine images by frame and DPL of the open gates. */
  private readonly images: readonly (readonly Buffer[])[];
  /** What RAM holds at each frame but for the data pages: the DPL of its open gates, -1 if it has to be written again. */
  private readonly loaded = [-1, -1];
  private readonly expectedWords = new Uint32Array(DATA_BYTES / 4);
  private readonly expected = Buffer.from(this.expectedWords.buffer);
  private ports: string[] = [];
  /** Instructions executed. */
  runs = 0;

  /**
   * A machine of an instruction set. On a `strict` one the instruction is under a monitor outside ring 0: what is sensitive faults, and
   * everything that goes through the IDT is an exit, which counts as a fault here. On a `vt` one it is in non-root operation, where all
   * that can exit does, and control registers are read through shadows.
   */
  constructor(private readonly isa: "ia32" | "strict" | "vt" = "ia32") {
    this.core = Core.create(
      { ramBytes: STAGE_RAM },
      {
        portRead: (port, size) => {
          this.ports.push(`in ${size} ${port.toString(16)}`);
          return 0x5a5a5a5a >>> (32 - 8 * size);
        },
        portWrite: (port, size, value) => {
          this.ports.push(`out ${size} ${port.toString(16)} ${value.toString(16)}`);
        },
        mmioRead: () => 0xffffffff,
        mmioWrite: () => {},
        acknowledgeInterrupt: () => 0xff,
      },
    );
    this.words = new Uint32Array(this.core.memory.buffer, Layout.CPU, WORDS);
    this.controls = new Uint32Array(this.core.memory.buffer, Layout.VMX, Vmx.SIZE / 4);
    const { buffer } = this.core.memory;
    this.ram = FRAMES.map((base) => Buffer.from(buffer, this.core.ram.byteOffset + base, STAGE_BYTES));
    this.images = FRAMES.map((base) => [0, 1, 2, 3].map((open) => Buffer.from(stageImage(base, open).buffer)));
  }

  /** Executes the state's instruction in the situation. */
  run(state: State, situation: Situation): Outcome {
    const { moved } = situation;
    const frame = moved.has("frames") ? 1 : 0;
    const ram = this.load(state, frame);
    this.setRegisters(state, situation, FRAMES[frame] as number);
    const isMonitored = this.isa === "strict" && situation.ring > 0;
    if (this.isa === "strict") this.monitor(isMonitored);
    if (this.isa === "vt") this.enterNonRoot();
    const [before, after] = this.recent[this.runs++ % RECENT] as [Uint32Array, Uint32Array];
    before.set(this.words);
    this.ports = [];
    const reason = this.core.stepOnce();
    after.set(this.words);
    after[Cpu.EFLAGS / 4] = this.core.cpu.eflags;
    const { kind, vector, error } = this.ending(after, reason, isMonitored);
    const tablesChanged = this.tablesChanged(ram, frame, state);
    const memory = kind === "done" ? this.changedMemory(ram) : NOTHING;
    const translationsDropped = FLUSH_COUNTERS.some((counter) => before[counter >> 2] !== after[counter >> 2]);
    return { kind, vector, error, before, after, memory, tablesChanged, ports: this.ports, translationsDropped };
  }

  /** Brings memory into the state; returns the image in RAM. */
  private load(state: State, frame: number): Buffer {
    const ram = this.ram[frame] as Buffer;
    const image = this.images[frame]![state.openGates]!;
    if (this.loaded[frame] === -1) image.copy(ram);
    else if (this.loaded[frame] !== state.openGates) {
      for (const page of [StagePage.IDT, StagePage.OTHER_IDT])
        image.copy(ram, page * PAGE, page * PAGE, (page + 1) * PAGE);
    }
    this.loaded[frame] = state.openGates;
    image.copy(this.expected, 0, DATA_OFFSET, DATA_OFFSET + DATA_BYTES);
    for (const { at, bytes } of state.patches) {
      const offset = at - pageAt(StagePage.DATA);
      if (offset >= 0 && offset + bytes.length <= DATA_BYTES) this.expected.set(bytes, offset);
    }
    this.expected.copy(ram, DATA_OFFSET);
    ram.set(state.code, CODE_AT - STAGE);
    return ram;
  }

  private setRegisters(state: State, { ring, moved }: Situation, base: number): void {
    const { words } = this;
    const set = (field: number, value: number) => {
      words[field >> 2] = value;
    };
    const pick = <T>(relocation: "control" | "flags" | "registers" | "time", of: (r: State["own"]) => T) =>
      of(moved.has(relocation) ? state.host : state.own);
    for (const [field, value] of QUIET) set(field, value);
    for (const [i, value] of state.regs.entries()) set(Cpu.REGS + 4 * i, value);
    set(Cpu.EIP, CODE_AT);
    set(Cpu.CPL, ring);
    set(
      Cpu.CR0,
      pick("control", (r) => r.cr0),
    );
    set(
      Cpu.CR2,
      pick("registers", (r) => r.cr2),
    );
    set(Cpu.CR3, base);
    set(
      Cpu.CR4,
      pick("control", (r) => r.cr4),
    );
    const dr = pick("registers", (r) => r.dr);
    for (const [i, value] of dr.entries()) set(Cpu.DR + 4 * i, value);
    const sysenter = pick("registers", (r) => r.sysenter);
    set(Cpu.SYSENTER_CS, sysenter[0]);
    set(Cpu.SYSENTER_ESP, sysenter[1]);
    set(Cpu.SYSENTER_EIP, sysenter[2]);
    set(
      Cpu.MSR_MISC,
      pick("registers", (r) => r.mcgStatus),
    );
    set(
      Cpu.TSC_OFFSET,
      pick("time", (r) => r.tscOffset),
    );
    set(Cpu.NMI_BLOCKED, state.nmiBlocked);
    this.setSegments(ring, moved.has("tables"), moved.has("selectors"));
    words.set(state.fpu, Fpu.ST / 4);
    set(Fpu.CS, words[(Cpu.SEGS + Seg.CS * SegCache.SIZE + SegCache.SELECTOR) >> 2] as number);
    set(Fpu.DS, words[(Cpu.SEGS + Seg.DS * SegCache.SIZE + SegCache.SELECTOR) >> 2] as number);
    this.core.exports.writeEflags(pick("flags", (r) => r.eflags));
    this.core.exports.refresh();
    // FLAG_RESULT and FLAG_AUX are a form of EFLAGS: runs compare EFLAGS itself.
    words[Cpu.EFLAGS >> 2] = this.core.cpu.eflags & ~ARITHMETIC_FLAGS;
  }

  private setSegments(ring: number, tables: boolean, twins: boolean): void {
    const set = (seg: number, value: number, base: number, limit: number, access: number) => {
      const at = (Cpu.SEGS + seg * SegCache.SIZE) >> 2;
      this.words[at + (SegCache.BASE >> 2)] = base;
      this.words[at + (SegCache.LIMIT >> 2)] = limit;
      this.words[at + (SegCache.SELECTOR >> 2)] = value;
      this.words[at + (SegCache.ACCESS >> 2)] = access;
    };
    const flat = (seg: number, slot: number, dplOf: number, access: number) =>
      set(seg, selector(slot + dplOf, dplOf), 0, 0xffffffff, access | dpl(dplOf));
    const code = twins ? Slot.TWIN_CODE : Slot.CODE;
    const data = twins ? Slot.TWIN_DATA : Slot.DATA;
    flat(Seg.CS, code, ring, ALL_CODE);
    flat(Seg.SS, data, ring, ALL_DATA);
    for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) flat(seg, data, 3, ALL_DATA);
    const first = tables ? StagePage.OTHER_GDT : StagePage.GDT;
    const other = tables ? 1 : 0;
    set(Seg.LDTR, selector(Slot.LDT + other), pageAt(first + 2), 4 * 8 - 1, 0x82 | SEG_USABLE);
    set(Seg.TR, selector(Slot.TSS + other), pageAt(first + 3), TSS_BYTES - 1, 0x8b | SEG_USABLE);
    const table = (field: number, base: number, limit: number) => {
      this.words[field >> 2] = base;
      this.words[(field >> 2) + 1] = limit;
    };
    table(Cpu.GDTR_BASE, pageAt(first), Slot.COUNT * 8 - 1);
    table(Cpu.IDTR_BASE, pageAt(first + 1), 256 * 8 - 1);
  }

  /** Puts the machine under a monitor, or leaves it to itself. */
  private monitor(isMonitored: boolean): void {
    this.controls[Vmx.ISA >> 2] = Isa.STRICT;
    this.controls[Vmx.DEPRIVILEGED >> 2] = isMonitored ? 1 : 0;
    this.core.exports.applyControls();
  }

  /** Non-root operation with every control set that makes an instruction exit. */
  private enterNonRoot(): void {
    const { controls, words } = this;
    for (const [field, value] of NON_ROOT) controls[field >> 2] = value;
    controls[Vmx.CR0_SHADOW >> 2] = words[Cpu.CR0 >> 2] as number;
    controls[Vmx.CR4_SHADOW >> 2] = words[Cpu.CR4 >> 2] as number;
    this.core.exports.applyControls();
  }

  private ending(after: Uint32Array, reason: number, isMonitored: boolean) {
    if (this.isa === "vt" && reason !== ExitReason.BUDGET) return { kind: "exit", vector: reason, error: 0 } as const;
    if (isMonitored && reason === ExitReason.EXCEPTION_NMI) {
      const info = this.controls[Vmx.INTR_INFO >> 2] as number;
      const error = this.controls[Vmx.INTR_ERROR >> 2] as number;
      return { kind: "fault", vector: info & IntrInfo.VECTOR, error } as const;
    }
    const word = (field: number) => after[field >> 2] as number;
    const vector = word(Cpu.FAULT_VECTOR);
    if (vector !== NO_FAULT) return { kind: "fault", vector, error: word(Cpu.FAULT_ERROR) } as const;
    const eip = word(Cpu.EIP);
    const kind = eip >= HANDLERS && eip < HANDLERS + PAGE ? "gate" : "done";
    return { kind, vector: 0, error: 0 } as const;
  }

  /** Guest memory that is no longer what it was before. */
  private changedMemory(ram: Buffer): readonly number[] {
    const { expected } = this;
    if (ram.compare(expected, 0, DATA_BYTES, DATA_OFFSET, DATA_OFFSET + DATA_BYTES) === 0) return NOTHING;
    const memory: number[] = [];
    const now = new Uint32Array(ram.buffer, ram.byteOffset + DATA_OFFSET, DATA_BYTES / 4);
    for (const [i, value] of this.expectedWords.entries()) {
      if (now[i] !== value) memory.push(pageAt(StagePage.DATA) + 4 * i, now[i] as number);
    }
    return memory;
  }

  /** Whether tables are no longer what they were; they are put back with the next load. */
  private tablesChanged(ram: Buffer, frame: number, state: State): boolean {
    const image = this.images[frame]![state.openGates]!;
    const end = TABLES_OFFSET + TABLES_BYTES;
    const changed = ram.compare(image, TABLES_OFFSET, end, TABLES_OFFSET, end) !== 0;
    if (changed) this.loaded[frame] = -1;
    return changed;
  }
}

/** EFLAGS bits that belong to the program; the others are the machine's. */
export const PROGRAM_EFLAGS = ARITHMETIC_FLAGS | Eflags.DF | Eflags.TF | Eflags.AC | Eflags.ID;

/**
 * A random machine twice: bare, and in a virtual machine. Both get the same state, the same host and the same budgets, and must come to the
 * same state at each stop. Beside the virtual machine lies a neighbour that nobody runs: no byte of it may change.
 */
import { Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { Fpu } from "../../assembly/abi/fpu.js";
import { Invalidation } from "../../assembly/abi/vmx.js";
import { Core } from "../../src/core/core.js";
import { BarePlatform, type Platform } from "../../src/core/platform.js";
import { Hypervisor, machineBytes, setIsa } from "../../src/vmm/hypervisor.js";
import { MMUS_OF, type VmOptions } from "../../src/vmm/options.js";
import type { VirtualMachine } from "../../src/vmm/virtual-machine.js";
import { processorWords, type Words } from "../../src/vmm/words.js";
import { Random } from "../random.js";
import { brokenInvariant, Canaries } from "../robustness/invariants.js";
import { RandomHost, type Wires } from "../robustness/random-host.js";
import { type FuzzCase, RAM_BYTES, RandomMachine, ROM_BYTES } from "../robustness/random-machine.js";
import { AT_ONCE } from "../translator/eager.js";
import { reference, type Way } from "./ways.js";

/** Call-backs after which a case ends. */
const MOST_CALLS = 5_000;
/** Ticks between two comparisons, at most. */
const PIECE = 500;
/** A halted processor is woken this often before it gets a new life. */
const WAKES = 20;
/** Lives of a machine. */
const LIVES = 30;
/** Host milliseconds after which a case ends early. */
const LONG_CASE = 1_000;
const PAGE = 4096;
const CANARY = 0x5a;

/** Processor state a guest has: ranges of `Cpu`, and x87. */
const STATE: readonly (readonly [from: number, to: number])[] = [
  [Cpu.REGS, Cpu.ZERO],
  [Cpu.EIP, Cpu.STOP],
  [Cpu.SHADOW, Cpu.FAULT_VECTOR],
  [Cpu.CR0, Cpu.EXIT_REASON],
  [Cpu.NMI_PENDING, Cpu.GENERATION],
  [Cpu.PENDING_DB, Cpu.RAM_BYTES],
  [Cpu.MSR_MISC, Cpu.IN_TASK_SWITCH],
  [Fpu.ST, Fpu.OPCODE + 4],
];
/** Words that are derived, or one form of several: EFLAGS is compared whole. */
const DERIVED = new Set<number>([Cpu.FLAG_RESULT, Cpu.FLAG_AUX, Cpu.EFLAGS]);
for (let seg = 0; seg < 8; seg++) {
  for (const field of [SegCache.READ_MAX, SegCache.WRITE_MAX, 24, 28])
    DERIVED.add(Cpu.SEGS + seg * SegCache.SIZE + field);
}
const COMPARED = STATE.flatMap(([from, to]) =>
  Array.from({ length: (to - from) / 4 }, (_, i) => from + 4 * i).filter((field) => !DERIVED.has(field)),
);

/** What became of a case. */
export interface PairResult {
  /** What differed or was wrong, or undefined. */
  problem?: string;
  ticks: number;
  /** Ticks that the virtual machine ran directly, and exits. */
  direct: number;
  exits: number;
}

/** A machine with its host. */
class Side {
  readonly host = new RandomHost(true);
  readonly platform: Platform;
  readonly words: Words;

  constructor(create: (host: RandomHost) => Platform) {
    this.platform = create(this.host);
    this.words = processorWords(this.platform.core);
  }

  get wires(): Wires {
    const { platform } = this;
    return {
      setInterruptLine: (level) => platform.setInterruptLine(level),
      raiseNmi: () => platform.raiseNmi(),
      setA20: (enabled) => platform.setA20(enabled),
      requestStop: () => platform.requestStop(),
      writeRam: (pa, bytes) => platform.ram.write(pa, bytes),
    };
  }
}

/** Bare machine and hypervisor for any number of cases. */
export class FuzzPair {
  readonly bare: Side;
  private readonly hypervisor: Hypervisor;
  private readonly options: VmOptions;
  private readonly neighbour: VirtualMachine;

  /** `eager`: the virtual machine's code is translated the first time it is executed. */
  constructor(
    way: Way,
    private readonly eager: boolean,
  ) {
    this.bare = new Side((host) => new BarePlatform(Core.create({ ramBytes: RAM_BYTES, romBytes: ROM_BYTES }, host)));
    setIsa(this.bare.platform.core, reference(way).isa ?? "umip");
    const vmm = way.vmm as VmOptions["vmm"];
    this.options = {
      vmm,
      mmu: (way.mmu ?? MMUS_OF[vmm][0]) as VmOptions["mmu"],
      isa: way.isa ?? "umip",
      rings: way.rings ?? "0/1/3",
      diagnose: false,
      ramBytes: RAM_BYTES,
      shadowFrames: 256,
    };
    const one = { ...this.options, ramBytes: RAM_BYTES + ROM_BYTES };
    this.hypervisor = new Hypervisor({ ramBytes: machineBytes([one, one]), isa: this.options.isa });
    if (eager) this.hypervisor.translator().paced = false;
    this.neighbour = this.hypervisor.createVm(this.options, this.bare.host, "neighbour");
    const canary = new Uint8Array(PAGE).fill(CANARY);
    for (let gpa = 0; gpa < RAM_BYTES; gpa += PAGE) this.neighbour.ram.write(gpa, canary);
  }

  /** Regions that were made of the virtual machines' code. */
  get regions(): number {
    return this.eager ? this.hypervisor.translator().counters.regions : 0;
  }

  /** Runs a case. `calm`: both forget what they remember of page tables before the last tick. */
  run(fuzz: FuzzCase, calm = false): PairResult {
    const { hypervisor, options } = this;
    const free = hypervisor.frames.free;
    const virtual = new Side((host) => hypervisor.createVm(options, host));
    const vm = virtual.platform as VirtualMachine;
    let problem: string | undefined;
    try {
      const canaries = new Canaries(hypervisor.core);
      problem = this.drive(fuzz, virtual, calm) ?? canaries.check() ?? brokenInvariant(this.bare.platform.core);
    } catch (error) {
      problem = `thrown: ${error instanceof Error ? error.stack : String(error)}`;
    }
    const ticks = vm.time;
    const { direct, exits } = vm.statistics();
    try {
      vm.destroy();
    } catch (error) {
      problem ??= `destroyed: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (hypervisor.frames.free !== free) problem ??= `${free - hypervisor.frames.free} frames leaked`;
    problem ??= this.neighbourProblem();
    return { problem, ticks, direct, exits: exits.reduce((sum, { count }) => sum + count, 0) };
  }

  /** Runs both sides through the case's ticks. Returns how they differ. */
  private drive(fuzz: FuzzCase, virtual: Side, calm: boolean): string | undefined {
    const { bare } = this;
    const machine = new RandomMachine(bare.platform.core, fuzz);
    const sides = [bare, virtual];
    for (const side of sides) side.host.start(side.wires, fuzz.seed ^ 0x5eed, MOST_CALLS);
    this.copy(virtual);
    const pieces = new Random(fuzz.seed);
    const started = performance.now();
    let wakes = 0;
    for (let lives = LIVES; bare.platform.time < fuzz.budget; ) {
      if (bare.host.exhausted || performance.now() - started > LONG_CASE) return undefined;
      const left = fuzz.budget - bare.platform.time;
      const last = calm && left === 1;
      if (last) for (const side of sides) forget(side.platform);
      const piece = Math.min(calm && !last ? left - 1 : left, pieces.between(1, PIECE));
      const [reason, other] = sides.map((side) => side.platform.run(piece)) as [ExitReason, ExitReason];
      const ends = reason === other ? undefined : `ends ${ExitReason[reason]}, ${ExitReason[other]}`;
      const difference = [ends, this.difference(virtual)].filter(Boolean).join("; ") || undefined;
      if (difference !== undefined) return `after ${bare.platform.time} ticks: ${difference}`;
      if (reason === ExitReason.TRIPLE_FAULT || (reason === ExitReason.HLT && ++wakes % WAKES === 0)) {
        if (--lives === 0) return undefined;
        machine.revive();
        this.copy(virtual);
      } else if (reason === ExitReason.HLT) {
        for (const { platform } of sides) {
          if (wakes % 2 !== 0) platform.setInterruptLine(true);
          if (wakes % 2 === 0 || wakes % 4 === 3) platform.raiseNmi();
        }
      }
    }
    return undefined;
  }

  /** Gives the virtual machine the bare one's state. */
  private copy(virtual: Side): void {
    const { platform, words } = this.bare;
    const to = virtual.platform;
    to.reset();
    to.setRom(platform.core.rom);
    for (let pa = 0; pa < RAM_BYTES; pa += PAGE) to.ram.write(pa, platform.core.ram.subarray(pa, pa + PAGE));
    for (const [from, end] of STATE) virtual.words.bytes(from, end - from).set(words.bytes(from, end - from));
    to.setInterruptLine(words.get(Cpu.INTR) !== 0);
    to.cpu.refresh();
    if (this.eager) {
      to.core.cpu.setField(Cpu.HEAT, AT_ONCE);
      to.core.exports.flushCode();
    }
  }

  /** How the states differ, or undefined. */
  private difference(virtual: Side): string | undefined {
    const { platform, words } = this.bare;
    const found: string[] = [];
    const compare = (what: string, a: number, b: number) => {
      if (a >>> 0 !== b >>> 0) found.push(`${what} ${(a >>> 0).toString(16)}, ${(b >>> 0).toString(16)}`);
    };
    compare("time", platform.time, virtual.platform.time);
    compare("eflags", platform.cpu.eflags, virtual.platform.cpu.eflags);
    for (const field of COMPARED) compare(fieldName(field), words.get(field), virtual.words.get(field));
    let pa = 0;
    for (const piece of virtual.platform.ram.pieces()) {
      const mine = Buffer.from(platform.core.ram.buffer, platform.core.ram.byteOffset + pa, piece.length);
      if (mine.compare(piece) !== 0) {
        const at = mine.findIndex((byte, i) => byte !== piece[i]);
        compare(`memory ${(pa + at).toString(16)}`, mine[at]!, piece[at]!);
      }
      pa += piece.length;
    }
    compare("call-backs", this.bare.host.calls, virtual.host.calls);
    return found.length === 0 ? undefined : found.slice(0, 12).join("; ");
  }

  private neighbourProblem(): string | undefined {
    for (const piece of this.neighbour.ram.pieces()) {
      if (piece.some((byte) => byte !== CANARY)) return "a neighbour's memory was written";
    }
    return undefined;
  }
}

/** The name of a word of the processor's state. */
function fieldName(field: number): string {
  if (field < Cpu.ZERO) return ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"][field / 4]!;
  if (field >= Cpu.SEGS && field < Cpu.SYSENTER_CS) {
    const seg = Math.floor((field - Cpu.SEGS) / SegCache.SIZE);
    return `${["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"][seg]}.${SegCache[(field - Cpu.SEGS) % SegCache.SIZE]}`;
  }
  return Cpu[field] ?? `word ${field}`;
}

/** Drops every translation and shadow that a platform keeps. */
function forget(platform: Platform): void {
  const { cpu, core } = platform;
  (platform as Partial<VirtualMachine>).shadowTables?.flushAll();
  core.exports.invept(Invalidation.ALL, 0);
  core.exports.invvpid(Invalidation.ALL, 0, 0);
  cpu.refresh();
}

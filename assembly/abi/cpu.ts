/**
 * The CPU state: byte offsets from `Layout.CPU`. Every architectural register is here and nowhere else.
 * Arithmetic flags are kept as FLAG_RESULT and FLAG_AUX (see assembly/cpu/flags.ts), the rest of EFLAGS in EFLAGS.
 */
export enum Cpu {
  REGS = 0, // eight u32 in encoding order
  ZERO = 32, // u32, always zero: the base or index of an address that has none
  EIP = 36, // u32, current instruction at a boundary
  FLAG_RESULT = 40, // i32, sign-extended result of the last flag-setting operation
  FLAG_AUX = 44, // i32, carry vector: bit 31 CF, bit 31 xor 30 OF, bit 3 AF, bits 8-15 parity delta, bit 0 sign delta
  EFLAGS = 48, // u32, without the arithmetic flags
  CPL = 52, // u32, current privilege level
  STOP = 56, // u32, Stop bits: leave the block loop after this instruction
  ATTENTION = 60, // u32, Attention bits: look here before the next block
  CONTEXT = 64, // u32, low 12 bits of a TLB tag for the current privilege and address space
  MODE = 68, // u32, Mode bits: part of the key of decoded blocks
  GIVEN = 72, // u32, instructions of the running block, taken from LEFT at its entry; 0 between blocks
  RECORD = 76, // u32 ptr, record of the instruction being executed by a non-inlined function
  LEFT = 80, // i32, instructions of the budget not yet given to a block
  SHADOW = 84, // u32, 1: interrupts and debug traps are held off for one instruction (STI, MOV SS)
  RETIRED = 88, // u64, instructions retired up to the last boundary outside the block loop
  SKIPPED = 96, // u64, ticks of virtual time passed without instructions (HLT)
  TSC_OFFSET = 104, // i64, added to virtual time by RDTSC
  FAULT_VECTOR = 112, // u32, valid while Stop.FAULT is set
  FAULT_ERROR = 116, // u32, error code
  FAULT_HAS_ERROR = 120, // u32, 1 if the exception pushes an error code
  CR0 = 124,
  CR2 = 128,
  CR3 = 132,
  CR4 = 136,
  DR = 140, // DR0..DR3, (DR4, DR5 unused), DR6, DR7: eight u32
  GDTR_BASE = 172,
  GDTR_LIMIT = 176,
  IDTR_BASE = 180,
  IDTR_LIMIT = 184,
  A20_MASK = 188, // u32, and-mask of physical addresses
  SEGS = 192, // eight caches of SegCache.SIZE bytes: ES CS SS DS FS GS LDTR TR
  SYSENTER_CS = 448,
  SYSENTER_ESP = 452,
  SYSENTER_EIP = 456,
  PDPTE = 464, // four u64: page-directory-pointer entries loaded by MOV CR3 in PAE mode
  EXIT_REASON = 496, // u32, ExitReason of the last run
  EXIT_QUALIFICATION = 500, // u32
  INTR = 504, // u32, level of the INTR pin
  NMI_PENDING = 508, // u32
  NMI_BLOCKED = 512, // u32, 1 between NMI delivery and IRET
  HALTED = 516, // u32, 1 after HLT until an event wakes the CPU
  GENERATION = 520, // u32, TLB generation
  SLICE = 524, // i32, size of the running slice (RETIRED + SLICE - LEFT = now)
  PENDING_DB = 528, // u32, DR6 bits of debug traps to raise after this instruction
  RAM_BYTES = 532, // u32, size of machine RAM
  ROM_BYTES = 536, // u32, size of the ROM at the top of the physical space
  RAM_PTR = 540, // u32 ptr, physical address 0
  ROM_PTR = 544, // u32 ptr
  CODE_MAP_PTR = 548, // u32 ptr, one u64 per RAM page: which 64-byte chunks hold decoded code
  CODE_LIST_PTR = 552, // u32 ptr, one u32 per RAM page: head of the page's list of blocks
  POOL_NEXT = 556, // u32 ptr, next free byte of the block pool
  DELIVERING = 560, // i32, vector being delivered, -1 if none: double-fault rules
  EXT = 564, // u32, 1 while an external event is being delivered: EXT bit of selector error codes
  FAULT_LINEAR = 568, // u32, linear address of the last #PF raised; CR2 gets it when the fault is delivered
  MSR_MISC = 572, // u32, reserved for small MSRs
  IN_TASK_SWITCH = 576, // u32
  DECODE_GENERATION = 580, // u32, counts flushes of the block pool
  BP_ENABLED = 584, // u32, DR7 enables any breakpoint
  TF_ARMED = 588, // u32, TF was set when the current instruction began
  SLOW_ACCESS = 592, // u32, 1: every memory access takes the slow path (alignment checks, data breakpoints)
  MODIFY_LIN = 596, // u32, linear address of the pending read-modify-write
  CODE_KILLS_PTR = 600, // u32 ptr, one u8 per RAM page: how often code decoded from it was overwritten, up to 255
  MMIO_PFN = 604, // u32, frame of the last translation that hit no RAM or ROM
  WALKED = 608, // u32, Walked bits of the last walk
  STEP_ONLY = 612, // u32, 1: every instruction goes through its generic function
  PROBING = 616, // u32, Probe bits
  FLAG_KIND = 620, // u32, FlagKind of FLAG_A and FLAG_B as a region left them
  FLAG_A = 624, // u32
  FLAG_B = 628, // u32
  HEAT = 632, // i32, instructions a block of HEAT_LENGTH may take in the interpreter before it is worth translating; 0: never
  MAP_EPOCH = 636, // u32, counts what drops translations that code is found by: regions check their pages again when it moves
  COUNTERS = 640, // Counter: u64 each
  SCRATCH = 1000, // 24 bytes: the instruction bytes that fetchSlow() puts together
  SIZE = 1024,
}

/** One segment cache (SDM 3A 3.4.3). */
export enum SegCache {
  BASE = 0, // u32
  LIMIT = 4, // u32, in bytes, already scaled
  READ_MAX = 8, // u32, offsets below this are readable without further checks, for 4 bytes and fewer; 0: always ask
  WRITE_MAX = 12, // u32, same for writes
  SELECTOR = 16, // u32
  ACCESS = 20, // u32, access byte and DescFlag bits; bit 16 set: the cache is usable (not loaded with a null selector)
  SIZE = 32,
}

/** SegCache.ACCESS bit: the segment register holds a usable segment. */
export const SEG_USABLE: i32 = 65536;

/** Reasons to leave the block loop after the current instruction. */
export enum Stop {
  FAULT = 1, // the instruction did not complete: exception in FAULT_*
  CODE_CHANGED = 2, // decoded code was dropped, maybe this block
  HOST = 4, // the host asked (Core.requestStop)
  EXIT = 8, // EXIT_REASON is set: leave run()
  SWITCHED = 16, // control state changed under the block: look at ATTENTION and look the next block up afresh
  REPEAT = 32, // a REP instruction has iterations left: it restarts at itself and has not retired
  UNTIMED = 64, // with REPEAT: the pause was the host's wish alone and takes no tick
}

/** Conditions that must be looked at between instructions. */
export enum Attention {
  INTERRUPT = 1, // INTR and IF
  NMI = 2, // NMI pending and not blocked
  SINGLE_STEP = 4, // TF
  SHADOW = 8, // SHADOW is set
  BREAKPOINTS = 16, // DR7 enables something
  PENDING_DB = 32, // a debug trap is due
  EXIT = 64, // an exit between instructions may be due (Vmx.WATCH)
  TRAP_FLAG = 128, // monitor trap flag: one instruction at a time
}

/** Cpu.PROBING: a walk that sets no accessed or dirty flag. */
export enum Probe {
  ON = 1,
  WOULD_SET = 2, // the walk would have set a flag
  SILENT = 4, // the caller puts back what raising a fault changes
}

/** Cpu.WALKED: what the TLB may remember. */
export enum Walked {
  WRITABLE = 1, // writes need no other walk
  NO_EXECUTE = 2, // the page cannot be executed (EPT)
  STORES_DROPPED = 4, // a store changes nothing (EptType.ROM)
}

/** Bits of the mode a block was decoded for. */
export enum Mode {
  CODE32 = 1, // CS.D
  STACK32 = 2, // SS.B
  LIMITED = 8, // CS limit below 4 GB: every block entry checks it, no links
  REAL = 16, // real or virtual-8086 mode: some opcodes are undefined
  MONITORED = 64, // deprivileged: sensitive instructions may fault that regions do in line elsewhere
  EXITING = 256, // INVLPG, MOV to and from CR, and PAUSE may exit
  TRANSLATED = 128, // sensitive instructions are translated (assembly/abi/translation.ts)
  FLAT = 32, // ES, CS, SS and DS start at 0, end at 4 GB, and DS, ES and SS are readable and writable
}

/** Event counters: u64 each, at Cpu.COUNTERS + 8 * n. */
export enum Counter {
  TLB_MISSES = 0, // page walks made to fill the TLB
  TLB_FLUSHES = 1, // whole-TLB generations
  TLB_FLUSH_PAGES = 2, // single-page flushes
  BLOCKS_DECODED = 3,
  BLOCKS_DROPPED = 4, // dropped because their bytes changed
  POOL_FLUSHES = 5, // block pool full: all dropped
  BLOCK_LOOKUPS = 6, // blocks found by hash, not by link
  INTERRUPTS = 7, // external interrupts delivered
  REGIONS = 40, // regions installed
  REGIONS_DROPPED = 41, // taken out by the machine, to be made anew: for what their exits have seen, or because pages moved
  REGIONS_INVALIDATED = 42, // regions whose code was written
  EXITS_FOUND = 43, // ways out of regions where the next block was known by link or by EIP
  EXITS_SEARCHED = 44, // those where it had to be looked up
  EXCEPTIONS = 8, // exceptions delivered, by vector: entries 8 to 39
}

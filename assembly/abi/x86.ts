/**
 * Names of the IA-32 architecture, spelled as in the Intel SDM. Constants only: compiled by asc and by tsc.
 * Sources: SDM 1 3.4 (registers, EFLAGS), SDM 3A 2.5 (control registers), 6.3 (vectors), 4.x (paging), SDM 3B 17 (debug).
 */

/** General-purpose registers in their encoding order (SDM 2A table 2-2). */
export enum Reg {
  EAX = 0,
  ECX = 1,
  EDX = 2,
  EBX = 3,
  ESP = 4,
  EBP = 5,
  ESI = 6,
  EDI = 7,
}

/** Segment registers in their encoding order, then the two system segments that share the cache layout. */
export enum Seg {
  ES = 0,
  CS = 1,
  SS = 2,
  DS = 3,
  FS = 4,
  GS = 5,
  LDTR = 6, // local descriptor table register
  TR = 7, // task register
}

/** EFLAGS bits (SDM 1 3.4.3). */
export enum Eflags {
  CF = 1, // carry
  FIXED = 2, // bit 1, always one
  PF = 4, // parity of the low byte
  AF = 16, // carry out of bit 3
  ZF = 64, // zero
  SF = 128, // sign
  TF = 256, // single step
  IF = 512, // maskable interrupts enabled
  DF = 1024, // string direction
  OF = 2048, // signed overflow
  IOPL = 12288, // I/O privilege level, bits 12-13
  NT = 16384, // nested task
  RF = 65536, // resume: suppress instruction breakpoints once
  VM = 131072, // virtual-8086 mode
  AC = 262144, // alignment check
  VIF = 524288, // virtual interrupt flag
  VIP = 1048576, // virtual interrupt pending
  ID = 2097152, // CPUID can be detected
}

/** The six arithmetic flags that are kept lazily. */
export const ARITHMETIC_FLAGS: i32 = 0x8d5;
/** Position of IOPL in EFLAGS. */
export const IOPL_SHIFT: i32 = 12;

/** CR0 bits (SDM 3A 2.5). */
export enum Cr0 {
  PE = 1, // protection enable
  MP = 2, // monitor coprocessor
  EM = 4, // emulation: x87 opcodes raise #NM
  TS = 8, // task switched
  ET = 16, // extension type, hard-wired to one
  NE = 32, // numeric error
  WP = 65536, // supervisor writes honour R/W
  AM = 262144, // alignment mask
  NW = 536870912, // not write-through
  CD = 1073741824, // cache disable
  PG = -2147483648, // paging
}

/** CR4 bits an i686 of this machine has (SDM 3A 2.5). */
export enum Cr4 {
  VME = 1, // virtual-8086 mode extensions
  PVI = 2, // protected-mode virtual interrupts
  TSD = 4, // RDTSC is privileged
  DE = 8, // debugging extensions
  PSE = 16, // 4 MB pages
  PAE = 32, // physical address extension
  MCE = 64, // machine check enable
  PGE = 128, // global pages
  PCE = 256, // RDPMC for everyone
  UMIP = 2048, // SGDT SIDT SLDT STR SMSW are privileged
}

/** Exception vectors (SDM 3A table 6-1). */
export enum Vector {
  DE = 0, // divide error
  DB = 1, // debug
  NMI = 2, // non-maskable interrupt
  BP = 3, // breakpoint
  OF = 4, // overflow (INTO)
  BR = 5, // BOUND range exceeded
  UD = 6, // undefined opcode
  NM = 7, // device not available
  DF = 8, // double fault
  TS = 10, // invalid TSS
  NP = 11, // segment not present
  SS = 12, // stack segment fault
  GP = 13, // general protection
  PF = 14, // page fault
  MF = 16, // x87 error
  AC = 17, // alignment check
  MC = 18, // machine check
}

/** Page-fault error code bits (SDM 3A 4.7). */
export enum PfError {
  PRESENT = 1, // a protection violation, not a missing page
  WRITE = 2, // the access was a write
  USER = 4, // the access was made at CPL 3
  RESERVED = 8, // a reserved bit was set in an entry
}

/** Selector error code bits (SDM 3A 6.13). */
export enum SelectorError {
  EXT = 1, // caused by an event external to the program
  IDT = 2, // the index is into the IDT
  TI = 4, // the index is into the LDT
}

/** Page-table entry bits (SDM 3A table 4-5, 4-6). */
export enum Pte {
  P = 1, // present
  RW = 2, // writable
  US = 4, // user
  PWT = 8, // write-through
  PCD = 16, // cache disable
  A = 32, // accessed
  D = 64, // dirty
  PS = 128, // page size, in a directory entry
  G = 256, // global
}

/** Kind of memory access, as the walker and the TLB see it. */
export enum Access {
  READ = 0,
  WRITE = 1,
  EXECUTE = 2,
}

/** Bits of a descriptor's access byte (descriptor bits 40-47, SDM 3A 3.4.5). */
export enum Desc {
  ACCESSED = 1, // set by the processor on load
  WRITABLE = 2, // data: writable; code: readable
  CONFORMING = 4, // code: conforming; data: expand-down
  CODE = 8, // executable
  SEGMENT = 16, // S: code or data, not a system segment
  DPL = 96, // descriptor privilege level, bits 5-6
  PRESENT = 128, // P
}

/** Bits kept above the access byte in a segment cache: descriptor bits 52-55 moved to bits 12-15. */
export enum DescFlag {
  AVL = 4096, // free for software
  BIG = 16384, // D/B: 32-bit
  GRANULAR = 32768, // limit counts 4 KB pages
}

/** System descriptor types (SDM 3A table 3-2). */
export enum SysType {
  TSS16_AVAILABLE = 1,
  LDT = 2,
  TSS16_BUSY = 3,
  CALL_GATE16 = 4,
  TASK_GATE = 5,
  INTERRUPT_GATE16 = 6,
  TRAP_GATE16 = 7,
  TSS32_AVAILABLE = 9,
  TSS32_BUSY = 11,
  CALL_GATE32 = 12,
  INTERRUPT_GATE32 = 14,
  TRAP_GATE32 = 15,
}

/** DR6 bits (SDM 3B 17.2.3). */
export enum Dr6 {
  B0 = 1, // breakpoint 0 hit; B1..B3 follow
  BD = 8192, // access to a debug register with GD set
  BS = 16384, // single step
  BT = 32768, // task switch with T set
}

/** DR7 bits (SDM 3B 17.2.4). */
export enum Dr7 {
  ENABLES = 255, // L0 G0 .. L3 G3
  LE = 256,
  GE = 512,
  FIXED = 1024, // bit 10 reads as one
  GD = 8192, // general detect
}

/** DR6 bits that always read as one. */
export const DR6_FIXED: i32 = -61456; // FFFF0FF0

/** Model-specific registers the machine has (SDM 4 table 2-2). */
export enum Msr {
  P5_MC_ADDR = 0,
  P5_MC_TYPE = 1,
  TSC = 16, // time-stamp counter
  PLATFORM_ID = 23,
  APIC_BASE = 27,
  BIOS_SIGN_ID = 139,
  MTRRCAP = 254,
  SYSENTER_CS = 372,
  SYSENTER_ESP = 373,
  SYSENTER_EIP = 374,
  MCG_CAP = 377,
  MCG_STATUS = 378,
}

/**
 * What the interpreter and translated regions tell each other. A region is a WebAssembly function without parameters that runs
 * guest code until it has to leave, and returns a pointer to the cell of the exit it took; 0: it does not apply now.
 */

/** An exit of a region: written by the translator, LINK, TAKEN and TARGETS by the machine. */
export enum Cell {
  EIP = 0, // u32, where the guest goes on; unused if KIND is DYNAMIC or STOPPED
  REFUND = 4, // u32, instructions taken from LEFT for the block being left that were not executed
  LINK = 8, // u32 ptr, block that the exit led to last time
  KIND = 12, // u32, CellKind
  TAKEN = 16, // u32, how often it was taken, up to FEEDBACK; not counted if KIND is GOTO or STOPPED
  BLOCK = 20, // u32 ptr, entry block of the region
  TARGETS = 24, // u32 ptr, TARGET_ENTRIES addresses that a DYNAMIC or SYSTEM exit led to; 0: none seen yet
  SIZE = 28,
}

/** How often an exit of kind DYNAMIC or SYSTEM is taken before the region is made again around the addresses it led to. */
export const FEEDBACK: u32 = 1024;
/** Addresses remembered for one exit: a power of two. One that falls on another's place replaces it. */
export const TARGET_ENTRIES: u32 = 256;

/** Why a region was left. */
export enum CellKind {
  GOTO = 0, // a branch to code outside the region, or the budget does not cover the next block
  DYNAMIC = 1, // an indirect branch: EIP is in the state
  MISS = 2, // the instruction at EIP needs the interpreter this time
  SYSTEM = 3, // an instruction that ends its block was interpreted as the last one: the state is complete
  STOPPED = 4, // an instruction that the region had interpreted ended the block, faulted or set Cpu.STOP: EIP is in the state
}

/** How FLAG_A and FLAG_B encode the arithmetic flags: operands of the last operation that set them. */
export enum FlagKind {
  RAW = 0, // A is FLAG_RESULT, B is FLAG_AUX
  ADD32 = 1, // A + B
  SUB32 = 2, // A - B
  ADD8 = 3,
  SUB8 = 4,
  ADD16 = 5,
  SUB16 = 6,
  INC32 = 7, // A is the result, B the carry flag (0 or 1), which is kept
  DEC32 = 8,
}

/** Pages that a region runs in from its entry, or from a system instruction on, and when they were last checked. */
export enum PageList {
  EPOCH = 0, // u32, Cpu.MAP_EPOCH when the supervisor could execute all of them in place
  USER_EPOCH = 4, // u32, the same for CPL 3
  COUNT = 8, // u32, pages
  PAGES = 12, // u32 linear address and u32 pointer of each
}

/** What refill() is asked for: Access in the bits below, the number of bytes above. */
export const REFILL_SIZE_SHIFT: i32 = 2;

/** Slots in the table of regions. */
export const REGION_SLOTS: i32 = 4096;

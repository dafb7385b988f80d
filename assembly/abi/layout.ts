/**
 * Map of the linear memory. Fixed regions first; machine RAM, ROM and the per-page code maps behind them, placed at start-up.
 *
 *   00000000  (unused: a null pointer traps nothing, so nothing lives here)
 *   00001000  CPU state
 *   00002000  decode table: what the instruction table in src/isa/ was packed into
 *   00004000  map of the 4 MB regions that large pages were cached for
 *   00004100  scratch of the translator
 *   00004200  VMX: control words, exit information, the current VMCS
 *   00004800  descriptors that INT and IRET have used
 *   00005000  notes on TLB entries
 *   00006000  cache of block addresses by EIP
 *   00008000  static data of debug builds (asconfig.json, memoryBase)
 *   00010000  TLB
 *   00020000  block hash: heads of the chains of decoded blocks
 *   00060000  block pool
 *   02060000  cache of EPT translations
 *   0206a000  translation of guest code: counters, addresses found guilty
 *   02070000  machine RAM, ROM, code maps (Cpu.RAM_PTR, ROM_PTR, CODE_MAP_PTR, CODE_LIST_PTR)
 */
export enum Layout {
  CPU = 4096,
  DECODE_TABLE = 8192, // DecodeTable entries of 4 bytes
  LARGE_MAP = 16384, // one bit per 4 MB of linear space, 128 bytes
  TRANSLATOR = 16640, // 256 bytes the host uses to decode instructions: the translator the first half, the tracer the second
  VMX = 16896, // Vmx
  DESCRIPTORS = 18432, // 2048 bytes of KnownDescriptor: DESCRIPTOR_ENTRIES of code segments, then as many of stack segments
  TLB_NOTES = 20480, // 4096 bytes of TlbNote bits, one per TLB entry
  NEXT_CACHE = 24576, // NextCache entries
  TLB = 65536,
  BLOCK_HASH = 131072,
  BLOCK_POOL = 393216,
  EPT_CACHE = 33947648, // EptCache entries
  TRANSLATION = 33988608, // Translation
  RAM = 34013184, // first byte behind the fixed regions
}

/** Entries in the TLB: a power of two. */
export const TLB_ENTRIES: i32 = 4096;

/** One TLB entry. A tag is linear page | context; 0 never matches. */
export enum Tlb {
  READ = 0, // u32 tag of readable pages
  WRITE = 4, // u32 tag of writable pages without decoded code
  EXECUTE = 8, // u32 tag of executable pages
  DELTA = 12, // u32, added to a linear address gives the pointer
  SIZE = 16,
}

/** What is known of a TLB entry besides its tags. */
export enum TlbNote {
  BESIDE_CODE = 1, // the entry has a write tag, or only decoded code in the page keeps it from having one
  RELIED_ON = 2, // somebody may remember where code lies in a page that this entry would hold, until the map epoch moves
  NO_EXECUTE = 4, // the page may be read but not executed (EPT)
}

/** Entries in the cache of next blocks: a power of two. */
export const NEXT_ENTRIES: i32 = 512;

/** One entry: where indirect branches of regions lead, while translations stay as they are. */
export enum NextCache {
  EIP = 0, // u32
  EPOCH = 4, // u32, Cpu.MAP_EPOCH with the user bit when it was entered
  BLOCK = 8, // u32 ptr
  SIZE = 16,
}

/** Entries in the cache of EPT translations: a power of two. */
export const EPT_CACHE_ENTRIES: i32 = 2048;

/** One entry: where a guest frame lies, while Vmx.EPT_EPOCH stays as it is. */
export enum EptCache {
  GFN = 0, // u32
  ROOT = 4, // u32, EPT root and the interpretation bit (Vmx.CONTEXT_EPTP)
  EPOCH = 8, // u32, Vmx.EPT_EPOCH when it was entered
  MFN = 12, // u32, machine frame
  RIGHTS = 16, // u32, Ept.R, W, X as granted by all levels; Ept.D if writes need no dirty flag; EptType at bit 16
  SIZE = 20,
}

/** Descriptors remembered of either kind: a power of two. */
export const DESCRIPTOR_ENTRIES: i32 = 16;

/** A descriptor in the GDT and what the cache of a segment register would hold of it. */
export enum KnownDescriptor {
  SELECTOR = 0, // u32; 0: do not use it again
  EPOCH = 4, // u32, Cpu.MAP_EPOCH when PTR was found
  TABLE = 8, // u32, Cpu.GDTR_BASE then
  PTR = 12, // u32 ptr, the descriptor
  RAW = 16, // u64, the descriptor as it was read
  CACHE = 24, // BASE to WRITE_MAX of SegCache, and ACCESS at its place
  MODE = 48, // u32, Mode bits that the segment gives; FLAT if it does not stand in the way
  SIZE = 64,
}

/** Chains in the block hash: a power of two. */
export const HASH_ENTRIES: i32 = 65536;
/** Size of the block pool in bytes. */
export const POOL_BYTES: i32 = 33554432;

/** The packed instruction table: parts of Layout.DECODE_TABLE in entries. */
export enum DecodeTable {
  ONE_BYTE = 0, // 256 entries
  TWO_BYTE = 256, // 256 entries, 0F map
  THREE_BYTE = 512, // 256 entries, 0F 38 map
  GROUPS = 768, // groups of 16 entries: ModRM.reg with a memory operand, then with a register
  GROUP_SIZE = 16,
  MAX_GROUPS = 64,
  RM_GROUPS = 1792, // groups of 8 entries: ModRM.rm of a register form whose last byte is all opcode
  RM_GROUP_SIZE = 8,
  MAX_RM_GROUPS = 15,
  PREFIX_GROUPS = 1912, // groups of PREFIX_PLACES entries, by PrefixPlace
  MAX_PREFIX_GROUPS = 34,
  ENTRIES = 2048,
  ENTRY_BYTES = 4,
}

/**
 * Control words of VMX non-root operation and of the machine's own modes under a monitor, and what an exit tells: byte offsets from
 * `Layout.VMX`. The words of a VMCS stand in groups, each in the order of its encodings (SDM 3C appendix B), so that
 * vmread and vmwrite find them by arithmetic (assembly/vmx/fields.ts). 64-bit fields have eight bytes, all others four.
 */
export enum Vmx {
  // Control fields
  VPID = 0, // 0000: tag of linear translations; 0 with the control off
  PIN = 16, // 4000: Pin
  PRIMARY = 20, // 4002: Primary
  EXCEPTIONS = 24, // 4004: bit n: exception n exits
  PF_MASK = 28, // 4006
  PF_MATCH = 32, // 4008: #PF exits if bit 14 of EXCEPTIONS equals ((error & PF_MASK) == PF_MATCH)
  CR3_TARGET_COUNT = 36, // 400A
  EXIT_CONTROLS = 40, // 400C: ExitControl
  EXIT_MSR_STORE_COUNT = 44, // 400E
  EXIT_MSR_LOAD_COUNT = 48, // 4010
  ENTRY_CONTROLS = 52, // 4012: EntryControl
  ENTRY_MSR_LOAD_COUNT = 56, // 4014
  ENTRY_INTR_INFO = 60, // 4016: event to inject (IntrInfo); an exit clears the valid bit
  ENTRY_INTR_ERROR = 64, // 4018
  ENTRY_INSN_LENGTH = 68, // 401A
  TPR_THRESHOLD = 72, // 401C
  SECONDARY = 76, // 401E: Secondary
  PLE_GAP = 80, // 4020
  PLE_WINDOW = 84, // 4022
  IO_BITMAP_A = 96, // 2000: u64, machine address; bit n: port n exits
  IO_BITMAP_B = 104, // 2002: u64, the same for ports from 8000
  MSR_BITMAP = 112, // 2004: u64, machine address
  EXIT_MSR_STORE = 120, // 2006: u64, machine address
  EXIT_MSR_LOAD = 128, // 2008: u64, machine address
  ENTRY_MSR_LOAD = 136, // 200A: u64, machine address
  TSC_OFFSET = 160, // 2010: i64, added by RDTSC if Primary.TSC_OFFSETTING
  EPTP = 200, // 201A: u64, EptPointer
  CR0_MASK = 208, // 6000: bits the monitor owns
  CR4_MASK = 212, // 6002
  CR0_SHADOW = 216, // 6004: what the guest reads of them
  CR4_SHADOW = 220, // 6006
  CR3_TARGET0 = 224, // 6008
  CR3_TARGET1 = 228, // 600A
  CR3_TARGET2 = 232, // 600C
  CR3_TARGET3 = 236, // 600E
  // What an exit tells
  GUEST_PHYSICAL = 240, // 2400: u64, EPT violations and misconfigurations
  INSTRUCTION_ERROR = 248, // 4400: InstructionError of the last operation that failed
  REASON = 252, // 4402: ExitReason; bit 31: the entry failed
  INTR_INFO = 256, // 4404: IntrInfo of the event that caused the exit
  INTR_ERROR = 260, // 4406
  IDT_INFO = 264, // 4408: IntrInfo of the event whose delivery was interrupted by the exit
  IDT_ERROR = 268, // 440A
  INSN_LENGTH = 272, // 440C: bytes of the instruction that caused the exit; 0 if none did
  INSN_INFO = 276, // 440E: its operands (SDM 3C 27.2.5)
  QUALIFICATION = 280, // 6400
  GUEST_LINEAR = 300, // 640A: linear address of INS, OUTS, LMSW from memory, and of EPT violations
  // Host state: checked, and kept for whoever reads it; the host itself is the caller of vmenter()
  HOST_ES = 304, // 0C00; CS SS DS FS GS TR follow, four bytes each
  HOST_CS = 308,
  HOST_SS = 312,
  HOST_TR = 328,
  HOST_SYSENTER_CS = 332, // 4C00
  HOST_CR0 = 336, // 6C00; CR3, CR4, bases of FS GS TR GDTR IDTR, SYSENTER ESP and EIP, RSP, RIP follow
  HOST_CR3 = 340,
  HOST_CR4 = 344,
  // Guest state that the processor state has no place for
  LINK_POINTER = 384, // 2800: u64, all ones
  DEBUGCTL = 392, // 2802: u64
  PREEMPTION_TIMER = 400, // 482E: ticks
  // Own controls, which move with a VMCS too
  LAUNCHED = 404, // launch state: 0 clear, 1 launched
  DEPRIVILEGED = 408, // 1: every event that goes through the IDT exits: exceptions, INT n, interrupts, NMI (EXCEPTION_NMI, EXTERNAL_INTERRUPT)
  INTERPRET = 412, // 1: no exits but those asked for here; the VM's memory is EPTP's map, with EptType ruling stores
  LEAVE_AT_USER = 416, // 1: leaves with ExitReason.USER before an instruction at CPL 3
  REFUSE = 420, // 1: with DEPRIVILEGED, sensitive instructions fault outside CPL 0 whatever ISA is: a monitor looks at each
  TRANSLATE = 424, // 1: the guest's code is translated: sensitive instructions act on the guest's own state or call out (CALL_OUT), events exit as under DEPRIVILEGED
  CUT = 428, // with DEPRIVILEGED: bytes at the top of linear space that are the monitor's: the guest's flat segments end below
  DIRECT = 432, // with DEPRIVILEGED: INT n of this vector is delivered through the IDT instead of an exit; 0: none
  SAVED = 436, // bytes up to here belong to a VMCS
  // The machine's own words
  ISA = 440, // Isa: set once for a machine
  ACTIVE = 444, // Active bits, derived by applyControls()
  CHANGED = 448, // Changed bits: what the next entry must check
  GENERATION_NEXT = 452, // u32, TLB generations handed out so far
  CONTEXT_VPID = 456, // u32, what the TLB generation in use belongs to
  CONTEXT_EPTP = 460, // u32, its EPT root, 0 without; bit 0: interpretation, bit 1: VIEW
  EPT_EPOCH = 464, // u32, counts everything that drops cached EPT translations
  EVENT_INFO = 468, // IntrInfo of the event being delivered, 0 if none
  EVENT_ERROR = 472,
  EVENT_LENGTH = 476, // bytes of the instruction that made the event
  SHADOW_BEFORE = 480, // u32, Cpu.SHADOW when the instruction began
  CR3_SHADOW = 484, // u32, with TRANSLATE: what the guest reads of CR3
  TIMER_LEFT = 488, // u32, ticks until the preemption timer ends
  WATCH = 492, // Watch bits, derived by applyControls()
  WRITTEN_COUNT = 496, // u32, entries of WRITTEN in use; the monitor sets it to 0
  MODE = 500, // u32, Mode.MONITORED, EXITING, TRANSLATED or 0, derived by applyControls()
  CONTEXT_NEXT = 504, // u32, entry of CONTEXTS that is given up next
  CURRENT = 508, // u32, machine address of the current VMCS; NO_VMCS if none
  // Counters, u64 each
  ENTRIES = 512, // entries, continued runs not counted
  EXITS = 520, // exits, those at the end of a budget not counted
  NESTED_WALKS = 528, // walks of guest tables through EPT
  GUEST_REFERENCES = 536, // guest paging-structure entries they read
  EPT_REFERENCES = 544, // EPT entries they read
  EPT_CACHED = 552, // EPT walks spared by the cache
  // What translated code may not reach, whatever the tables say: the monitor's own pages
  MONITOR_FIRST = 560, // u32, linear address
  MONITOR_BYTES = 564, // u32, 0: none
  VIEW = 568, // u32, 1: page tables of which the guest's programs alone have translations; a TLB context of their own
  CONTEXTS = 576, // TlbContext entries, 384 bytes
  WRITTEN = 960, // 256 bytes: u32 frame numbers (gfn) of traced pages that interpretation wrote
  CLOSED = 1216, // u32, CUT while it is in force, else 0: derived by applyControls()
  NON_ROOT = 1220, // 1: the controls of the VMCS are in force
  SIZE = 1224,
}

/** Vmx.CURRENT without a current VMCS. */
export const NO_VMCS: i32 = -1;

/** Entries of Vmx.WRITTEN. */
export const WRITTEN_ENTRIES: i32 = 64;

/** Vmx.ACTIVE: what hot code asks with one load. */
export enum Active {
  VMX = 1, // controls of a VMCS are in force
  DEPRIVILEGED = 2,
  STRICT = 4, // sensitive instructions fault outside CPL 0
  LEAVE_AT_USER = 8,
  NESTED = 16, // physical addresses go through EPT
  INTERPRET = 32,
  TRANSLATED = 64, // sensitive instructions of the code are translated; comes with DEPRIVILEGED
}

/** Added to the VPID for the TLB context of its translated code. */
export const TRANSLATED_VPID: i32 = 0x10000;

/** Vmx.WATCH: what may cause an exit between two instructions. */
export enum Watch {
  INTERRUPT_WINDOW = 1,
  EXTERNAL_INTERRUPT = 2, // whatever EFLAGS.IF
  NMI_WINDOW = 4,
  NMI = 8,
  VIRTUAL_NMIS = 16, // the blocking of NMIs is the guest's own affair
  TRAP_FLAG = 32, // monitor trap flag
  USER = 64, // CPL 3
  DEPRIVILEGED = 128, // interrupts that EFLAGS.IF lets in, and NMIs
  TRAP_DUE = 256, // a monitor trap flag exit
}

/** Vmx.CHANGED: fields written since they were last checked. */
export enum Changed {
  CONTROLS = 1,
  HOST = 2,
  GUEST = 4,
}

/** Vmx.ISA: what the machine does about instructions that show or depend on the privilege (docs/exits.md). */
export enum Isa {
  IA32 = 0,
  UMIP = 1, // CPUID and CR4 have UMIP
  STRICT = 2, // every sensitive instruction faults outside CPL 0 while Vmx.DEPRIVILEGED is set
}

/** One context of the TLB: an address space of a VPID with or without EPT, and the generation its entries carry. */
export enum TlbContext {
  VPID = 0, // u32
  EPTP = 4, // u32, as Vmx.CONTEXT_EPTP
  GENERATION = 8, // u32, 0: it has no translations
  SIZE = 12,
}

/** Entries of Vmx.CONTEXTS. */
export const TLB_CONTEXTS: i32 = 32;

/** Pin-based controls (SDM 3C 24.6.1). */
export enum Pin {
  EXTERNAL_INTERRUPT = 1,
  NMI = 8,
  VIRTUAL_NMIS = 32,
  PREEMPTION_TIMER = 64,
}

/** Primary processor-based controls (SDM 3C 24.6.2). */
export enum Primary {
  INTERRUPT_WINDOW = 4,
  TSC_OFFSETTING = 8,
  HLT = 128,
  INVLPG = 512,
  RDPMC = 2048,
  RDTSC = 4096,
  CR3_LOAD = 32768,
  CR3_STORE = 65536,
  NMI_WINDOW = 4194304,
  MOV_DR = 8388608,
  UNCONDITIONAL_IO = 16777216,
  IO_BITMAPS = 33554432,
  MONITOR_TRAP = 134217728,
  MSR_BITMAPS = 268435456,
  PAUSE = 1073741824,
  SECONDARY = -2147483648, // the secondary controls count
}

/** Secondary processor-based controls (SDM 3C 24.6.2). */
export enum Secondary {
  EPT = 2,
  DESCRIPTOR_TABLES = 4,
  VPID = 32,
  WBINVD = 64,
  UNRESTRICTED = 128, // unpaged and real-mode guests
}

/** Exit controls (SDM 3C 24.7.1). */
export enum ExitControl {
  SAVE_DEBUG = 4,
  ACKNOWLEDGE = 32768, // an exit for an external interrupt fetches its vector
  SAVE_TIMER = 4194304,
}

/** Entry controls (SDM 3C 24.8.1). */
export enum EntryControl {
  LOAD_DEBUG = 4,
}

/** Reserved control bits that must be 1 ("default1", SDM 3C A.3), those of features that can be off excepted (A.3.2). */
export const PIN_REQUIRED: u32 = 0x16;
export const PRIMARY_REQUIRED: u32 = 0x04006172;
export const EXIT_REQUIRED: u32 = 0x36dff;
export const ENTRY_REQUIRED: u32 = 0x11ff;

/** Bits that may be 1, those above included. */
export const PIN_ALLOWED: u32 = 0x7f;
export const PRIMARY_ALLOWED: u32 = -540935170;
export const SECONDARY_ALLOWED: u32 = 0xe6;
export const EXIT_ALLOWED: u32 = 0x43edff;
export const ENTRY_ALLOWED: u32 = 0x11ff;

/** Interruption information: vector, kind, and what comes with it (SDM 3C 24.8.3, 24.9.2). */
export enum IntrInfo {
  VECTOR = 255,
  TYPE = 1792, // IntrType, bits 8 to 10
  ERROR_CODE = 2048, // an error code comes with it
  NMI_UNBLOCKING = 4096, // exits: IRET had ended the blocking of NMIs
  VALID = -2147483648,
}

/** Kinds of events, at their place in IntrInfo. */
export enum IntrType {
  EXTERNAL = 0,
  NMI = 512,
  HARDWARE_EXCEPTION = 768,
  SOFTWARE_INTERRUPT = 1024, // INT n
  PRIVILEGED_SOFTWARE = 1280, // INT1
  SOFTWARE_EXCEPTION = 1536, // INT3, INTO
  OTHER = 1792, // entry: a pending monitor trap flag exit
}

/** Interruptibility state (SDM 3C 24.4.2). */
export enum Interruptibility {
  STI = 1,
  MOV_SS = 2,
  SMI = 4,
  NMI = 8,
}

/** Activity states an entry may ask for. */
export enum Activity {
  ACTIVE = 0,
  HLT = 1,
}

/** Why VMLAUNCH and the others failed (SDM 3C 30.4). 0: there is no current VMCS. */
export enum InstructionError {
  VMCALL_IN_ROOT = 1,
  VMCLEAR_ADDRESS = 2,
  VMLAUNCH_NOT_CLEAR = 4,
  VMRESUME_NOT_LAUNCHED = 5,
  CONTROLS = 7,
  HOST_STATE = 8,
  VMPTRLD_ADDRESS = 9,
  VMPTRLD_REVISION = 11,
  UNSUPPORTED_FIELD = 12,
  READ_ONLY_FIELD = 13,
  INVALIDATION_OPERAND = 28,
}

/** Qualifications of ExitReason.ENTRY_GUEST_STATE (SDM 3C 26.7). */
export enum EntryFailure {
  OTHER = 0,
  PDPTE = 2,
  NMI_BY_STI = 3, // an NMI into a guest in the shadow of STI
  LINK_POINTER = 4,
}

/** VMX-abort indicators (SDM 3C 27.7). */
export enum Abort {
  SAVING_MSRS = 1, // the exit's MSR-store area
  LOADING_MSRS = 4, // the exit's MSR-load area
}

/** Parts of an EPT pointer (SDM 3C 24.6.11). */
export enum EptPointer {
  MEMORY_TYPE = 7, // 0 or 6
  WALK_LENGTH = 56, // levels less one: 3, at bit 3
  ACCESSED_DIRTY = 64,
}

/** Memory type of an EPT leaf; the other bits are in abi/ept.ts. */
export const EPT_MEMORY_TYPE: i32 = 56;

/** Position of EptType, in bits hardware ignores. */
export const EPT_TYPE_SHIFT: i32 = 52;

/** What the frame of a leaf entry is to interpretation. */
export enum EptType {
  RAM = 0,
  ROM = 1, // stores change nothing
  TRACED = 2, // stores are done and noted in Vmx.WRITTEN
  ABSENT = 3, // accesses go to the host's mmioRead and mmioWrite
}

/** Qualification of an EPT violation (SDM 3C table 27-7). */
export enum EptViolation {
  READ = 1,
  WRITE = 2,
  EXECUTE = 4,
  READABLE = 8,
  WRITABLE = 16,
  EXECUTABLE = 32,
  LINEAR_VALID = 128, // Vmx.GUEST_LINEAR counts
  TRANSLATED = 256, // the access was to the translation of that address, not to a paging structure
  NMI_UNBLOCKING = 4096,
}

/** Kinds of INVEPT and INVVPID (SDM 3C 30.3). */
export enum Invalidation {
  ADDRESS = 0, // INVVPID only
  SINGLE = 1,
  ALL = 2,
  SINGLE_KEEPING_GLOBALS = 3, // INVVPID only
}

/**
 * Xen's paravirtual interface for 32-bit guests, as numbers (Xen 3.0 to 4.2, xen/include/public). Offsets are in bytes.
 */

/** Hypercalls by number (EAX). */
export enum Hypercall {
  SET_TRAP_TABLE = 0,
  MMU_UPDATE = 1,
  SET_GDT = 2,
  STACK_SWITCH = 3,
  SET_CALLBACKS = 4,
  FPU_TASKSWITCH = 5,
  SET_DEBUGREG = 8,
  GET_DEBUGREG = 9,
  UPDATE_DESCRIPTOR = 10,
  MEMORY_OP = 12,
  MULTICALL = 13,
  UPDATE_VA_MAPPING = 14,
  SET_TIMER_OP = 15,
  XEN_VERSION = 17,
  CONSOLE_IO = 18,
  VM_ASSIST = 21,
  IRET = 23,
  VCPU_OP = 24,
  MMUEXT_OP = 26,
  SCHED_OP = 29,
  EVENT_CHANNEL_OP = 32,
}

/** Vector of a hypercall. */
export const HYPERCALL_VECTOR = 0x82;
/** Slots of the hypercall page. */
export const HYPERCALL_SLOTS = 128;
/** Bytes of a slot. */
export const SLOT_BYTES = 32;

/** Results below zero: errors. */
export enum Errno {
  EPERM = 1,
  ENOENT = 2,
  ESRCH = 3,
  E2BIG = 7,
  ENOMEM = 12,
  EFAULT = 14,
  EBUSY = 16,
  EEXIST = 17,
  EINVAL = 22,
  ENOSPC = 28,
  ENOSYS = 38,
  ETIME = 62,
}

/** First linear address of the monitor; no segment of a guest reaches it, but for the table behind it. */
export const MONITOR_START = 0xfc000000;
/** The table of machine frames to guest frames, read-only for the guest. */
export const M2P_START = MONITOR_START;
/** Its end, and the end of what segments of a guest reach. */
export const M2P_END = 0xfc400000;
/** Directory entries that are the guest's own; those from here on are the monitor's. */
export const GUEST_L2_ENTRIES = MONITOR_START >>> 22;
/**
 * The monitor's tables for the domain: descriptor tables, TSS. Behind the largest table of frames there can be (3 GB of RAM), where segments of the guest
 * still reach: its kernel may read them.
 */
export const DOMAIN_AREA = 0xfc3c0000;
/** An entry of the table that stands for no guest frame. */
export const NO_PFN = 0xffffffff;

/** Flat segments in the monitor's part of every GDT. */
export enum Flat {
  KERNEL_CS = 0xe019,
  KERNEL_DS = 0xe021,
  USER_CS = 0xe02b,
  USER_DS = 0xe033,
}
/** Descriptors of the guest's own in a GDT. */
export const GUEST_GDT_ENTRIES = 7168;
/** Frames those may take. */
export const GUEST_GDT_FRAMES = 14;

/** Fields of shared_info. vcpu_info[0] begins it. */
export enum Shared {
  UPCALL_PENDING = 0, // u8
  UPCALL_MASK = 1, // u8
  PENDING_SEL = 4,
  CR2 = 8,
  TIME_VERSION = 32,
  TSC_TIMESTAMP = 40, // u64
  SYSTEM_TIME = 48, // u64
  TSC_TO_SYSTEM_MUL = 56,
  TSC_SHIFT = 60, // i8
  PENDING = 2048, // 32 words
  MASK = 2176, // 32 words
  WC_VERSION = 2304,
  WC_SEC = 2308,
  WC_NSEC = 2312,
  MAX_PFN = 2316,
}

/** Fields of start_info. */
export enum Start {
  MAGIC = 0, // 32 bytes
  NR_PAGES = 32,
  SHARED_INFO = 36, // machine address
  FLAGS = 40,
  PT_BASE = 64,
  NR_PT_FRAMES = 68,
  MFN_LIST = 72,
  MOD_START = 76,
  MOD_LEN = 80,
  CMD_LINE = 84, // 1,024 bytes
}
/** start_info flags: privileged, and the first domain: it may use the console and the debug ports. */
export const START_FLAGS = 3;
/** Bytes for the command line. */
export const CMD_LINE_BYTES = 1024;

/** Event channels there are. */
export const CHANNELS = 1024;
/** Virtual interrupts. */
export enum Virq {
  TIMER = 0,
  DEBUG = 1,
  CONSOLE = 2,
}
/** Virtual interrupts there are. */
export const VIRQS = 24;

/** The domain itself, as an argument. */
export const DOMID_SELF = 0x7ff0;

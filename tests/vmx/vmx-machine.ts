/**
 * A machine with one virtual machine in it, for tests of non-root operation: a VMCS, EPT tables that put the VM's memory elsewhere,
 * and a flat 32-bit guest at CPL 0, unpaged, with GDT, IDT and TSS. Tests change fields and run bytes of code.
 */
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { ENTRY_FAILED, ExitReason } from "../../assembly/abi/exit.js";
import { Layout } from "../../assembly/abi/layout.js";
import { VMCS_REVISION, VmcsField } from "../../assembly/abi/vmcs.js";
import {
  Activity,
  ENTRY_REQUIRED,
  EXIT_REQUIRED,
  PIN_REQUIRED,
  PRIMARY_REQUIRED,
  Primary,
  Secondary,
  Vmx,
} from "../../assembly/abi/vmx.js";
import { Cr0, DR6_FIXED, Dr7 } from "../../assembly/abi/x86.js";
import { Core, type CoreHost } from "../../src/core/core.js";

/** Machine memory. */
export const RAM = 4 * 1024 * 1024;
export const VMCS = 0x10000;
export const OTHER_VMCS = 0x11000;
export const BITMAPS = 0x12000; // I/O A, I/O B, MSR
export const EPT_ROOT = 0x20000; // root, pointer table, directory, table
/** Where the VM's memory of 2 MB begins. */
export const VM_BASE = 0x200000;

/** The guest's memory: addresses are guest-physical. */
export const CODE = 0x10000;
export const DATA = 0x20000;
export const STACK = 0x30000;
export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x3000;
export const HANDLERS = 0x40000; // 16 bytes for each vector: HLT

/** Selectors of the guest's GDT. */
export const KERNEL_CODE = 0x08;
export const KERNEL_DATA = 0x10;
export const USER_CODE = 0x1b;
export const USER_DATA = 0x23;
export const TASK = 0x28;
export const OTHER_TASK = 0x30;
export const TASK_GATE = 0x38;

/** EPTP of tables at `root`. */
export const eptp = (root: number, flags = 0) => root | 6 | (3 << 3) | flags;

/** One access to a port or to memory that nobody decodes. */
export type Access = { what: "in" | "out" | "read" | "write"; at: number; size: number; value?: number };

/** The machine. */
export class VmxMachine {
  readonly core: Core;
  readonly accesses: Access[] = [];
  /** Vector that an interrupt acknowledge cycle gives. */
  vector = 0x30;

  constructor() {
    const host: CoreHost = {
      portRead: (at, size) => {
        this.accesses.push({ what: "in", at, size });
        return 0x5a5a5a5a;
      },
      portWrite: (at, size, value) => void this.accesses.push({ what: "out", at, size, value }),
      mmioRead: (at, size) => {
        this.accesses.push({ what: "read", at, size });
        return 0x77777777;
      },
      mmioWrite: (at, size, value) => void this.accesses.push({ what: "write", at, size, value }),
      acknowledgeInterrupt: () => this.vector,
    };
    this.core = Core.create({ ramBytes: RAM }, host);
    this.buildEpt();
    this.buildTables();
    this.u32(VMCS, VMCS_REVISION);
    this.u32(OTHER_VMCS, VMCS_REVISION);
    const { vmclear, vmptrld } = this.core.exports;
    if (vmclear(VMCS) !== 0 || vmptrld(VMCS) !== 0) throw new Error("no VMCS");
    this.setControls();
    this.setHost();
    this.setGuest();
  }

  private view(): DataView {
    return new DataView(this.core.memory.buffer);
  }

  /** Writes a u32 at machine address `ma`. */
  u32(ma: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.core.writeRam(ma, bytes);
  }

  /** Writes a u64 at machine address `ma`. */
  u64(ma: number, value: bigint): void {
    this.u32(ma, Number(value & 0xffffffffn));
    this.u32(ma + 4, Number(value >> 32n));
  }

  /** Reads a u64 at machine address `ma`. */
  read64(ma: number): bigint {
    return new DataView(this.core.ram.buffer, this.core.ram.byteOffset).getBigUint64(ma, true);
  }

  /** Machine address of the EPT leaf entry of guest frame `gfn` (below 512). */
  leaf(gfn: number): number {
    return EPT_ROOT + 0x3000 + gfn * 8;
  }

  /** The VM's 512 frames at VM_BASE, in 4 KB pages. */
  private buildEpt(): void {
    this.u64(EPT_ROOT, BigInt(EPT_ROOT + 0x1000) | 7n);
    this.u64(EPT_ROOT + 0x1000, BigInt(EPT_ROOT + 0x2000) | 7n);
    this.u64(EPT_ROOT + 0x2000, BigInt(EPT_ROOT + 0x3000) | 7n);
    for (let gfn = 0; gfn < 512; gfn++) this.u64(this.leaf(gfn), BigInt(VM_BASE + gfn * 4096) | 0x37n);
  }

  /** A descriptor at `gpa`. */
  descriptor(gpa: number, base: number, limit: number, access: number, flags: number): void {
    const low = (limit & 0xffff) | ((base & 0xffff) << 16);
    const high = ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff000000);
    this.guestU32(gpa, low);
    this.guestU32(gpa + 4, high);
  }

  /** An interrupt gate for `vector`, DPL `dpl`. */
  gate(vector: number, selector: number, offset: number, dpl = 0): void {
    this.guestU32(IDT + vector * 8, (selector << 16) | (offset & 0xffff));
    this.guestU32(IDT + vector * 8 + 4, (offset & 0xffff0000) | 0x8e00 | (dpl << 13));
  }

  private buildTables(): void {
    this.descriptor(GDT + KERNEL_CODE, 0, 0xfffff, 0x9b, 12);
    this.descriptor(GDT + KERNEL_DATA, 0, 0xfffff, 0x93, 12);
    this.descriptor(GDT + 0x18, 0, 0xfffff, 0xfb, 12);
    this.descriptor(GDT + 0x20, 0, 0xfffff, 0xf3, 12);
    this.descriptor(GDT + TASK, TSS, 0x67, 0x8b, 0);
    this.descriptor(GDT + OTHER_TASK, TSS + 0x100, 0x67, 0x89, 0);
    this.guestU32(GDT + TASK_GATE, OTHER_TASK << 16);
    this.guestU32(GDT + TASK_GATE + 4, 0x8500);
    for (let vector = 0; vector < 256; vector++) {
      this.gate(vector, KERNEL_CODE, HANDLERS + vector * 16);
      this.guest(HANDLERS + vector * 16, [0xf4]);
    }
    this.guestU32(TSS + 4, STACK + 0x800);
    this.guestU32(TSS + 8, KERNEL_DATA);
    this.guestU32(TSS + 100, 0x68 << 16); // no I/O permission map
  }

  /** Writes the VM's memory. */
  guest(gpa: number, bytes: ArrayLike<number>): void {
    this.core.writeRam(VM_BASE + gpa, Uint8Array.from(bytes));
  }

  /** Writes a u32 of the VM's memory. */
  guestU32(gpa: number, value: number): void {
    this.u32(VM_BASE + gpa, value);
  }

  /** Reads a u32 of the VM's memory. */
  readGuest(gpa: number): number {
    return Buffer.from(this.core.ram.buffer, this.core.ram.byteOffset + VM_BASE + gpa, 4).readUInt32LE();
  }

  /** VMWRITE that must succeed. */
  write(field: number, value: number): void {
    const error = this.core.exports.vmwrite(field, value);
    if (error !== 0) throw new Error(`vmwrite ${field.toString(16)}: error ${error}`);
  }

  /** VMREAD. */
  read(field: number): number {
    return this.core.exports.vmread(field) >>> 0;
  }

  /** A word at Layout.VMX. */
  word(field: Vmx): number {
    return this.view().getUint32(Layout.VMX + field, true);
  }

  /** Writes a word at Layout.VMX. */
  setWord(field: Vmx, value: number): void {
    this.view().setUint32(Layout.VMX + field, value >>> 0, true);
  }

  /** Sets bits of a control field. */
  add(field: number, bits: number): void {
    this.write(field, this.read(field) | bits);
  }

  private setControls(): void {
    this.write(VmcsField.PIN_CONTROLS, PIN_REQUIRED);
    this.write(VmcsField.PRIMARY_CONTROLS, PRIMARY_REQUIRED | Primary.SECONDARY);
    this.write(VmcsField.SECONDARY_CONTROLS, Secondary.EPT | Secondary.UNRESTRICTED | Secondary.VPID);
    this.write(VmcsField.EXIT_CONTROLS, EXIT_REQUIRED);
    this.write(VmcsField.ENTRY_CONTROLS, ENTRY_REQUIRED);
    this.write(VmcsField.VPID, 1);
    this.write(VmcsField.EPTP, eptp(EPT_ROOT));
    this.write(VmcsField.LINK_POINTER, 0xffffffff);
    this.write(VmcsField.LINK_POINTER + 1, 0xffffffff);
  }

  private setHost(): void {
    this.write(VmcsField.HOST_CR0, Cr0.PE | Cr0.PG);
    for (let field = VmcsField.HOST_ES_SELECTOR as number; field <= VmcsField.HOST_GS_SELECTOR; field += 2) {
      this.write(field, KERNEL_DATA);
    }
    this.write(VmcsField.HOST_CS_SELECTOR, KERNEL_CODE);
    this.write(VmcsField.HOST_TR_SELECTOR, TASK);
  }

  /** Flat protected mode at `privilege`, EIP at CODE. */
  setGuest(privilege: 0 | 3 = 0): void {
    const data = privilege === 0 ? KERNEL_DATA : USER_DATA;
    for (let i = 0; i < 6; i++) {
      const code = i === 1;
      this.write(VmcsField.GUEST_ES_SELECTOR + 2 * i, code ? (privilege === 0 ? KERNEL_CODE : USER_CODE) : data);
      this.write(VmcsField.GUEST_ES_BASE + 2 * i, 0);
      this.write(VmcsField.GUEST_ES_LIMIT + 2 * i, 0xffffffff);
      this.write(VmcsField.GUEST_ES_RIGHTS + 2 * i, (code ? 0xc09b : 0xc093) | (privilege << 5));
    }
    this.write(VmcsField.GUEST_LDTR_RIGHTS, SEG_USABLE);
    this.write(VmcsField.GUEST_TR_SELECTOR, TASK);
    this.write(VmcsField.GUEST_TR_BASE, TSS);
    this.write(VmcsField.GUEST_TR_LIMIT, 0x67);
    this.write(VmcsField.GUEST_TR_RIGHTS, 0x8b);
    this.write(VmcsField.GUEST_GDTR_BASE, GDT);
    this.write(VmcsField.GUEST_GDTR_LIMIT, 0x7f);
    this.write(VmcsField.GUEST_IDTR_BASE, IDT);
    this.write(VmcsField.GUEST_IDTR_LIMIT, 0x7ff);
    this.write(VmcsField.GUEST_CR0, Cr0.PE | Cr0.ET | Cr0.NE);
    this.write(VmcsField.GUEST_CR3, 0);
    this.write(VmcsField.GUEST_CR4, 0);
    this.write(VmcsField.GUEST_DR7, Dr7.FIXED);
    this.core.cpu.setField(Cpu.DR + 24, DR6_FIXED);
    this.write(VmcsField.GUEST_RFLAGS, 2);
    this.write(VmcsField.GUEST_RSP, STACK);
    this.write(VmcsField.GUEST_RIP, CODE);
  }

  private launched = false;

  /** VMLAUNCH the first time, VMRESUME then. Returns the reason. */
  enter(budget = 100): number {
    const reason = this.core.exports.vmenter(this.launched ? 0 : 1, budget) >>> 0;
    if (reason !== ExitReason.VMFAIL && reason < ENTRY_FAILED >>> 0) this.launched = true;
    return reason;
  }

  /** Writes code at CODE, sets EIP there and enters. */
  runCode(code: ArrayLike<number>, budget = 100): number {
    this.guest(CODE, code);
    this.write(VmcsField.GUEST_RIP, CODE);
    this.write(VmcsField.GUEST_ACTIVITY, Activity.ACTIVE);
    return this.enter(budget);
  }

  /** What the last exit told. */
  exit() {
    return {
      qualification: this.word(Vmx.QUALIFICATION),
      interruption: this.word(Vmx.INTR_INFO),
      error: this.word(Vmx.INTR_ERROR),
      vectoring: this.word(Vmx.IDT_INFO),
      length: this.word(Vmx.INSN_LENGTH),
      info: this.word(Vmx.INSN_INFO),
      eip: this.core.cpu.field(Cpu.EIP),
    };
  }
}

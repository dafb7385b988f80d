/** Hypercalls about how the kernel is entered and left: set_trap_table, set_callbacks, stack_switch, iret. */
import { Cpu } from "../../../../assembly/abi/cpu.js";
import { Eflags, Reg, Seg } from "../../../../assembly/abi/x86.js";
import { Errno } from "../abi.js";
import { isGateTarget, kernelSelector } from "../descriptor.js";
import type { Domain } from "../domain.js";
import { NO_ACCESS } from "../guest-access.js";
import { KERNEL_CPL, VECTORS } from "../traps.js";
import { type Call, Special } from "./call.js";

/** {u8 vector, u8 flags, u16 cs, u32 address}. */
const TRAP_BYTES = 8;
const ESP = Cpu.REGS + 4 * Reg.ESP;
const EAX = Cpu.REGS + 4 * Reg.EAX;
/** Bytes that iret takes at most: EAX, EIP, CS, EFLAGS, ESP, SS. */
const IRET_WORDS = 6;

/** set_trap_table(traps): entries up to one with an address of 0. Without a table, all vectors lose their handlers. */
export function setTrapTable(domain: Domain, call: Call): number {
  const result = takeTraps(domain, call);
  domain.traps.tableChanged();
  return result;
}

function takeTraps(domain: Domain, { args }: Call): number {
  const { access, traps } = domain;
  let at = args[0]!;
  if (at === 0) {
    traps.clearTable();
    return 0;
  }
  for (let i = 0; i < VECTORS; i++, at += TRAP_BYTES) {
    const head = access.read32(at);
    const eip = access.read32(at + 4);
    if (head === NO_ACCESS || eip === NO_ACCESS) return -Errno.EFAULT;
    if (eip === 0) return 0;
    const cs = kernelSelector(head >>> 16);
    if (!isGateTarget(cs)) return -Errno.EPERM;
    const trap = traps.table[head & 0xff]!;
    trap.flags = (head >>> 8) & 0xff;
    trap.cs = cs;
    trap.eip = eip;
  }
  return access.read32(at + 4) === 0 ? 0 : -Errno.E2BIG;
}

/** set_callbacks(event_cs, event_eip, failsafe_cs, failsafe_eip). */
export function setCallbacks({ traps }: Domain, { args }: Call): number {
  const eventCs = kernelSelector(args[0]! & 0xffff);
  const failsafeCs = kernelSelector(args[2]! & 0xffff);
  if (!isGateTarget(eventCs) || !isGateTarget(failsafeCs)) return -Errno.EPERM;
  Object.assign(traps.event, { cs: eventCs, eip: args[1]! });
  Object.assign(traps.failsafe, { cs: failsafeCs, eip: args[3]! });
  return 0;
}

/** stack_switch(ss, esp): where the kernel is entered from outside. */
export function stackSwitch({ traps, descriptors }: Domain, { args }: Call): number {
  traps.kernelSs = kernelSelector(args[0]! & 0xffff);
  traps.kernelEsp = args[1]!;
  descriptors.setStack(traps.kernelSs, traps.kernelEsp);
  return 0;
}

/**
 * iret(): returns by the frame at ESP: EAX, then what IRET would take. The upcall mask becomes the opposite of the frame's IF. What
 * cannot be loaded leads to the failsafe callback.
 */
export function iret(domain: Domain, { nested }: Call): number {
  if (nested) return -Errno.EINVAL;
  const { access, state, segments, traps, events, core } = domain;
  const stack = segments.base(Seg.SS) + state.get(ESP);
  const frame: number[] = [];
  for (let i = 0; i < IRET_WORDS; i++) frame.push(access.read32((stack + 4 * i) >>> 0));
  const [eax, eip, cs, flags] = frame as [number, number, number, number];
  const cpl = cs & 3;
  const outwards = cpl !== KERNEL_CPL;
  if (frame.slice(0, outwards ? IRET_WORDS : 4).includes(NO_ACCESS)) {
    domain.crash("iret from a stack that is not mapped");
    return Special.ENTERED;
  }
  const ss = outwards ? frame[5]! & 0xffff : 0;
  const good =
    cpl !== 0 && (flags & Eflags.VM) === 0 && segments.isCode(cs & 0xffff) && (!outwards || segments.isStack(ss, cpl));
  state.set(EAX, eax);
  core.exports.retireOne(0);
  if (!good) {
    // The frame stays: the handler finds what it was.
    state.set(ESP, state.get(ESP) + 4);
    domain.frames.refuse("iret to a segment that is none");
    traps.deliverFailsafe();
    return Special.ENTERED;
  }
  state.set(ESP, outwards ? frame[4]! : state.get(ESP) + 16);
  state.set(Cpu.EIP, eip);
  state.set(Cpu.CPL, cpl);
  segments.load(Seg.CS, cs & 0xffff);
  if (outwards) {
    segments.load(Seg.SS, ss);
    segments.dropPrivileged(cpl);
  }
  core.exports.writeEflags((flags & ~Eflags.IOPL) | Eflags.IF);
  events.setMask((flags & Eflags.IF) === 0 ? 1 : 0);
  return Special.ENTERED;
}

/** Hypercalls of one routine each: console_io, xen_version, vm_assist, fpu_taskswitch, set_debugreg, get_debugreg. */
import { Cpu } from "../../../../assembly/abi/cpu.js";
import { DR6_FIXED, Dr7 } from "../../../../assembly/abi/x86.js";
import { Errno, MONITOR_START } from "../abi.js";
import type { Domain } from "../domain.js";
import { NO_ACCESS } from "../guest-access.js";
import { batchOf, type Call, Special } from "./call.js";

const CONSOLE_WRITE = 0;
const CONSOLE_READ = 1;

/** console_io(command, count, buffer). Writing returns 0, reading the number of bytes read. */
export function consoleIo(domain: Domain, call: Call): number {
  const { args } = call;
  const [command, count, buffer] = args as unknown as [number, number, number];
  if (command === CONSOLE_READ) return consoleRead(domain, count, buffer);
  if (command !== CONSOLE_WRITE) return -Errno.ENOSYS;
  const most = batchOf(call);
  if (call.nested && count > most) return -Errno.E2BIG;
  const part = Math.min(count, most);
  for (let i = 0; i < part; i++) {
    const byte = domain.access.read8(buffer + i);
    if (byte === NO_ACCESS) return -Errno.EFAULT;
    domain.console.write(byte);
  }
  if (part === count) return 0;
  args[1]! -= part;
  args[2]! += part;
  return Special.CONTINUE;
}

function consoleRead({ access, console }: Domain, count: number, buffer: number): number {
  for (let i = 0; i < count; i++) {
    if (!access.covers(buffer + i, 1, true)) return -Errno.EFAULT;
    const byte = console.read();
    if (byte === undefined) return i;
    access.write8(buffer + i, byte);
  }
  return count;
}

/** 3.0 to 4.2 have this interface. */
const VERSION = (4 << 16) | 2;
const PAGE_SIZE = 4096;
/** Feature 5: page table updates that keep the accessed and dirty flags. */
const FEATURES = 1 << 5;

enum Version {
  VERSION = 0,
  EXTRA = 1,
  COMPILE_INFO = 2,
  CAPABILITIES = 3,
  CHANGESET = 4,
  PLATFORM = 5,
  FEATURES = 6,
  PAGE_SIZE = 7,
}

/** xen_version(command, argument). */
export function xenVersion(domain: Domain, { args }: Call): number {
  const { access } = domain;
  const at = args[1]!;
  switch (args[0]! as Version) {
    case Version.VERSION:
      return VERSION;
    case Version.EXTRA:
      return text(domain, at, "-vmexit", 16);
    case Version.COMPILE_INFO: {
      const parts = [64, 16, 32, 32];
      let offset = at;
      for (const bytes of parts) {
        if (text(domain, offset, "", bytes) !== 0) return -Errno.EFAULT;
        offset += bytes;
      }
      return 0;
    }
    case Version.CAPABILITIES:
      return text(domain, at, "xen-3.0-x86_32 ", 1024);
    case Version.CHANGESET:
      return text(domain, at, "unavailable", 64);
    case Version.PLATFORM:
      return access.write32(at, MONITOR_START) ? 0 : -Errno.EFAULT;
    case Version.FEATURES: {
      const submap = access.read32(at);
      if (submap === NO_ACCESS) return -Errno.EFAULT;
      if (submap !== 0) return -Errno.EINVAL;
      return access.write32(at + 4, FEATURES) ? 0 : -Errno.EFAULT;
    }
    case Version.PAGE_SIZE:
      return PAGE_SIZE;
    default:
      return -Errno.ENOSYS;
  }
}

/** Writes a string of at most `bytes` bytes with its end. */
function text({ access }: Domain, at: number, string: string, bytes: number): number {
  if (!access.covers(at, bytes, true)) return -Errno.EFAULT;
  for (let i = 0; i <= string.length; i++) access.write8(at + i, i < string.length ? string.charCodeAt(i) : 0);
  return 0;
}

/** vm_assist(command, type): none of the assists that make up for unported code is there. */
export function vmAssist(): number {
  return -Errno.EINVAL;
}

/** fpu_taskswitch(set): the next x87 instruction raises #NM, or does not. */
export function fpuTaskswitch(domain: Domain, { args }: Call): number {
  domain.setTaskSwitched(args[0] !== 0);
  return 0;
}

const READ_WRITE = 0xff << 16;
const PORT_BREAKPOINT = 2;

/** set_debugreg(register, value). */
export function setDebugreg({ state, core }: Domain, { args }: Call): number {
  const [register, value] = args as unknown as [number, number];
  if (register > 7 || register === 4 || register === 5) return -Errno.EINVAL;
  let stored = value;
  if (register < 4 && value >= MONITOR_START) return -Errno.EPERM;
  if (register === 6) stored = (value & 0xe00f) | DR6_FIXED;
  if (register === 7) {
    if ((value & Dr7.GD) !== 0) return -Errno.EPERM;
    for (let i = 0; i < 4; i++) if (((value >>> (16 + 4 * i)) & 3) === PORT_BREAKPOINT) return -Errno.EPERM;
    stored = (value & (Dr7.ENABLES | Dr7.LE | Dr7.GE | READ_WRITE | 0xff000000)) | Dr7.FIXED;
  }
  state.set(Cpu.DR + 4 * register, stored);
  core.exports.rederive();
  return 0;
}

/** get_debugreg(register): its value, whatever it looks like. */
export function getDebugreg({ state }: Domain, { args }: Call): number {
  const register = args[0]!;
  if (register > 7 || register === 4 || register === 5) return -Errno.EINVAL;
  return state.get(Cpu.DR + 4 * register);
}

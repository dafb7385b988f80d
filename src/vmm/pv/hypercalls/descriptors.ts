/** Hypercalls about segment descriptors: set_gdt, update_descriptor. */
import { Errno, GUEST_GDT_ENTRIES } from "../abi.js";
import { fixDescriptor } from "../descriptor.js";
import type { Domain } from "../domain.js";
import { FrameUse } from "../frame-types.js";
import { NO_ACCESS } from "../guest-access.js";
import type { Call } from "./call.js";

const PER_FRAME = 512;

/** set_gdt(frames, entries): the frames become the guest's part of the GDT. */
export function setGdt(domain: Domain, { args }: Call): number {
  const [list, entries] = args as unknown as [number, number];
  if (entries > GUEST_GDT_ENTRIES) return -Errno.EINVAL;
  const frames: number[] = [];
  for (let i = 0; i < Math.ceil(entries / PER_FRAME); i++) {
    const mfn = domain.access.read32(list + 4 * i);
    if (mfn === NO_ACCESS) return -Errno.EFAULT;
    frames.push(mfn);
  }
  return domain.descriptors.setGdt(frames) ? 0 : -Errno.EINVAL;
}

/** update_descriptor(u64 machine address, u64 descriptor): stores into a descriptor table, or into other memory of the guest. */
export function updateDescriptor({ frames, memory }: Domain, { args }: Call): number {
  const [address, high, low, upper] = args as unknown as [number, number, number, number];
  const mfn = address >>> 12;
  if ((address & 7) !== 0 || high !== 0 || !frames.owns(mfn)) return -Errno.EINVAL;
  const descriptor = { low, high: upper };
  if (!fixDescriptor(descriptor)) {
    frames.refuse("segment descriptor");
    return -Errno.EINVAL;
  }
  const use = frames.useOf(mfn) === FrameUse.SEGMENT ? FrameUse.SEGMENT : FrameUse.WRITABLE;
  if (!frames.getFrameAs(mfn, use)) return -Errno.EINVAL;
  memory.words[address >>> 2] = descriptor.low;
  memory.words[(address >>> 2) + 1] = descriptor.high;
  memory.written(address, 8);
  frames.putFrameAs(mfn);
  return 0;
}

/** memory_op: the domain gives frames back and asks for others (ballooning). */
import { gfn, type Mfn } from "../../../address.js";
import { OutOfFramesError } from "../../../mm/frame-allocator.js";
import { NO_FRAME } from "../../../mm/p2m.js";
import { DOMID_SELF, Errno, M2P_END, M2P_START, NO_PFN } from "../abi.js";
import type { Domain } from "../domain.js";
import { NO_ACCESS } from "../guest-access.js";
import type { Call } from "./call.js";

enum Command {
  INCREASE = 0,
  DECREASE = 1,
  MAXIMUM_RAM_PAGE = 2,
  CURRENT = 3,
  MAXIMUM = 4,
  POPULATE = 6,
  MACHPHYS_MAPPING = 12,
}

/** Fields of a reservation. */
enum Reservation {
  EXTENTS = 0,
  COUNT = 4,
  ORDER = 8,
  DOMAIN = 16, // u16
}

/** Frames the domain may have. */
function most(domain: Domain): number {
  return domain.vm.ram.length / 4096;
}

/** memory_op(command, argument): the result of those that change a reservation is the number of extents that were done. */
export function memoryOp(domain: Domain, { args }: Call): number {
  const argument = args[1]!;
  switch (args[0]! as Command) {
    case Command.INCREASE:
      return extents(domain, argument, increase);
    case Command.DECREASE:
      return extents(domain, argument, decrease);
    case Command.POPULATE:
      return extents(domain, argument, populate);
    case Command.MAXIMUM_RAM_PAGE:
      return domain.memory.frames - 1;
    case Command.CURRENT:
    case Command.MAXIMUM:
      return reservation(domain, args[0]!, argument);
    case Command.MACHPHYS_MAPPING:
      return mapping(domain, argument);
    default:
      return -Errno.ENOSYS;
  }
}

function reservation(domain: Domain, command: Command, argument: number): number {
  const id = domain.access.read32(argument);
  if (id === NO_ACCESS) return -Errno.EFAULT;
  if ((id & 0xffff) !== DOMID_SELF) return -Errno.ESRCH;
  return command === Command.CURRENT ? domain.pages : most(domain);
}

function mapping(domain: Domain, argument: number): number {
  const { access, memory } = domain;
  const words = [M2P_START, M2P_END, memory.frames - 1];
  return words.every((word, i) => access.write32(argument + 4 * i, word)) ? 0 : -Errno.EFAULT;
}

/** Does something for each extent, until it cannot be done. */
function extents(domain: Domain, argument: number, one: (domain: Domain, at: number) => boolean): number {
  const { access } = domain;
  const [list, count, order, id] = [Reservation.EXTENTS, Reservation.COUNT, Reservation.ORDER, Reservation.DOMAIN].map(
    (field) => access.read32(argument + field),
  ) as [number, number, number, number];
  if ([list, count, order, id].includes(NO_ACCESS)) return -Errno.EFAULT;
  if ((id & 0xffff) !== DOMID_SELF) return -Errno.EPERM;
  if (order !== 0) return 0;
  // No more frames can be taken, or given back, than the domain may have; and one failure ends it.
  let done = 0;
  while (done < count && one(domain, list + 4 * done)) done++;
  return done;
}

/** A new frame, which is no guest frame yet. */
function increase(domain: Domain, at: number): boolean {
  const { access, vm } = domain;
  if (domain.pages >= most(domain) || !access.covers(at, 4, true)) return false;
  const mfn = allocate(() => vm.p2m.allocator.allocate(vm.p2m.owners.vm));
  if (mfn === undefined) return domain.frames.refuse("frame where there is none left");
  domain.own(mfn, NO_PFN);
  return access.write32(at, mfn);
}

/** A new frame for a guest frame. */
function populate(domain: Domain, at: number): boolean {
  const { access, vm } = domain;
  const pfn = access.read32(at);
  if (pfn === NO_ACCESS || pfn >= most(domain) || vm.p2m.mfn(pfn) !== NO_FRAME) return false;
  if (domain.pages >= most(domain) || !access.covers(at, 4, true)) return false;
  if (allocate(() => vm.p2m.populate(gfn(pfn), 1) ?? true) === undefined) {
    return domain.frames.refuse("frame where there is none left");
  }
  const mfn = vm.p2m.mfn(pfn);
  domain.own(mfn, pfn);
  return access.write32(at, mfn);
}

/** A frame goes that nothing refers to any more but a pin. */
function decrease(domain: Domain, at: number): boolean {
  const { access, frames, vm } = domain;
  const mfn = access.read32(at);
  if (mfn === NO_ACCESS) return false;
  if (!frames.owns(mfn)) return frames.refuse("foreign frame");
  if (frames.isPinned(mfn) && frames.referencesOf(mfn) === 1) {
    frames.setPinned(mfn, false);
    frames.putFrameAs(mfn);
  }
  if (frames.referencesOf(mfn) !== 0) return frames.refuse("frame given back while it is in use");
  const pfn = domain.pfns[mfn]!;
  domain.disown(mfn);
  if (pfn === NO_PFN) vm.p2m.allocator.release(mfn as Mfn, vm.p2m.owners.vm);
  else vm.p2m.discard(gfn(pfn));
  return true;
}

/** What `allocation` returns, or true; undefined if the machine has no frames left. */
function allocate<T>(allocation: () => T): T | undefined {
  try {
    return allocation();
  } catch (error) {
    if (error instanceof OutOfFramesError) return undefined;
    throw error;
  }
}

/** The hypercalls there are, by number, and how one is called. */
import { Errno, Hypercall } from "../abi.js";
import type { Domain } from "../domain.js";
import { NO_ACCESS } from "../guest-access.js";
import { batchOf, type Call, type Routine, Special } from "./call.js";
import { setGdt, updateDescriptor } from "./descriptors.js";
import { eventChannelOp } from "./event-channels.js";
import { memoryOp } from "./memory.js";
import { mmuextOp, mmuUpdate, updateVaMapping } from "./paging.js";
import { schedOp, setTimerOp, vcpuOp } from "./scheduling.js";
import { iret, setCallbacks, setTrapTable, stackSwitch } from "./traps.js";
import { consoleIo, fpuTaskswitch, getDebugreg, setDebugreg, vmAssist, xenVersion } from "./various.js";

const ROUTINES: Readonly<Record<Hypercall, Routine>> = {
  [Hypercall.SET_TRAP_TABLE]: setTrapTable,
  [Hypercall.MMU_UPDATE]: mmuUpdate,
  [Hypercall.SET_GDT]: setGdt,
  [Hypercall.STACK_SWITCH]: stackSwitch,
  [Hypercall.SET_CALLBACKS]: setCallbacks,
  [Hypercall.FPU_TASKSWITCH]: fpuTaskswitch,
  [Hypercall.SET_DEBUGREG]: setDebugreg,
  [Hypercall.GET_DEBUGREG]: getDebugreg,
  [Hypercall.UPDATE_DESCRIPTOR]: updateDescriptor,
  [Hypercall.MEMORY_OP]: memoryOp,
  [Hypercall.MULTICALL]: multicall,
  [Hypercall.UPDATE_VA_MAPPING]: updateVaMapping,
  [Hypercall.SET_TIMER_OP]: setTimerOp,
  [Hypercall.XEN_VERSION]: xenVersion,
  [Hypercall.CONSOLE_IO]: consoleIo,
  [Hypercall.VM_ASSIST]: vmAssist,
  [Hypercall.IRET]: iret,
  [Hypercall.VCPU_OP]: vcpuOp,
  [Hypercall.MMUEXT_OP]: mmuextOp,
  [Hypercall.SCHED_OP]: schedOp,
  [Hypercall.EVENT_CHANNEL_OP]: eventChannelOp,
};

/** By number, for calls. */
const BY_NUMBER: (Routine | undefined)[] = [];
const NAMES: string[] = [];
for (const [number, routine] of Object.entries(ROUTINES)) {
  BY_NUMBER[Number(number)] = routine;
  NAMES[Number(number)] = Hypercall[Number(number)]!.toLowerCase();
}

/** Largest error. */
const MAX_ERRNO = 4095;

/** Xen's name of a hypercall, such as `mmu_update`. */
export function hypercallName(number: number): string {
  return NAMES[number] ?? `hypercall ${number}`;
}

/** Does hypercall `number`. */
export function perform(domain: Domain, number: number, call: Call): number {
  const routine = BY_NUMBER[number];
  const result = routine === undefined ? -Errno.ENOSYS : routine(domain, call);
  if (result < 0 && result >= -MAX_ERRNO) {
    domain.frames.refuse(`${hypercallName(number)} -${Errno[-result]}`);
  }
  return result;
}

/** {u32 number, u32 result, u32 arguments[6]}. */
const ENTRY_BYTES = 32;
const inner: Call = { args: new Uint32Array(6), nested: true };

/** multicall(list, count): several calls in one crossing. */
function multicall(domain: Domain, call: Call): number {
  if (call.nested) return -Errno.EINVAL;
  const { access, parts } = domain;
  const { args } = call;
  const count = args[1]!;
  const due = Math.min(count, batchOf(call));
  for (let i = 0; i < due; i++) {
    const at = args[0]! + ENTRY_BYTES * i;
    const number = access.read32(at);
    if (number === NO_ACCESS || !access.covers(at, ENTRY_BYTES, true)) return -Errno.EFAULT;
    for (let j = 0; j < 6; j++) inner.args[j] = access.read32(at + 8 + 4 * j);
    const result = perform(domain, number, inner);
    const name = hypercallName(number);
    parts.set(name, (parts.get(name) ?? 0) + 1);
    if (!access.write32(at + 4, result)) return -Errno.EFAULT;
    if (domain.crashed !== undefined) return 0;
  }
  if (due === count) return 0;
  args[0]! += ENTRY_BYTES * due;
  args[1]! -= due;
  return Special.CONTINUE;
}

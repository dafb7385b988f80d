/** Hypercalls about time and waiting: sched_op, set_timer_op, vcpu_op. */
import { Cpu } from "../../../../assembly/abi/cpu.js";
import { CHANNELS, Errno } from "../abi.js";
import type { Domain } from "../domain.js";
import { SHORTEST_PERIOD } from "../domain-time.js";
import { NO_ACCESS } from "../guest-access.js";
import type { Call } from "./call.js";

enum Sched {
  YIELD = 0,
  BLOCK = 1,
  SHUTDOWN = 2,
  POLL = 3,
}

/** Reasons of a shutdown. */
enum Shutdown {
  POWEROFF = 0,
  REBOOT = 1,
}

enum Vcpu {
  INITIALISE = 0,
  UP = 1,
  DOWN = 2,
  IS_UP = 3,
  RUNSTATE = 4,
  SET_PERIODIC = 6,
  STOP_PERIODIC = 7,
  SET_SINGLE = 8,
  STOP_SINGLE = 9,
}

/** Most ports of one poll. */
const MAX_POLL = 128;
const POWER_OFF_PORT = 0x604;
const SLEEP = 0x2000;
const RESET_PORT = 0xcf9;
const RESET = 6;
/** Time-outs further away than this are a guest's mistake (Xen, do_set_timer_op): it is woken soon, to find out. */
const FAR = 2 ** 50;
const SOON = 50e6;
/** Set in a single-shot timer: it must not lie in the past. */
const FUTURE = 1;
const RUNNING = 0;

/** sched_op(command, argument). */
export function schedOp(domain: Domain, { args }: Call): number {
  const { events, state, access } = domain;
  switch (args[0]! as Sched) {
    case Sched.YIELD:
      return 0;
    case Sched.BLOCK:
      events.setMask(0);
      if (!events.pending) state.set(Cpu.HALTED, 1);
      return 0;
    case Sched.SHUTDOWN: {
      const reason = access.read32(args[1]!);
      return reason === NO_ACCESS ? -Errno.EFAULT : shutDown(domain, reason);
    }
    case Sched.POLL:
      return poll(domain, args[1]!);
    default:
      return -Errno.ENOSYS;
  }
}

function shutDown(domain: Domain, reason: number): number {
  const { host } = domain.vm;
  if (reason === Shutdown.POWEROFF) host.portWrite(POWER_OFF_PORT, 2, SLEEP);
  else if (reason === Shutdown.REBOOT) host.portWrite(RESET_PORT, 1, RESET);
  else domain.crash(`a shutdown with reason ${reason}`);
  return 0;
}

/** {ports, u32 count, u64 time-out}: waits until one of the ports is pending, whether masked or not, or the time has come. */
function poll(domain: Domain, at: number): number {
  const { access, events, time, state } = domain;
  const list = access.read32(at);
  const count = access.read32(at + 4);
  const due = read64(domain, at + 8);
  if (list === NO_ACCESS || count === NO_ACCESS || due === NO_ACCESS) return -Errno.EFAULT;
  if (count > MAX_POLL) return -Errno.EINVAL;
  for (let i = 0; i < count; i++) {
    const port = access.read32(list + 4 * i);
    if (port === NO_ACCESS) return -Errno.EFAULT;
    if (port >= CHANNELS) return -Errno.EINVAL;
    if (events.isPending(port)) return 0;
  }
  events.polling = true;
  state.set(Cpu.HALTED, 1);
  if (due !== 0) time.startPoll(due);
  return 0;
}

/** set_timer_op(u64 time): VIRQ_TIMER when system time has come to it; 0: not at all. */
export function setTimerOp({ time }: Domain, { args }: Call): number {
  const due = args[1]! * 2 ** 32 + args[0]!;
  if (due === 0) time.stopSingle();
  else time.startSingle(due - time.system > FAR ? time.system + SOON : due);
  return 0;
}

/** vcpu_op(command, vcpu, argument). */
export function vcpuOp(domain: Domain, { args }: Call): number {
  const [command, vcpu, at] = args as unknown as [number, number, number];
  const { time } = domain;
  if (vcpu !== 0) return -Errno.ENOENT;
  switch (command as Vcpu) {
    case Vcpu.INITIALISE:
      return -Errno.EEXIST;
    case Vcpu.UP:
      return 0;
    case Vcpu.DOWN:
      return -Errno.EBUSY;
    case Vcpu.IS_UP:
      return 1;
    case Vcpu.RUNSTATE:
      return runState(domain, at);
    case Vcpu.SET_PERIODIC: {
      const period = read64(domain, at);
      if (period === NO_ACCESS) return -Errno.EFAULT;
      if (period < SHORTEST_PERIOD || period > FAR) return -Errno.EINVAL;
      time.startPeriodic(period);
      return 0;
    }
    case Vcpu.STOP_PERIODIC:
      time.stopPeriodic();
      return 0;
    case Vcpu.SET_SINGLE:
      return single(domain, at);
    case Vcpu.STOP_SINGLE:
      time.stopSingle();
      return 0;
    default:
      return -Errno.ENOSYS;
  }
}

/** {u64 time, u32 flags}. */
function single(domain: Domain, at: number): number {
  const { access, time } = domain;
  const due = read64(domain, at);
  const flags = access.read32(at + 8);
  if (due === NO_ACCESS || flags === NO_ACCESS) return -Errno.EFAULT;
  if ((flags & FUTURE) !== 0 && due < time.system) return -Errno.ETIME;
  time.startSingle(Math.min(due, time.system + FAR));
  return 0;
}

/** {u32 state, u64 since, u64 time in each of four states}: it has been running since the beginning. */
function runState({ access, time }: Domain, at: number): number {
  const now = time.system;
  const words = [RUNNING, 0, 0, now % 2 ** 32, Math.floor(now / 2 ** 32), 0, 0, 0, 0, 0, 0];
  return words.every((word, i) => access.write32(at + 4 * i, word)) ? 0 : -Errno.EFAULT;
}

/** A u64 of the guest, or NO_ACCESS. Above 2^53 it loses its low bits. */
function read64({ access }: Domain, at: number): number {
  const low = access.read32(at);
  const high = access.read32(at + 4);
  return low === NO_ACCESS || high === NO_ACCESS ? NO_ACCESS : high * 2 ** 32 + low;
}

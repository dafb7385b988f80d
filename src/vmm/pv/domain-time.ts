/**
 * Time of a domain: system time in nanoseconds since its start, kept in vcpu_info with what the guest needs to go on from there by its TSC; and its
 * timers, both of which raise VIRQ_TIMER.
 */
import type { MachineMemory } from "../../mm/machine-memory.js";
import type { VmClock } from "../guest.js";
import { Shared, Virq } from "./abi.js";
import type { Events } from "./events.js";

const SECOND = 1e9;
/** Period of the timer that runs unless the guest says otherwise. */
export const DEFAULT_PERIOD = 10e6;
/** Shortest period. */
export const SHORTEST_PERIOD = 1e6;

/** Ticks to nanoseconds as Xen tells it: (ticks << shift) * mul / 2^32. */
function scale(hz: number): { mul: number; shift: number } {
  let shift = 0;
  let rate = SECOND / hz;
  while (rate >= 1) {
    rate /= 2;
    shift++;
  }
  while (rate < 0.5) {
    rate *= 2;
    shift--;
  }
  return { mul: Math.floor(rate * 2 ** 32), shift };
}

/** The clock and timers of a domain. */
export class DomainTime {
  private readonly view: DataView;
  private start = 0;
  private period = 0;
  private periodic: object | undefined;
  private single: object | undefined;
  private poll: object | undefined;

  /** `shared` is the machine address of shared_info; `now` is virtual time in ticks, `tsc` what RDTSC reads less that. */
  constructor(
    memory: MachineMemory,
    private readonly shared: number,
    private readonly events: Events,
    private readonly clock: VmClock,
    private readonly now: () => number,
  ) {
    const { bytes } = memory;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The domain begins now. */
  reset(): void {
    this.stop();
    this.start = this.now();
    this.update();
  }

  /** No timer runs any more. */
  stop(): void {
    this.stopPeriodic();
    this.stopSingle();
    if (this.poll !== undefined) this.clock.cancel(this.poll);
    this.poll = undefined;
  }

  /** Nanoseconds since the domain began. */
  get system(): number {
    return Math.floor(((this.now() - this.start) * SECOND) / this.clock.hz);
  }

  /** Brings the time in vcpu_info up to date; the version is odd while it changes. */
  update(): void {
    const { view, shared } = this;
    const version = view.getUint32(shared + Shared.TIME_VERSION, true);
    view.setUint32(shared + Shared.TIME_VERSION, version + 2, true);
    view.setBigUint64(shared + Shared.TSC_TIMESTAMP, BigInt(this.now()), true);
    view.setBigUint64(shared + Shared.SYSTEM_TIME, BigInt(this.system), true);
    const { mul, shift } = scale(this.clock.hz);
    view.setUint32(shared + Shared.TSC_TO_SYSTEM_MUL, mul, true);
    view.setInt8(shared + Shared.TSC_SHIFT, shift);
  }

  /** The tick at which system time has come to `nanoseconds`. */
  private tickOf(nanoseconds: number): number {
    return this.start + Math.ceil((nanoseconds * this.clock.hz) / SECOND);
  }

  private expired(): void {
    this.update();
    this.events.raiseVirq(Virq.TIMER);
  }

  /** Raises VIRQ_TIMER every `period` nanoseconds from now on. */
  startPeriodic(period: number): void {
    this.stopPeriodic();
    this.period = period;
    this.arm(this.system + period);
  }

  private arm(due: number): void {
    this.periodic = this.clock.at(this.tickOf(due), () => {
      this.arm(due + this.period);
      this.expired();
    });
  }

  /** Ends that. */
  stopPeriodic(): void {
    if (this.periodic !== undefined) this.clock.cancel(this.periodic);
    this.periodic = undefined;
  }

  /** Raises VIRQ_TIMER once, when system time has come to `due`; at once if it has. */
  startSingle(due: number): void {
    this.stopSingle();
    this.single = this.clock.at(Math.max(this.tickOf(due), this.now()), () => {
      this.single = undefined;
      this.expired();
    });
  }

  /** Ends that. */
  stopSingle(): void {
    if (this.single !== undefined) this.clock.cancel(this.single);
    this.single = undefined;
  }

  /** Ends a poll when system time has come to `due`. */
  startPoll(due: number): void {
    if (this.poll !== undefined) this.clock.cancel(this.poll);
    this.poll = this.clock.at(Math.max(this.tickOf(due), this.now()), () => {
      this.poll = undefined;
      if (this.events.polling) this.events.endPoll();
    });
  }
}

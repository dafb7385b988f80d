/**
 * A record of when the guest ran and why it stopped, as Trace Event JSON: Perfetto and chrome://tracing open it.
 * Times are ticks of the guest's virtual clock, shown as microseconds; what the monitor took of the host is an argument.
 */

/** Events kept at most; later ones are counted, not kept. */
const MOST = 1_000_000;

/** One stretch of guest execution and the exit that ended it. */
interface Stretch {
  from: number;
  to: number;
  cause: string;
  nanoseconds: number;
}

/** The timeline of one virtual machine. */
export class Timeline {
  private readonly stretches: Stretch[] = [];
  private dropped = 0;

  /** Notes that the guest ran from tick `from` to `to` and left for `cause`. */
  note(from: number, to: number, cause: string, nanoseconds: number): void {
    if (this.stretches.length < MOST) this.stretches.push({ from, to, cause, nanoseconds });
    else this.dropped++;
  }

  /** The JSON text. `name` is what the process is called. */
  toJson(name: string): string {
    const events: object[] = [
      { name: "process_name", ph: "M", pid: 1, args: { name } },
      { name: "thread_name", ph: "M", pid: 1, tid: 1, args: { name: "guest" } },
      { name: "thread_name", ph: "M", pid: 1, tid: 2, args: { name: "monitor" } },
    ];
    for (const { from, to, cause, nanoseconds } of this.stretches) {
      if (to > from) events.push({ name: "guest", ph: "X", pid: 1, tid: 1, ts: from, dur: to - from });
      events.push({ name: cause, ph: "i", s: "t", pid: 1, tid: 2, ts: to, args: { nanoseconds } });
    }
    return `${JSON.stringify({ traceEvents: events, otherData: { dropped: this.dropped } })}\n`;
  }
}

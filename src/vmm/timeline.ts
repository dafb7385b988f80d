/**
 * A record of when the guest ran and why it stopped, as Trace Event JSON: Perfetto and chrome://tracing open it.
 * Times are ticks of the guest's virtual clock, shown as microseconds; what the monitor took of the host is an argument.
 */

/** Stretches and exits kept at most, each; later ones are counted, not kept. */
const MOST = 500_000;

/** Who executes the guest: the processor, or the monitor's interpretation. */
export enum Track {
  DIRECT = 1,
  INTERPRETED = 2,
  /** Why it came out. */
  EXITS = 3,
}

const TRACK_NAMES: Readonly<Record<Track, string>> = {
  [Track.DIRECT]: "guest, running directly",
  [Track.INTERPRETED]: "guest, interpreted",
  [Track.EXITS]: "exits",
};

/** Ticks during which the guest ran one way. */
interface Stretch {
  track: Track.DIRECT | Track.INTERPRETED;
  from: number;
  to: number;
}

/** Where the guest came out. */
interface Exit {
  at: number;
  cause: string;
  nanoseconds: number;
}

/** The timeline of one virtual machine. */
export class Timeline {
  private readonly stretches: Stretch[] = [];
  private readonly exits: Exit[] = [];
  private dropped = 0;

  /** Notes that the guest ran from tick `from` to `to`. */
  ran(track: Stretch["track"], from: number, to: number): void {
    if (to === from) return;
    const last = this.stretches.at(-1);
    // A deadline of a device ends a run of the processor, but is no exit.
    const goesOn = last !== undefined && last.track === track && last.to === from && this.exits.at(-1)?.at !== from;
    if (goesOn) last.to = to;
    else if (this.stretches.length < MOST) this.stretches.push({ track, from, to });
    else this.dropped++;
  }

  /** Notes that it left at tick `at` for `cause`, which took the monitor `nanoseconds` of the host. */
  exit(at: number, cause: string, nanoseconds: number): void {
    if (this.exits.length < MOST) this.exits.push({ at, cause, nanoseconds });
    else this.dropped++;
  }

  /** The JSON text. `name` is what the process is called. */
  toJson(name: string): string {
    const place = (track: Track) => ({ pid: 1, tid: track });
    const events: object[] = [{ name: "process_name", ph: "M", pid: 1, args: { name } }];
    for (const track of [Track.DIRECT, Track.INTERPRETED, Track.EXITS]) {
      events.push({ name: "thread_name", ph: "M", ...place(track), args: { name: TRACK_NAMES[track] } });
      events.push({ name: "thread_sort_index", ph: "M", ...place(track), args: { sort_index: track } });
    }
    for (const { track, from, to } of this.stretches) {
      const what = track === Track.DIRECT ? "direct" : "interpreted";
      events.push({ name: what, cat: "guest", ph: "X", ...place(track), ts: from, dur: to - from });
    }
    for (const { at, cause, nanoseconds } of this.exits) {
      const args = { nanoseconds: Math.round(nanoseconds) };
      events.push({ name: cause, cat: "exit", ph: "i", s: "t", ...place(Track.EXITS), ts: at, args });
    }
    return `${JSON.stringify({ traceEvents: events, otherData: { clock: "ticks", dropped: this.dropped } })}\n`;
  }
}

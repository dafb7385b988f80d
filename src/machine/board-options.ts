/**
 * What of a board follows from the machine's configuration and its clock alone.
 */
import type { BoardOptions } from "../devices/index.js";
import type { CompleteConfig } from "./machine-config.js";

/** Options of a board on `platform`'s time; the board's marks get that time and the host's added. */
export function boardOptions(
  config: CompleteConfig,
  platform: { readonly time: number },
): Pick<BoardOptions, "ramBytes" | "clock" | "debugExitPort" | "rtcTime" | "onMark"> {
  const { onMark } = config;
  return {
    ramBytes: config.memoryBytes,
    clock: { hz: config.clockHz, now: () => platform.time },
    debugExitPort: config.debugExitPort,
    rtcTime: config.rtcTime,
    ...(onMark === undefined
      ? {}
      : { onMark: (mark) => onMark({ ...mark, time: platform.time, nanoseconds: performance.now() * 1e6 }) }),
  };
}

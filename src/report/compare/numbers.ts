/** Numbers of a comparison for people. */
import { grouped } from "../numbers.js";

/** Counts below this are noise of what happens now and then: a timer interrupt in a long section. */
export const HARDLY_EVER = 0.005;

/** A count of one operation: whole if it is, else with two decimals. */
export function countText(count: number): string {
  if (Math.abs(count) < HARDLY_EVER) return "0";
  const whole = Math.round(count);
  if (Math.abs(count - whole) < HARDLY_EVER) return grouped(whole);
  return count >= 1000 ? grouped(count) : count.toFixed(2);
}

/** A time in nanoseconds or a number of cycles, with about three digits that mean something. */
export function quantityText(value: number): string {
  return value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : grouped(value);
}

/** A time given in nanoseconds, with its unit where that is another. */
export function timeText(nanoseconds: number): string {
  if (nanoseconds < 99_950) return quantityText(nanoseconds);
  return nanoseconds < 99.95e6 ? `${(nanoseconds / 1e6).toFixed(2)} ms` : `${(nanoseconds / 1e9).toFixed(2)} s`;
}

/** A ratio: 0.98, 3.4, 120. */
export function ratioText(ratio: number): string {
  if (ratio < 9.95) return ratio.toFixed(2);
  return ratio < 99.5 ? ratio.toFixed(1) : grouped(ratio);
}

/** A share as "±4%". */
export function spreadText(spread: number): string {
  return `±${Math.round(spread * 100)}%`;
}

/** Numbers for people, the same on every host. */

/** A count with thousands separated. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A share of a whole, rounded down, so that 100 % is all of it. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "100 %";
  if (part === whole) return "100 %";
  const hundredths = Math.floor((part / whole) * 10_000);
  return hundredths === 0 && part > 0 ? "< 0.01 %" : `${(hundredths / 100).toFixed(2)} %`;
}

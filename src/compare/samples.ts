/** Several measurements of one thing: the median, and how far they spread. */

/** What a set of measurements comes to. */
export interface Summary {
  median: number;
  /** Half the distance between the quartiles as a share of the median: 0.05 is "plus or minus 5 %". */
  spread: number;
}

/** The value below which the share `q` of sorted `values` lies, interpolated. */
function quantile(values: readonly number[], q: number): number {
  const place = (values.length - 1) * q;
  const low = values[Math.floor(place)]!;
  return low + (values[Math.ceil(place)]! - low) * (place - Math.floor(place));
}

/** Summarizes at least one measurement. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  const half = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2;
  return { median, spread: median > 0 ? half / median : 0 };
}

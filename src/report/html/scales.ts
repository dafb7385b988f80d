/** Scales of drawings: from a value to a place, and the values at which a line is drawn. */

/** A scale. */
export interface Scale {
  /** Where a value lies; values outside lie at the ends. */
  place(value: number): number;
  /** Round values along it. */
  ticks: number[];
}

function clamp(value: number, from: number, to: number): number {
  return Math.min(Math.max(value, Math.min(from, to)), Math.max(from, to));
}

/** Powers of ten, from the one below `least` to the one above `most`; `tight`: the scale ends at `most`. */
export function logScale(least: number, most: number, from: number, to: number, tight = false): Scale {
  const low = Math.floor(Math.log10(Math.max(least, 1e-3)));
  const end = Math.log10(Math.max(most, 1e-3));
  const high = Math.max(low + 1, tight ? end : Math.ceil(end));
  const ticks = Array.from({ length: Math.floor(high - low) + 1 }, (_, i) => 10 ** (low + i));
  const place = (value: number) => {
    const share = value <= 0 ? 0 : (Math.log10(value) - low) / (high - low);
    return clamp(from + share * (to - from), from, to);
  };
  return { place, ticks };
}

/** From zero to at least `most`, with at most five steps of 1, 2 or 5 times a power of ten and at least `least`. */
export function linearScale(most: number, from: number, to: number, least = 0): Scale {
  const rough = Math.max(most / 5, least, 1e-9);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  const steps = Math.max(1, Math.ceil(most / step - 1e-9));
  const ticks = Array.from({ length: steps + 1 }, (_, i) => i * step);
  const end = steps * step;
  return { place: (value) => clamp(from + (value / end) * (to - from), from, to), ticks };
}

/** A round value at a tick: 1, 10k, 2.5M. */
export function tickText(value: number): string {
  if (value >= 1e9) return `${trimmed(value / 1e9)}G`;
  if (value >= 1e6) return `${trimmed(value / 1e6)}M`;
  if (value >= 1e3) return `${trimmed(value / 1e3)}k`;
  return trimmed(value);
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}

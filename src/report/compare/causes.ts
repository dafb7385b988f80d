/** What made the guest cross to its monitor, in a few words. */
import type { Counts } from "../../cost/counts.js";
import { countText, HARDLY_EVER } from "./numbers.js";

function list(record: Readonly<Record<string, number>>): string[] {
  return Object.entries(record)
    .filter(([, count]) => count >= HARDLY_EVER)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${countText(count)}`);
}

/** Causes of the crossings of a section, most frequent first; instructions the machine refused by name, inline ones last. */
export function causesText({ crossings, refused, inline }: Counts): string {
  const parts = crossings
    .filter(({ count }) => count >= HARDLY_EVER)
    .map(({ crossing, cause, count }) => {
      const names = cause === "#GP" ? list(refused) : [];
      const what = names.length > 0 ? `#GP (${names.join(", ")})` : `${cause} ${countText(count)}`;
      return crossing === "exit" ? what : `${crossing} ${what}`;
    });
  const within = list(inline);
  if (within.length > 0) parts.push(`inline ${within.join(", ")}`);
  return parts.join(", ");
}

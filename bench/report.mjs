/** What a comparison looks like on a terminal: a line per workload, geometric means per group, fixed columns. */
import { geometricMean } from "./paired.mjs";

/** A time with a fitting unit. */
export function time(nanoseconds) {
  const units = [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "µs"],
    [1, "ns"],
  ];
  const [size, unit] = units.find(([limit]) => nanoseconds >= limit) ?? [1, "ns"];
  return `${(nanoseconds / size).toPrecision(4)} ${unit}`;
}

/** Head line of the table for engines `names`. */
export function head(names) {
  const [ours, ...others] = names;
  const cells = ["workload".padEnd(14), "insns/iter".padStart(11), ours.padStart(20), "MIPS".padStart(7)];
  for (const name of others) cells.push(name.padStart(12), "ratio".padStart(8), "95 % interval".padStart(15));
  return cells.join(" ");
}

/** One line of the table. */
export function row({ guest, engines, ratios }) {
  const [ours, ...others] = engines;
  const { instructions } = ours;
  const cells = [
    guest.padEnd(14),
    Math.round(instructions).toString().padStart(11),
    time(ours.nanoseconds).padStart(20),
  ];
  cells.push(((instructions / ours.nanoseconds) * 1e3).toFixed(0).padStart(7));
  for (const { name, nanoseconds } of others) {
    const { ratio, low, high } = ratios[name];
    cells.push(time(nanoseconds).padStart(12), `${ratio.toFixed(2)}x`.padStart(8));
    cells.push(`${low.toFixed(2)}-${high.toFixed(2)}`.padStart(15));
  }
  return cells.join(" ");
}

/** Geometric means of the ratios: `{ group: { engine: { ratio, lowest, workloads } } }`, for groups that were measured. */
export function means(results) {
  const found = {};
  for (const group of new Set(results.map((result) => result.group))) {
    if (group === "other") continue;
    const members = results.filter((result) => result.group === group);
    found[group] = {};
    for (const engine of Object.keys(members[0].ratios)) {
      const ratios = members.map((member) => member.ratios[engine].ratio);
      const lowest = members[ratios.indexOf(Math.min(...ratios))].guest;
      found[group][engine] = {
        ratio: geometricMean(ratios),
        lowest: Math.min(...ratios),
        of: lowest,
        workloads: ratios.length,
      };
    }
  }
  return found;
}

/** The lines below the table. */
export function meanLines(groups, ours) {
  return Object.entries(groups).flatMap(([group, engines]) =>
    Object.entries(engines).map(
      ([engine, { ratio, lowest, of, workloads }]) =>
        `geometric mean, ${group} (${workloads}): ${ours} is ${ratio.toFixed(2)}x as fast as ${engine}; lowest ${lowest.toFixed(2)}x (${of})`,
    ),
  );
}

/** Tables of fixed-width text: a column of names, then one column for each way. */

/** Widest line of a terminal the tables are made for. */
export const WIDTH = 120;
const GAP = "  ";
const BETWEEN = " | ";

/** A table with a heading: names to the left, cells right-aligned under their columns. */
export function table(
  title: string,
  columns: readonly string[],
  rows: readonly { name: string; cells: readonly string[] }[],
): string[] {
  if (rows.length === 0) return [];
  const left = Math.max(...rows.map(({ name }) => name.length), 8);
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map(({ cells }) => cells[i]!.length)));
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(left), ...cells.map((cell, i) => cell.padStart(widths[i]!))].join(GAP).trimEnd();
  return ["", title, line("", columns), ...rows.map(({ name, cells }) => line(name, cells))];
}

/**
 * Lists on lines of at most `WIDTH` columns behind a name of `indent` columns: a list goes to the next line if it does not fit, and is broken
 * only if it fits on none.
 */
export function wrapped(name: string, lists: readonly (readonly string[])[], indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  const flush = () => {
    if (line !== "") lines.push((lines.length === 0 ? name : "").padEnd(indent) + line);
    line = "";
  };
  const room = WIDTH - indent;
  for (const list of lists) {
    if (line.length + BETWEEN.length + list.join(", ").length > room) flush();
    list.forEach((item, i) => {
      const text = i < list.length - 1 ? `${item},` : item;
      if (line.length + 1 + text.length > room) flush();
      line += line === "" ? text : (i === 0 ? BETWEEN : " ") + text;
    });
  }
  flush();
  return lines;
}

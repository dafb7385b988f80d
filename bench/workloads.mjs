/**
 * The bench guests by what they stress. `roms/bench/NAME.elf` takes `n=NUMBER` on its command line and prints
 * `start NAME` and `end NAME checksum=XXXXXXXX iterations=NUMBER` around what is measured.
 */

/** Groups with a geometric mean of their own; `other` guests are shown and belong to none. */
// biome-ignore format: a table
export const GROUPS = {
  compute: [
    "sieve", "matmul", "list", "crc32", "strops", "coremark", "fib", "adc", "flags", "div", "mul64", "memcpy_loop",
  ],
  "control flow": ["icall_near", "icall_far", "dcall_far", "pagecross", "cold", "coldwarm"],
  system: ["syscall_up", "pagefault", "pgchurn", "cr3switch", "portio", "smc", "codedata"],
  other: ["icall_mono", "memcpy_rep", "pagenocross", "syscall"],
};

/** Every workload with its group, in order; `only` keeps the named ones. Throws Error for a name there is not. */
export function selectWorkloads(only = []) {
  const all = Object.entries(GROUPS).flatMap(([group, names]) => names.map((name) => ({ group, name })));
  const known = new Set(all.flatMap(({ group, name }) => [group, name]));
  const unknown = only.find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new Error(`expected a workload or group (${[...known].join(", ")}) and found "${unknown}"`);
  }
  return all.filter(({ group, name }) => only.length === 0 || only.includes(name) || only.includes(group));
}

/** What a test found different: named values, in hexadecimal, for people and for `--json`. */

/** One value that is not what the test says. */
export interface Difference {
  /** Register, `memory 0x…`, `vector`, `error code`, … */
  what: string;
  expected: string;
  got: string;
}

/** The flags of EFLAGS worth naming, from bit 0 up. */
const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [0x1, "CF"],
  [0x4, "PF"],
  [0x10, "AF"],
  [0x40, "ZF"],
  [0x80, "SF"],
  [0x100, "TF"],
  [0x200, "IF"],
  [0x400, "DF"],
  [0x800, "OF"],
  [0x4000, "NT"],
  [0x10000, "RF"],
  [0x20000, "VM"],
  [0x40000, "AC"],
  [0x200000, "ID"],
];

/** Lower-case hexadecimal with `digits` digits. */
export function hex(value: number, digits = 8): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

/** EFLAGS as `00000246 [PF ZF IF]`. */
export function flagText(eflags: number): string {
  const names = FLAG_NAMES.filter(([bit]) => (eflags & bit) !== 0).map(([, name]) => name);
  return `${hex(eflags)} [${names.join(" ")}]`;
}

/** Adds a difference unless the two agree. */
export function compareHex(into: Difference[], what: string, expected: number, got: number, digits = 8): void {
  if (expected >>> 0 !== got >>> 0) into.push({ what, expected: hex(expected, digits), got: hex(got, digits) });
}

/** Adds a difference unless the flags in `defined` agree. */
export function compareFlags(into: Difference[], what: string, expected: number, got: number, defined: number): void {
  if (((expected ^ got) & defined) !== 0) {
    into.push({ what, expected: flagText(expected & defined), got: flagText(got & defined) });
  }
}

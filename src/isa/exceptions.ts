/**
 * The exceptions by name.
 */

/** Names of the exceptions by vector (SDM 3A table 6-1); unnamed vectors print as numbers. */
const EXCEPTION_NAMES: Readonly<Record<number, string>> = {
  0: "#DE",
  1: "#DB",
  2: "NMI",
  3: "#BP",
  4: "#OF",
  5: "#BR",
  6: "#UD",
  7: "#NM",
  8: "#DF",
  10: "#TS",
  11: "#NP",
  12: "#SS",
  13: "#GP",
  14: "#PF",
  16: "#MF",
  17: "#AC",
  18: "#MC",
  19: "#XM",
};

/** The SDM's name of an exception vector, such as `#PF`; `#14` style numbers for vectors without a name. */
export function exceptionName(vector: number): string {
  return EXCEPTION_NAMES[vector] ?? `#${vector}`;
}

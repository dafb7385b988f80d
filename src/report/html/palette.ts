/**
 * Colours of ways and causes, as names of CSS variables: style.ts gives them values for light and dark. They are Okabe and Ito's, which people with every
 * kind of colour vision can tell apart; nothing is told by colour alone.
 */
import type { CauseCount, Counts } from "../../cost/counts.js";

const WAY_COLORS: Readonly<Record<string, string>> = {
  bare: "--bare",
  trap: "--orange",
  bt: "--green",
  "vt+shadow": "--blue",
  "vt+ept": "--sky",
  hybrid: "--yellow",
  pv: "--purple",
};

/** The colour of a way. */
export function wayColor(name: string): string {
  return `var(${WAY_COLORS[name] ?? "--red"})`;
}

/** A group of causes that are shown as one colour. */
export interface CauseGroup {
  name: string;
  color: string;
  /** Colour of text on it. */
  ink: string;
}

const DARK = "#14161a";
const LIGHT = "#ffffff";

const group = (name: string, variable: string, ink = DARK): CauseGroup => ({ name, color: `var(${variable})`, ink });

/** Groups by a pattern that causes match; the first one counts. */
const GROUPS: readonly (readonly [pattern: RegExp, group: CauseGroup])[] = [
  [/^#PF/, group("page faults", "--blue", LIGHT)],
  [/^(?:IO_INSTRUCTION|INS?\b|OUTS?\b)/, group("ports", "--orange")],
  [/^(?:CR_ACCESS|MOV (?:to |from )?CR|LMSW|CLTS|SMSW)/, group("control registers", "--green", LIGHT)],
  [/^(?:INVLPG|INVEPT|INVVPID)/, group("TLB flushes", "--sky")],
  [/^(?:CLI|STI|PUSHF|POPF)/, group("interrupt flag", "--yellow")],
  [/^(?:INT |SYSENTER)/, group("system calls", "--purple")],
  [/^(?:IRET|SYSEXIT|RET far)/, group("returns from the kernel", "--red", LIGHT)],
  [/^(?:MOV (?:to|from)|PUSH|POP) Sreg|^L[DEFGS]S\b/, group("segment registers", "--olive")],
  [/^#/, group("exceptions", "--brown", LIGHT)],
  [/^page-table store/, group("page-table stores", "--teal", LIGHT)],
];
const HYPERCALLS = group("hypercalls", "--pink");
const OTHERS = group("others", "--bare");

/** The group of a cause. */
export function groupOf({ crossing, cause }: Pick<CauseCount, "crossing" | "cause">): CauseGroup {
  if (crossing === "hypercall") return HYPERCALLS;
  return GROUPS.find(([pattern]) => pattern.test(cause))?.[1] ?? OTHERS;
}

/** Crossings of a section with what the machine refused by name in place of #GP. */
export function namedCrossings({ crossings, refused }: Counts): CauseCount[] {
  const names = Object.entries(refused);
  return crossings.flatMap((entry) =>
    entry.cause === "#GP" && names.length > 0
      ? names.map(([cause, count]) => ({ crossing: entry.crossing, cause, count }))
      : [entry],
  );
}

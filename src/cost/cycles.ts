/**
 * Modelled cycles: counts times costs, and nothing else. Every benchmark goes through the same sums.
 */
import { type Counts, total } from "./counts.js";
import { type CostKey, type CostModel, numbersOf } from "./model.js";
import { LEVELS } from "./walks.js";

/** Where cycles go. */
export interface Cycles {
  /** The guest's own instructions, and what they cost on the hardware: events, privileged instructions. */
  guest: number;
  /** Page walks. */
  walks: number;
  /** Crossing to the monitor and back, in hardware. */
  crossings: number;
  /** The monitor's own work. */
  monitor: number;
  /** Translating. */
  translation: number;
  total: number;
}

/** What the cost depends on besides counts. */
export interface CostedWay {
  vmm: string;
  mmu?: string;
}

type Numbers = Record<CostKey, number>;

/** Instructions that cost a class of their own when the processor executes them; IRET and SYSEXIT belong to what they end. */
const CLASSES: readonly { key: CostKey | undefined; names: readonly string[]; exits: readonly string[] }[] = [
  { key: "port", names: ["IN", "OUT", "INS", "OUTS"], exits: ["IO_INSTRUCTION"] },
  { key: "controlRegister", names: ["MOV to CR", "LMSW", "CLTS"], exits: ["CR_ACCESS"] },
  { key: "interruptFlag", names: ["CLI", "STI"], exits: [] },
  { key: "sysenter", names: ["SYSENTER"], exits: [] },
  { key: undefined, names: ["IRET", "SYSEXIT", "HLT"], exits: ["HLT"] },
];
/** Other exits of one privileged instruction each. */
const OTHER_EXITS: readonly string[] = ["INVLPG", "DR_ACCESS", "RDMSR", "WRMSR", "WBINVD", "INVD"];

const EXIT_KEYS: Readonly<Record<string, CostKey>> = {
  CPUID: "exitCpuid",
  "#PF": "exitPageFault",
  IO_INSTRUCTION: "exitPort",
  EPT_VIOLATION: "exitEpt",
};

const INLINE_KEYS: readonly (readonly [names: RegExp, key: CostKey])[] = [
  [/^RDTSC/, "inlineTime"],
  [/^(?:IN|OUT|INS|OUTS)\b/, "inlinePort"],
];

/** Events the guest takes, from the profile: there every one of them came out, besides what the machine refused and the shadow tables hid. */
export function guestEvents({ crossings, refused, memory, delivered }: Counts): number {
  let events = (memory.true ?? 0) + (delivered.interrupt ?? 0);
  for (const { crossing, cause, count } of crossings) {
    if (crossing !== "exit" || cause === "#PF") continue;
    if (cause === "#GP") events += Math.max(0, count - total(refused));
    else if (cause.startsWith("#") || cause.startsWith("INT ")) events += count;
  }
  return events;
}

/** Cost of the privileged and sensitive instructions that the processor executes itself: those of the profile that did not exit. */
function privilegedCycles(profile: Counts, counts: Counts, cost: Numbers): number {
  const exited = (causes: readonly string[]) =>
    counts.crossings.reduce((sum, { cause, count }) => (causes.includes(cause) ? sum + count : sum), 0);
  const executed = (names: readonly string[]) => names.reduce((sum, name) => sum + (profile.refused[name] ?? 0), 0);
  let cycles = 0;
  for (const { key, names, exits } of CLASSES) {
    if (key !== undefined) cycles += cost[key] * Math.max(0, executed(names) - exited(exits));
  }
  const classed = new Set(CLASSES.flatMap(({ names }) => names));
  const others = Object.keys(profile.refused).filter((name) => !classed.has(name));
  return cycles + cost.privileged * Math.max(0, executed(others) - exited(OTHER_EXITS));
}

/** The guest runs on the hardware: bare, or in non-root operation where some things exit. */
function onHardware(profile: Counts, counts: Counts, cost: Numbers): Omit<Cycles, "total" | "walks"> {
  const handling = cost.entry + cost.vmreads * cost.vmread + cost.vmwrites * cost.vmwrite;
  let crossings = 0;
  let monitor = 0;
  for (const { cause, count } of counts.crossings) {
    crossings += count * (cost[EXIT_KEYS[cause] ?? "exit"] + handling);
    monitor += count * cost.dispatch;
  }
  const guest =
    counts.ticks * cost.instruction + guestEvents(profile) * cost.event + privilegedCycles(profile, counts, cost);
  return { guest, crossings, monitor, translation: 0 };
}

/**
 * Events that a deprivileged guest takes without its monitor: those of the profile that did not come out. A paravirtual kernel has the system call by a
 * gate of the processor's own.
 */
function directEvents(profile: Counts, counts: Counts): number {
  const out = new Map(counts.crossings.map(({ cause, count }) => [cause, count]));
  return profile.crossings.reduce(
    (sum, { cause, count }) => (cause.startsWith("INT ") ? sum + Math.max(0, count - (out.get(cause) ?? 0)) : sum),
    0,
  );
}

/** Returns from the kernel that the processor executes itself: those of the profile that neither came out nor end an event that did not. */
function directReturns(profile: Counts, counts: Counts, events: number): number {
  const out = counts.crossings.reduce((sum, { cause, count }) => (/^iret$/i.test(cause) ? sum + count : sum), 0);
  const handled = out + (counts.refused.IRET ?? 0) + (counts.inline.IRET ?? 0) + events;
  return Math.max(0, (profile.refused.IRET ?? 0) - handled);
}

/** What a deprivileged kernel's transitions cost that its monitor has no part in; one that is interpreted makes none. */
function transitionCycles(profile: Counts, counts: Counts, cost: Numbers): number {
  if (counts.interpreted > 0) return 0;
  const events = directEvents(profile, counts);
  return events * cost.event + directReturns(profile, counts, events) * cost.iret;
}

/** The guest runs deprivileged or translated: whatever is privileged about it is the monitor's. */
function inSoftware(profile: Counts, counts: Counts, cost: Numbers): Omit<Cycles, "total" | "walks"> {
  let crossings = 0;
  let monitor = counts.interpreted * cost.interpret;
  for (const { crossing, count } of counts.crossings) {
    if (crossing === "call-out") {
      monitor += count * cost.callOut;
      continue;
    }
    crossings += count * cost.trap;
    monitor += count * (crossing === "hypercall" ? cost.hypercall : cost.dispatch);
  }
  for (const [name, count] of Object.entries(counts.inline)) {
    monitor += count * cost[INLINE_KEYS.find(([names]) => names.test(name))?.[1] ?? "inline"];
  }
  const { ident, inline, callOut, lookups } = counts.translation;
  monitor += lookups * cost.lookup;
  const translation = (ident + inline + callOut) * cost.translate;
  const guest = (counts.ticks - counts.interpreted) * cost.instruction + transitionCycles(profile, counts, cost);
  return { guest, crossings, monitor, translation };
}

/**
 * Cycles of what `counts` says, under `way`. `profile` are the counts of the same stretch where every privileged and sensitive instruction and
 * every event came to a monitor: it tells what the guest does.
 */
export function modelledCycles(model: CostModel, way: CostedWay, counts: Counts, profile: Counts): Cycles {
  const cost = numbersOf(model);
  const hardware = way.vmm === "none" || way.vmm === "vt";
  const parts = hardware ? onHardware(profile, counts, cost) : inSoftware(profile, counts, cost);
  const native = way.mmu === "ept" ? (counts.memory["nested walks"] ?? 0) * cost.nested : counts.tlbMisses;
  const walks = native * LEVELS * cost.reference;
  const { guest, crossings, monitor, translation } = parts;
  return { ...parts, walks, total: guest + walks + crossings + monitor + translation };
}

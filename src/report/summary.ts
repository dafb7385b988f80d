/**
 * What is told about a finished run: the object `--json` prints and the lines `--stats` prints.
 * Times of the host are the only fields that differ between equal runs.
 */
import type { Machine } from "../machine/machine.js";
import type { Registers } from "../machine/registers.js";
import { describeResult, type ExitKind, type RunResult } from "../machine/run-result.js";
import type { Statistics } from "../machine/statistics.js";
import type { Diagnosis } from "../vmm/diagnosis/diagnosis.js";
import { type Monitor, monitorTable } from "./monitor-summary.js";
import { grouped } from "./numbers.js";

/** The summary of a run as plain data. */
export interface RunSummary extends Statistics {
  /** Image and format that was booted. */
  image: string;
  format: string;
  exit: {
    kind: ExitKind;
    /** The guest's code, for `guest-exit`. */
    code?: number;
    /** Exit code of the vmexit process. */
    processCode: number;
    /** One sentence. */
    description: string;
  };
  /** What sensitive instructions did that did not trap, with `diagnose`. */
  diagnosis?: Diagnosis;
  /** Size of RAM in bytes. */
  memoryBytes: number;
  registers: Registers;
  /** SHA-256 over registers, RAM and devices. */
  stateHash: string;
}

/** Collects the summary of `machine` after `result`. */
export function summarize(machine: Machine, result: RunResult, image: string, processCode: number): RunSummary {
  const { exit } = result;
  const diagnosis = machine.vm?.diagnosis();
  return {
    image,
    format: machine.plan.format,
    exit: {
      kind: exit.kind,
      ...(exit.kind === "guest-exit" ? { code: exit.code } : {}),
      processCode,
      description: describeResult(result),
    },
    ...(diagnosis === undefined ? {} : { diagnosis }),
    memoryBytes: machine.ram.length,
    ...machine.statistics(),
    registers: machine.registers(),
    stateHash: machine.stateHash(),
  };
}

function counts(record: Readonly<Record<string, number>>): string {
  const entries = Object.entries(record);
  return entries.length === 0 ? "none" : entries.map(([name, count]) => `${name} ${grouped(count)}`).join(", ");
}

/** The statistics as aligned lines for people; `monitor` is the one the guest ran under. */
export function statisticsLines(statistics: Statistics, monitor: Monitor | undefined): string[] {
  const { callOuts, tlb, code } = statistics;
  const rows: [string, string][] = [
    ["instructions", grouped(statistics.instructions)],
    ["virtual time", `${statistics.virtualSeconds.toFixed(6)} s`],
    ["host time", `${statistics.hostSeconds.toFixed(3)} s (${statistics.mips.toFixed(1)} MIPS)`],
    ["run loop", counts(statistics.exits)],
    ["port accesses", `${grouped(callOuts.portReads)} in, ${grouped(callOuts.portWrites)} out`],
    ["device memory", `${grouped(callOuts.memoryReads)} reads, ${grouped(callOuts.memoryWrites)} writes`],
    ["interrupts", grouped(statistics.interrupts)],
    ["exceptions", counts(statistics.exceptions)],
    ["TLB", `${grouped(tlb.misses)} misses, ${grouped(tlb.flushes)} flushes, ${grouped(tlb.pageFlushes)} page flushes`],
    ["code", `${grouped(code.blocksDecoded)} blocks decoded, ${grouped(code.blocksDropped)} dropped`],
  ];
  if (statistics.translator !== undefined) {
    const { regions, instructions, bytes, milliseconds, refused, ...fate } = statistics.translator;
    const size = `${grouped(instructions)} instructions, ${grouped(bytes)} bytes of WebAssembly`;
    rows.push(["regions", `${grouped(regions)} made of ${size}; ${grouped(refused)} refused`]);
    const gone = `${grouped(fate.dropped)} to be made anew, ${grouped(fate.evicted)} evicted`;
    rows.push(["region cache", `${grouped(fate.live)} regions, ${grouped(fate.liveBytes)} bytes`]);
    rows.push(["regions gone", `${gone}, ${grouped(fate.invalidated)} written over`]);
    rows.push(["region exits", `${grouped(fate.exitsFound)} known, ${grouped(fate.exitsSearched)} looked up`]);
    rows.push(["translating", `${milliseconds.toFixed(1)} ms`]);
  }
  for (const { opcode, name, address, count } of statistics.undefinedOpcodes) {
    const where = `first at 0x${address.toString(16).padStart(8, "0")}`;
    rows.push(["no such opcode", `${opcode} (${name}): ${grouped(count)} times, ${where}`]);
  }
  for (const { port, name, reads, writes } of statistics.unknownPorts) {
    rows.push(["unknown port", `0x${port.toString(16)} (${name}): ${grouped(reads)} in, ${grouped(writes)} out`]);
  }
  for (const { page, reads, writes } of statistics.unknownMemory) {
    rows.push(["unknown memory", `0x${page.toString(16)}: ${grouped(reads)} reads, ${grouped(writes)} writes`]);
  }
  const width = Math.max(14, ...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (monitor !== undefined && statistics.vmm !== undefined) lines.push(...monitorTable(monitor, statistics.vmm));
  return lines;
}

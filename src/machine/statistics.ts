/**
 * Counts of a run: what the processor counted, what it asked of the board, and what nobody answered.
 * Everything except `hostSeconds`, `mips` and `translator.milliseconds` depends on the run alone.
 */
import { Counter } from "../../assembly/abi/cpu.js";
import type { AbsentOpcode } from "../isa/absent.js";
import type { CpuView } from "../core/cpu-view.js";
import type { UnknownMemory, UnknownPort } from "../devices/bus.js";
import type { TranslatorStatistics } from "../translator/translator.js";
import type { VmmStatistics } from "../vmm/statistics.js";
import { exceptionName } from "../isa/exceptions.js";

/** How often the processor called out of its run, by kind. */
export interface CallOuts {
  portReads: number;
  portWrites: number;
  memoryReads: number;
  memoryWrites: number;
  interruptAcknowledges: number;
}

/** Counts since power-on of the machine object (a reset of the guest does not clear them). */
export interface Statistics {
  /** Instructions retired. */
  instructions: number;
  /** Virtual time in ticks: instructions, delivered events and skipped waiting. */
  ticks: number;
  /** Virtual time in seconds. */
  virtualSeconds: number;
  /** Host time spent inside `run`, in seconds. */
  hostSeconds: number;
  /** Millions of instructions a second of host time; 0 if nothing was run. */
  mips: number;
  /** Returns of the processor to the run loop, by reason. */
  exits: Record<string, number>;
  /** Calls from the processor to the board. */
  callOuts: CallOuts;
  /** External interrupts delivered. */
  interrupts: number;
  /** Exceptions delivered, by name; those that never happened are absent. */
  exceptions: Record<string, number>;
  tlb: { misses: number; flushes: number; pageFlushes: number };
  code: { blocksDecoded: number; blocksDropped: number; blockLookups: number; poolFlushes: number };
  /** What the monitor did for the guest, if there is one; its nanoseconds are the host's. */
  vmm?: VmmStatistics;
  /** What the translator has done, if the engine is one; its milliseconds are the host's. */
  translator?: TranslatorStatistics;
  /** Opcodes the guest executed that the machine does not have, by name: each raised #UD. */
  undefinedOpcodes: UndefinedOpcode[];
  /** Ports the guest used that no device has. */
  unknownPorts: UnknownPort[];
  /** Pages of physical memory the guest used that are neither RAM nor a device. */
  unknownMemory: UnknownMemory[];
}

/** An opcode the machine does not have, as the guest executed it. */
export interface UndefinedOpcode extends AbsentOpcode {
  /** Linear address of its first execution. */
  address: number;
  count: number;
}

const VECTORS = 32;

/** Exceptions delivered so far, by name. */
export function exceptionCounts(cpu: CpuView): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let vector = 0; vector < VECTORS; vector++) {
    const count = cpu.counter(Counter.EXCEPTIONS + vector);
    if (count > 0) counts[exceptionName(vector)] = count;
  }
  return counts;
}

/** The processor's own counters, named. */
export function processorCounts(cpu: CpuView): Pick<Statistics, "interrupts" | "exceptions" | "tlb" | "code"> {
  return {
    interrupts: cpu.counter(Counter.INTERRUPTS),
    exceptions: exceptionCounts(cpu),
    tlb: {
      misses: cpu.counter(Counter.TLB_MISSES),
      flushes: cpu.counter(Counter.TLB_FLUSHES),
      pageFlushes: cpu.counter(Counter.TLB_FLUSH_PAGES),
    },
    code: {
      blocksDecoded: cpu.counter(Counter.BLOCKS_DECODED),
      blocksDropped: cpu.counter(Counter.BLOCKS_DROPPED),
      blockLookups: cpu.counter(Counter.BLOCK_LOOKUPS),
      poolFlushes: cpu.counter(Counter.POOL_FLUSHES),
    },
  };
}

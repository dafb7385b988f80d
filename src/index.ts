/**
 * The library: machines made from plain objects, run to an exit, looked into and measured. Nothing here needs the
 * command line. docs/library.md has a tour.
 */
export { ImageError } from "./loaders/image-error.js";
export {
  type BootModule,
  type BootOptions,
  type BootPlan,
  IMAGE_FORMATS,
  type ImageFormat,
  type PlannedWrite,
  type StartState,
} from "./loaders/boot-plan.js";
export { planBoot } from "./loaders/plan-boot.js";
export type { ByteHandler } from "./machine/byte-handlers.js";
export {
  createMachine,
  Machine,
  type RunOptions,
  type SerialPort,
} from "./machine/machine.js";
export { inspectAddress } from "./machine/inspect-address.js";
export { ConfigError, type Engine, type MachineConfig, type Mark } from "./machine/machine-config.js";
export type { Registers, SettableRegister } from "./machine/registers.js";
export { exceptionName } from "./isa/exceptions.js";
export { describeResult, type ExitKind, type RunExit, type RunResult } from "./machine/run-result.js";
export type { CallOuts, Statistics } from "./machine/statistics.js";
export type { InspectedEntry, Inspection } from "./mm/inspect.js";
export { inspectionText } from "./mm/inspect-text.js";
export { Hypervisor, type HypervisorOptions, machineBytes } from "./vmm/hypervisor.js";
export type { IsaName, MmuKind, Rings, VmmKind, VmOptions } from "./vmm/options.js";
export type { ExitCount, VmmStatistics } from "./vmm/statistics.js";
export type { Timeline } from "./vmm/timeline.js";
export type { VirtualMachine } from "./vmm/virtual-machine.js";
export { compare, type ComparedGuest, type CompareOptions, type CompareProgress } from "./compare/compare.js";
export type {
  AbsentWay,
  Comparison,
  GuestComparison,
  HostTime,
  Properties,
  SectionResult,
  WayResult,
} from "./compare/comparison.js";
export type { Way } from "./compare/ways.js";
export type { CauseCount, Counts } from "./cost/counts.js";
export { type CheckedRelation, checkRelations, sectionCycles } from "./compare/costs.js";
export type { Cycles } from "./cost/cycles.js";
export type { CostKey, CostModel, Figure } from "./cost/model.js";
export { PRESETS as COST_PRESETS } from "./cost/presets.js";
export { CostError, readCostModel } from "./cost/read-model.js";

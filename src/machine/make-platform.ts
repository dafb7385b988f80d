/**
 * What a machine stands on, by its configuration: the bare core, or a virtual machine of a hypervisor.
 */
import { Core, type CoreHost } from "../core/core.js";
import { BarePlatform, type Platform } from "../core/platform.js";
import { Hypervisor, machineBytes, setIsa } from "../vmm/hypervisor.js";
import type { VmOptions } from "../vmm/options.js";
import type { CompleteConfig } from "./machine-config.js";

/** Makes the platform. `hypervisor` is given if the machine shares one with others. Errors: RangeError, OutOfFramesError. */
export function makePlatform(
  config: CompleteConfig,
  romBytes: number,
  host: CoreHost,
  hypervisor: Hypervisor | undefined,
): Platform {
  const { vmm, memoryBytes: ramBytes } = config;
  if (vmm === "none") {
    const core = Core.create({ ramBytes, romBytes }, host);
    setIsa(core, config.isa);
    return new BarePlatform(core);
  }
  const { mmu, isa, rings, diagnose, shadowFrames } = config;
  const options: VmOptions = { vmm, mmu, isa, rings, diagnose, ramBytes, shadowFrames };
  const own =
    hypervisor ??
    new Hypervisor({
      ramBytes: machineBytes([{ ...options, ramBytes: ramBytes + romBytes }]),
      isa,
    });
  return own.createVm(options, host, config.name);
}

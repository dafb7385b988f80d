/**
 * What a machine stands on, by its configuration: the bare core, or a virtual machine of a hypervisor.
 */
import { Core } from "../core/core.js";
import { PAGE_BYTES } from "../address.js";
import { BarePlatform, type Platform } from "../core/platform.js";
import type { TimerHandle, Timers } from "../devices/clock.js";
import type { BootPlan } from "../loaders/boot-plan.js";
import { ImageError } from "../loaders/image-error.js";
import type { VmClock, VmHost } from "../vmm/guest.js";
import { Hypervisor, machineBytes, setIsa } from "../vmm/hypervisor.js";
import type { VmOptions } from "../vmm/options.js";
import { misfit } from "../vmm/pv/build-domain.js";
import type { CompleteConfig } from "./machine-config.js";

/** Makes the platform. `hypervisor` is given if the machine shares one with others. Errors: ImageError, RangeError, OutOfFramesError. */
export function makePlatform(
  config: CompleteConfig,
  plan: BootPlan,
  host: VmHost,
  hypervisor: Hypervisor | undefined,
): Platform {
  const { vmm, memoryBytes: ramBytes } = config;
  const romBytes = plan.rom?.length ?? 0;
  const wrong = misplaced(vmm, plan, ramBytes);
  if (wrong !== undefined) throw new ImageError(wrong);
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

/** Why an image cannot run under a monitor, as a sentence; undefined if it can. */
function misplaced(vmm: CompleteConfig["vmm"], { format, domain }: BootPlan, ramBytes: number): string | undefined {
  if (domain === undefined) {
    if (vmm !== "pv") return undefined;
    return `expected a paravirtual kernel (with Xen's ELF notes) under vmm pv and found an image of format ${format}`;
  }
  if (vmm !== "pv") return `the image is a paravirtual kernel: expected vmm pv with it and found ${vmm}`;
  return misfit(domain, ramBytes / PAGE_BYTES);
}

/** The timers of a machine as its monitor uses them. */
export function vmClock(timers: Timers, hz: number): VmClock {
  return {
    hz,
    at: (time, action) => timers.at(time, action),
    cancel: (timer) => timers.cancel(timer as TimerHandle),
  };
}

/** Makes the platforms that conformance runners run on: a virtual machine of its own hypervisor for each. */
import type { CoreHost } from "../../src/core/core.js";
import type { Platform } from "../../src/core/platform.js";
import { Hypervisor, machineBytes } from "../../src/vmm/hypervisor.js";
import { MMUS_OF, type VmOptions } from "../../src/vmm/options.js";
import type { Way } from "./ways.js";

/** A maker of virtual machines run in this way, with `ramBytes` of RAM and room for `romBytes` of ROM. */
export function platformOf(way: Way, ramBytes: number, romBytes = 0): (host: CoreHost) => Platform {
  const vmm = way.vmm as VmOptions["vmm"];
  const options: VmOptions = {
    vmm,
    mmu: (way.mmu ?? MMUS_OF[vmm][0]) as VmOptions["mmu"],
    isa: way.isa ?? "umip",
    rings: way.rings ?? "0/1/3",
    diagnose: false,
    ramBytes,
    shadowFrames: 512,
  };
  const bytes = machineBytes([{ ...options, ramBytes: ramBytes + romBytes }]);
  return (host) => new Hypervisor({ ramBytes: bytes, isa: options.isa }).createVm(options, host);
}

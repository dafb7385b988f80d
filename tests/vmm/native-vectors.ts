/** Runs the committed native vectors in a virtual machine. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { NativeVectorReader } from "../../src/conform/native-vectors.js";
import { RESET_ROM_BYTES, USER_MODE_RAM } from "../../src/conform/user-mode-machine.js";
import { UserModeRunner } from "../../src/conform/user-mode-runner.js";
import { Hypervisor, machineBytes } from "../../src/vmm/hypervisor.js";
import type { MmuKind, VmOptions } from "../../src/vmm/options.js";

/** Ways to run a guest in which user code sees nothing but the bare machine, whatever it does. */
export const WAYS: readonly (readonly [VmOptions["vmm"], MmuKind])[] = [
  ["vt", "ept"],
  ["vt", "shadow"],
];

/** Differences worth printing. */
export const MISMATCHES_SHOWN = 10;

/** Runs every `share`-th vector; tells how many were run and what differed. */
export function mismatches(vmm: VmOptions["vmm"], mmu: MmuKind, share: number): { run: number; wrong: string[] } {
  const reader = new NativeVectorReader("native-user.vxv.gz");
  const file = new URL("../vectors/native-user.vxv.gz", import.meta.url);
  const cases = reader.push(gunzipSync(readFileSync(file)));
  reader.finish();
  const options: VmOptions = {
    vmm,
    mmu,
    isa: "umip",
    rings: "0/1/3",
    diagnose: false,
    ramBytes: USER_MODE_RAM,
    shadowFrames: 512,
  };
  const ramBytes = machineBytes([{ ...options, ramBytes: USER_MODE_RAM + RESET_ROM_BYTES }]);
  const runner = new UserModeRunner(reader.environment!, {
    platform: (host) => new Hypervisor({ ramBytes, isa: "umip" }).createVm(options, host),
  });
  const wrong: string[] = [];
  let run = 0;
  for (let i = 0; i < cases.length; i += share, run++) {
    const differences = runner.run(cases[i]!);
    if (differences.length > 0) {
      wrong.push(`${i} ${Buffer.from(cases[i]!.code).toString("hex")}: ${JSON.stringify(differences)}`);
    }
  }
  return { run, wrong };
}
